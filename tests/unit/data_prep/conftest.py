"""Rows and a small MedSafetyBench in the upstream format, made here; the real one only where
PRIMUM_TEST_DATA says where it is.
"""

from __future__ import annotations

import csv
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from built_pairs import demonstration
from shape_rows import Read

from data_prep.config import SourceConfig
from data_prep.pairs.candidates import Candidate
from data_prep.sources import read_source, read_table
from data_prep.sources.rows import SourceRows
from records.rows import Demonstration, Split, assistant


@pytest.fixture
def pair(row: Callable[..., Demonstration]) -> Callable[..., list[Demonstration]]:
    """A harmful request and its twin that share no word with any other pair."""

    def make(name: str, **fields: Any) -> list[Demonstration]:
        return [
            row(
                f"{name}-harmful",
                f"alpha{name} beta{name} gamma{name}",
                twin_id=f"{name}-twin",
                **fields,
            ),
            row(
                f"{name}-twin",
                f"delta{name} eps{name} zeta{name}",
                twin_id=f"{name}-harmful",
                **(fields | {"kind": "benign", "suite": "twins"}),
            ),
        ]

    return make


@pytest.fixture
def read() -> Callable[..., list[Demonstration]]:
    """A source called "set" of a format and a path."""

    def of(source_format: Any, path: Path, **fields: Any) -> list[Demonstration]:
        return read_source(
            SourceConfig(name="set", format=source_format, path=str(path), **fields), seed=0
        )

    return of


def write_category(path: Path, rows: list[tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["", "harmful_medical_request", "safe_response"])
        writer.writerows((number, *cells) for number, cells in enumerate(rows))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with datasets/{train,test}/{gpt4,llama2}: two rows a file, categories 1 and
    9.
    """
    root = tmp_path / "med-safety-bench"
    for split in ("train", "test"):
        for generator in ("gpt4", "llama2"):
            for category in (1, 9):
                name = f"{split}{generator}{category}"
                rows = [
                    (
                        f"{name}a request, with {number}{name}",
                        f'I\'m sorry, but "no" {name}{number}.',
                    )
                    for number in "xy"
                ]
                write_category(
                    root
                    / "datasets"
                    / split
                    / generator
                    / f"med_safety_demonstrations_category_{category}.csv",
                    rows,
                )
    return root


@pytest.fixture
def real_medsafetybench() -> Path:
    folder = os.environ.get("PRIMUM_TEST_DATA")
    if not folder or not (Path(folder) / "medsafetybench").is_dir():
        pytest.skip(
            "set PRIMUM_TEST_DATA to a folder with medsafetybench/ in it to test on the real data"
        )
    return Path(folder) / "medsafetybench"


@pytest.fixture
def table(tmp_path: Path) -> Read:
    def read(*rows: Any, **fields: Any) -> SourceRows:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        return read_table(
            SourceConfig(name="mine", format="jsonl", path=str(path), **fields), seed=0
        )

    return read


@pytest.fixture
def world() -> tuple[list[Demonstration], dict[str, list[Candidate]]]:
    """Forty twins and four policy completions to each harmful prompt, with scores of all kinds."""
    rng = random.Random(1)
    demos, found = [], {}
    for number in range(40):
        split: Split = "val" if number % 4 == 0 else "train"
        harmful, benign = (
            demonstration(number, "harmful", split),
            demonstration(number, "benign", split),
        )
        demos += [harmful, benign]
        made = []
        for sample in range(4):
            refuses = rng.random() < 0.2
            score = None if rng.random() < 0.1 else 1.0 if refuses else round(rng.uniform(1, 5), 2)
            text = f"Sure, do step {sample} of {number} at once."
            made.append(
                Candidate(
                    assistant(text), "base", score, "full" if refuses else "none", sample % 2 == 0
                )
            )
        found[harmful.id] = [
            *made,
            Candidate(harmful.completion, "demonstration", 1.05, "full", True),
        ]
        own = Candidate(
            assistant(f"The answer to {number} is yes."),
            "base",
            1.2,
            rng.choice(["none", "none", "full"]),
            True,
        )
        found[benign.id] = [own, Candidate(benign.completion, "demonstration", 1.1, "none", True)]
    return demos, found
