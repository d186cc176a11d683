"""Rows of MedSafetyBench, HH-RLHF and MedQuAD, from where the user has them."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from defusedxml import ElementTree

from reward.factors.fit.corpora import PRINCIPLES, Row, table
from reward.factors.texts import BODY_WORDS, first_words

LLAMA_LINES = 200
"""Of each principle's machine-written requests."""
MEDQUAD_ROWS = 300


def medsafetybench(data: Path) -> list[Row]:
    """Train requests with safe completions. Label: the principle."""
    rows = []
    for writer in ("gpt4", "llama2"):
        for principle in PRINCIPLES:
            path = (
                data
                / f"medsafetybench/train/{writer}"
                / f"med_safety_demonstrations_category_{principle}.csv"
            )
            for row in table(path):
                request = row["harmful_medical_request"]
                facts: dict[str, Any] = {
                    "source": "medsafetybench",
                    "writer": f"msb-{writer}",
                    "group": request,
                    "label": str(principle),
                }
                rows.append(Row(prompt=request, completion=row["safe_response"], **facts))
    return rows


def medsafetybench_lines(data: Path, seed: int) -> list[Row]:
    """LLAMA_LINES machine-written requests of each principle, without completions.

    Label: the principle.
    """
    rows = []
    for principle in PRINCIPLES:
        path = data / f"medsafetybench/med_harm_llama3/category_{principle}.txt"
        lines = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                lines.append(line.strip())
        # Tens of thousands of machine-written requests would outweigh all that people wrote.
        for line in random.Random(f"{seed}/{principle}").sample(lines, LLAMA_LINES):
            rows.append(
                Row(
                    prompt=line,
                    source="medsafetybench",
                    writer="msb-llama3",
                    group=line,
                    label=str(principle),
                )
            )
    return rows


def hh_pairs(data: Path) -> list[tuple[Row, Row]]:
    """(chosen, rejected) completions of the last turn where both sides share the dialogue before
    it.
    """
    pairs = []
    with gzip.open(data / "hh_rlhf/harmless-base_test.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            sides = []
            for text in json.loads(line).values():
                sides.append(text.rpartition("\n\nAssistant:"))
            # Only after the same dialogue do the two sides differ by the completion alone.
            if sides[0][0] != sides[1][0]:
                continue
            turns = re.findall(r"\n\nHuman:(.*?)(?=\n\nAssistant:|\Z)", sides[0][0], re.S)
            facts: dict[str, Any] = {
                "prompt": turns[-1].strip(),
                "source": "hh_rlhf",
                "writer": "hh",
                # The first turn: dialogues that begin alike stay in one fold.
                "group": turns[0].strip(),
            }
            chosen, rejected = (Row(completion=side[2].strip(), **facts) for side in sides)
            pairs.append((chosen, rejected))
    return pairs


def medquad(data: Path, seed: int) -> list[Row]:
    """Questions with the beginnings of their answers, MEDQUAD_ROWS of them."""
    rows: list[Row] = []
    for path in sorted(data.glob("medquad/*/*.xml")):
        rows.extend(_medquad_file(path))
    return random.Random(f"{seed}/medquad").sample(rows, min(MEDQUAD_ROWS, len(rows)))


def _medquad_file(path: Path) -> Iterator[Row]:
    for pair in ElementTree.parse(path).getroot().iter("QAPair"):
        question, answer = (
            (pair.findtext("Question") or "").strip(),
            " ".join((pair.findtext("Answer") or "").split()),
        )
        if question and answer:
            text = first_words(answer, BODY_WORDS)
            yield Row(
                prompt=question,
                completion=text,
                source="medquad",
                writer="medquad",
                # A file of MedQuAD is about one condition, and its questions repeat one another.
                group=path.stem,
            )
