"""A FIFO, a device, a bomb in the place of any file that a user gives: told at once, by what hashes
it and by what reads it.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from data_prep.config import SourceConfig
from data_prep.pairs.expert_labels import hash_labels, read_labels
from data_prep.review.ratings import read_ratings
from data_prep.source_registry import SOURCES, source_kind
from data_prep.sources import read_source
from eval.config import EvalConfig, SuiteConfig
from eval.suites.loading import own_suites
from pipeline.run.config_loading import load_config
from pipeline.run.job_script import read_job_script
from records.errors import PrimumError
from records.own_files import parsed
from records.rows import Prompt, read_records
from records.stage_folder import StageDirectory

FORMATS = [name for name in SOURCES if source_kind(name).path]
EVALUATION = ("kqa", "xstest", "pubmedqa")


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """A reader that waits for a FIFO ends the tests instead of stopping them all."""
    signal.alarm(120)
    yield
    signal.alarm(0)


def source(name: str, path: Path) -> SourceConfig:
    return SourceConfig(
        name="made",
        format=name,
        path=str(path),
        evaluation_only=True if name in EVALUATION else None,
    )  # type: ignore[arg-type]


def told(read: Callable[[], object]) -> str:
    with pytest.raises(PrimumError) as caught:
        read()
    assert all("; " in fault for fault in caught.value.faults[:1])
    return caught.value.faults[0]


@pytest.mark.parametrize("name", FORMATS)
def test_a_source_that_is_no_file_is_told(tmp_path: Path, name: str) -> None:
    fifo = tmp_path / "rows.jsonl"
    os.mkfifo(fifo)
    for place in (fifo, tmp_path, Path("/dev/zero")):
        assert "wanted a file" in told(lambda place=place: read_source(source(name, place), seed=0))  # type: ignore[misc]


@pytest.mark.parametrize(
    "suffix", [".jsonl", ".csv", ".tsv", ".json", ".jsonl.gz", ".csv.gz", ".json.gz", ".parquet"]
)
def test_a_source_may_be_a_folder_of_odd_names(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"rows{suffix}")
    (tmp_path / "good.jsonl").write_text('{"prompt": "Q?"}\n')
    assert "is a FIFO" in told(lambda: read_source(source("jsonl", tmp_path), seed=0))


READERS: dict[str, Callable[[Path], object]] = {
    "suite": lambda path: own_suites(EvalConfig(suites=[SuiteConfig(name="a", path=str(path))])),
    "labels": lambda path: read_labels([str(path)]),
    "hashes of labels": lambda path: hash_labels([str(path)]),
    "ratings": lambda path: read_ratings([path], batch="b", items=set()),
    "settings": lambda path: load_config(path),
    "job script": lambda path: read_job_script(path),
    "rows of a stage": lambda path: read_records(path, Prompt),
    "manifest": lambda path: StageDirectory(manifest(path)).manifest(),
}


def manifest(path: Path) -> Path:
    (path.parent / "stage").mkdir()
    (path.parent / "stage" / "manifest.json").symlink_to(path)
    return path.parent / "stage"


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
def test_nothing_else_that_is_named_waits_or_fails_either(
    tmp_path: Path, name: str, kind: str
) -> None:
    path = tmp_path / "file"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
        if name == "manifest":
            return
    with pytest.raises(PrimumError):
        READERS[name](path)


DEEP = "[" * 1000 + "1" + "]" * 1000
NESTED = {
    "jsonl": f'{{"prompt": "Q?", "chosen": {DEEP}}}\n',
    "instruction_json": f'[{{"instruction": "Q?", "output": {DEEP}}}]',
    "hh_rlhf": f'{{"chosen": {DEEP}, "rejected": ""}}\n',
    "kqa": f'{{"Question": {DEEP}}}\n',
    "xstest": f'{{"prompt": {DEEP}}}\n',
    "safety_tuned_llamas": f'[{{"instruction": {DEEP}}}]',
    "pubmedqa": f'{{"1": {DEEP}}}',
    "medquad": "<a>" * 100_000,
}


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("levels", [900, 100_000])
def test_nesting_is_told(tmp_path: Path, name: str, levels: int) -> None:
    file = {
        "medquad": "a.xml",
        "instruction_json": "a.json",
        "safety_tuned_llamas": "demonstrations.json",
        "pubmedqa": "ori_pqal.json",
        "hh_rlhf": "harmless.jsonl",
        "xstest": "xstest_prompts.jsonl",
        "kqa": "questions.jsonl",
    }.get(name, "rows.jsonl")
    (tmp_path / file).write_text(
        NESTED[name].replace(DEEP, DEEP[:1] * levels + "1" + DEEP[-1:] * levels)
    )
    fault = told(lambda: read_source(source(name, tmp_path / file), seed=0))
    assert "nested more than" in fault or name == "medquad"


@pytest.mark.parametrize("levels", [70, 900, 100_000])
def test_nesting_in_own_records_and_cells_is_told(tmp_path: Path, levels: int) -> None:
    deep = "[" * levels + "]" * levels
    with pytest.raises(ValueError, match="nested more than 64 levels deep"):
        parsed(deep.encode())
    (tmp_path / "rows.jsonl").write_text(
        json.dumps({"prompt": f'[{{"role": "user", "content": {deep}}}]'}) + "\n"
    )
    assert "messages as text" in told(
        lambda: read_source(source("jsonl", tmp_path / "rows.jsonl"), seed=0)
    )
    (tmp_path / "rows.jsonl").unlink()
    (tmp_path / "label-studio.json").write_text(deep)
    assert "nested more than" in told(
        lambda: read_ratings([tmp_path / "label-studio.json"], batch="b", items=set())
    )
    assert sys.getrecursionlimit() >= 1000


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".csv.gz", ".json.gz"])
def test_an_archive_without_an_end_is_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    with gzip.open(path, "wb", compresslevel=6) as file:
        for _ in range(80):
            file.write(b"x" * 2**20)
    fault = told(lambda: read_source(source("jsonl", path), seed=0))
    assert (
        "unpacks to more than 64 MB" in fault
        or "a line of more than 16 million characters" in fault
    )


def test_a_cell_without_an_end_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('prompt\n"' + "x" * (2**24 + 1) + '"\n')
    assert "field larger than field limit" in told(
        lambda: read_source(source("jsonl", path), seed=0)
    )


def test_a_table_that_unpacks_without_an_end_is_told(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"prompt": ["x" * 100_000] * 2000}), path)
    assert "unpacks to more than 200 times its size" in told(
        lambda: read_source(source("jsonl", path), seed=0)
    )
