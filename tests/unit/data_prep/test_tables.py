"""Files as people have them: every one is read or named, and a remedy fits what is wrong with
it.
"""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from data_prep.config import SourceConfig
from data_prep.sources import read_source
from records.errors import RecordError
from records.rows import text_of

ROWS = [{"prompt": "P, one", "completion": "A; one"}, {"prompt": "Q", "completion": "B"}]
WANTED = [("P, one", "A; one"), ("Q", "B")]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


def read(path: Path, source_format: Any = "jsonl", **fields: Any) -> list[tuple[str, str]]:
    rows = read_source(
        SourceConfig(name="mine", format=source_format, path=str(path), **fields), seed=0
    )
    return [(text_of(row.prompt), text_of(row.completion)) for row in rows]


def faults_of(path: Path, source_format: Any = "jsonl", **fields: Any) -> list[str]:
    with pytest.raises(RecordError) as caught:
        read(path, source_format, **fields)
    return [fault.removeprefix(str(path)) for fault in caught.value.faults]


def lines() -> str:
    return "".join(f"{json.dumps(row)}\n" for row in ROWS)


def table(path: Path, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([list(ROWS[0]), *(row.values() for row in ROWS)])
    return path


# --- columns and keys that are there twice


@pytest.mark.parametrize("source_format", ["jsonl", "hub"])
def test_a_header_that_names_a_column_twice_is_refused(tmp_path: Path, source_format: Any) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("\nprompt,completion, prompt,completion,x\nP,A,Q,B,1\n")
    assert faults_of(path, source_format) == [
        f":2: the header names the column {name!r} 2 times, and only one of them can be read; "
        "rename or remove the others"
        for name in ("prompt", "completion")
    ]


def test_a_header_without_a_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(",prompt,\n0,P,A\n")
    (fault,) = faults_of(path)
    assert fault.startswith(":1: the header has no name for column 1, 3; name it or remove it")


@pytest.mark.parametrize("source_format", ["jsonl", "hub"])
def test_a_key_that_stands_twice_in_an_object_is_refused(
    tmp_path: Path, source_format: Any
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"prompt": "P"}\n{"prompt": "P", "prompt": "Q"}\n{"messages": [{"role": "user", "content":'
        ' "P", "content": "Q"}]}\n'
    )
    assert [fault.split("(")[1].split(";")[0] for fault in faults_of(path, source_format)] == [
        "an object has the key 'prompt' 2 times",
        "an object has the key 'content' 2 times",
    ]
    (tmp_path / "rows.json").write_text('[{"instruction": "P", "instruction": "Q"}]')
    assert (
        "an object has the key 'instruction' 2 times"
        in faults_of(tmp_path / "rows.json", "instruction_json")[0]
    )


# --- words for no value


@pytest.mark.parametrize("word", ["None", "null", "NaN"])
@pytest.mark.parametrize("source_format", ["jsonl", "hub"])
def test_whether_none_is_a_text_is_not_guessed(
    tmp_path: Path, source_format: Any, word: str
) -> None:
    """pandas reads the word as no value, a csv reader as a text: either way a program would decide
    what the author meant.
    """
    path = tmp_path / "rows.csv"
    path.write_text(f"prompt,Completion,topic\nP,{word},t\nQ,B,{word}\n")
    (fault,) = faults_of(path, source_format)
    assert fault.startswith(
        f":2: 'Completion' is the word {word}: a text, or no value? Leave the cell empty"
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    path.rename(folder / "train.csv")
    (fault,) = faults_of(folder, "hub")
    assert f"row 0 (counted from 0): 'Completion' is the word {word}" in fault


@pytest.mark.parametrize("source_format", ["jsonl", "hub"])
def test_an_empty_cell_is_no_value_and_other_words_of_pandas_are_texts(
    tmp_path: Path, source_format: Any
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "train.csv").write_text("prompt,completion,topic\nP,,None\nNA,N/A,\n")
    for path in (folder, folder / "train.csv"):
        assert read(path, source_format) == [("P", ""), ("NA", "N/A")]


def test_nulls_of_parquet_are_no_values(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {"prompt": ["P", "Q"], "completion": [None, "None"], "principle": [float("nan"), 3.0]}
    datasets.Dataset.from_dict(rows).to_parquet(str(tmp_path / "rows.parquet"))
    for source_format in ("jsonl", "hub"):
        assert read(tmp_path / "rows.parquet", source_format) == [("P", ""), ("Q", "None")]


# --- folders


def test_a_folder_reads_every_file_of_rows_whatever_the_case_of_its_name(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    (tmp_path / "a.JSONL").write_text('{"prompt": "a"}\n')
    (tmp_path / "b.json").write_text('[{"prompt": "b"}]')
    (tmp_path / "c.json").write_text('{"prompt": "c"}\n{"prompt": "c2"}\n')
    (tmp_path / "d.CSV").write_text("prompt\nd\n")
    (tmp_path / "e.tsv").write_text("prompt\tcompletion\ne\t1, 2\n")
    (tmp_path / "f.jsonl.GZ").write_bytes(gzip.compress(b'{"prompt": "f"}\n', mtime=0))
    (tmp_path / "g.csv.gz").write_bytes(gzip.compress(b"prompt\ng\n", mtime=0))
    datasets.Dataset.from_dict({"prompt": ["h"]}).to_parquet(str(tmp_path / "h.PARQUET"))
    for name in (
        "README.md",
        "LICENSE",
        ".hidden.jsonl",
        "dataset_infos.json",
        "licence.txt",
        "notes.md",
    ):
        (tmp_path / name).write_text("no rows")
    (tmp_path / "pictures").mkdir()
    assert [prompt for prompt, _ in read(tmp_path)] == [
        "a",
        "b",
        "c",
        "c2",
        "d",
        "e",
        "f",
        "g",
        "h",
    ]


def test_a_folder_names_each_file_that_may_hold_rows_and_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": "a"}\n')
    for name in ("b.xlsx", "c.txt", "d.zip"):
        (tmp_path / name).write_text("?")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "e.jsonl").write_text('{"prompt": "e"}\n')
    faults = faults_of(tmp_path)
    assert [fault.split(":")[0] for fault in faults] == [
        "/b.xlsx",
        "/c.txt",
        "/d.zip",
        "/more/e.jsonl",
    ]
    assert all("; " in fault or "Convert it" in fault for fault in faults)


def test_of_files_called_train_and_test_those_of_test_are_for_evaluation_only(
    tmp_path: Path,
) -> None:
    for name in ("train", "test"):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"prompt": "{name}"}}\n')
    rows = read_source(SourceConfig(name="mine", format="jsonl", path=str(tmp_path)), seed=0)
    assert {text_of(row.prompt): row.split for row in rows} == {"train": "train", "test": "test"}


# --- bytes


def test_a_byte_order_mark_is_no_part_of_the_rows(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(lines(), encoding="utf-8-sig")
    (tmp_path / "rows.json").write_text(json.dumps(ROWS), encoding="utf-8-sig")
    table(tmp_path / "rows.csv", encoding="utf-8-sig")
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(lines().encode("utf-8-sig")))
    for name in ("rows.jsonl", "rows.json", "rows.csv", "rows.jsonl.gz"):
        assert read(tmp_path / name) == WANTED


@pytest.mark.parametrize("source_format", ["jsonl", "hub"])
def test_a_cell_may_be_longer_than_the_csv_module_reads_by_itself(
    tmp_path: Path, source_format: Any
) -> None:
    (tmp_path / "rows.csv").write_text(f"prompt,completion\nP,{'x' * 200_000}\n")
    assert [len(completion) for _, completion in read(tmp_path / "rows.csv", source_format)] == [
        200_000
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv"])
def test_the_header_says_the_delimiter(tmp_path: Path, delimiter: str, name: str) -> None:
    assert read(table(tmp_path / name, delimiter)) == WANTED
    header, _, rest = (tmp_path / name).read_text().partition("\n")
    (tmp_path / name).write_text(f"Frage{delimiter}Antwort\n{rest}")
    assert read(tmp_path / name, prompt_field="Frage", completion_field="Antwort") == WANTED
    (tmp_path / name).write_text(f"sep={delimiter}\n{header}\n{rest}")
    assert read(tmp_path / name) == WANTED


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.json"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PAR1\x15\x04", "is Parquet, not text in UTF-8; end its name in .parquet"),
        (
            gzip.compress(b"{}", mtime=0),
            "is packed with gzip, not text in UTF-8; end its name in .gz",
        ),
        (b"PK\x03\x04\x14", "is a zip archive or a workbook (.xlsx)"),
        ("\ufeffprompt\nP\n".encode("utf-16-le"), "is UTF-16, not text in UTF-8; save it as UTF-8"),
        ("\ufeffprompt\nP\n".encode("utf-16-be"), "is UTF-16"),
        ("prompt\nP\n".encode("utf-16-le"), "is UTF-16 without a byte order mark"),
        (b"SQLite format 3\x00", "is an SQLite database"),
        (b"\xd0\xcf\x11\xe0", "is a workbook (.xls)"),
    ],
)
def test_a_file_that_is_no_text_is_told_for_what_it_is(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (fault,) = faults_of(tmp_path / name)
    assert fault.startswith(f": {said}")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.parquet", b"PAR1 and no more"),
        ("rows.jsonl.gz", b'{"prompt": "P"}\n'),
        ("rows.csv.gz", gzip.compress(b"prompt\nP\n", mtime=0)[:-4]),
        ("rows.jsonl", b"[" * 100_000),
        ("rows.json", b"[" * 100_000),
        ("rows.json", b'{\n"prompt": "P"\n}\n'),
        ("rows.jsonl", b"1" * 10_000),
        ("rows.csv", b'prompt,completion\nP,"never closed\n'),
        ("rows.csv", b"caf\xe9\n"),
        ("rows.jsonl", b'{"prompt": "caf\xe9"}\n'),
    ],
)
def test_a_broken_file_is_one_fault_that_names_it(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    (fault,) = faults_of(tmp_path / name)
    assert fault.startswith(":")
