"""Files that Primum reads back say what is wrong with them, whatever lies in their place."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from data_prep.review.review_files import read_batch
from eval.results.results import Results
from eval.results.scoreboard_row import ScoreboardRow
from pipeline.run.kept_epoch import KeptEpoch
from records.errors import ArtifactError
from records.own_files import entry, read_own, read_rows, sealed, sealed_line, unsealed
from records.stage_folder import read_json, write_json
from records.stage_records import Manifest, RunRecord
from train.engine.checkpoint_files import Pointer

WRONG = {
    "empty object": b"{}",
    "list": b"[]",
    "number": b"0",
    "null": b"null",
    "list of a number": b"[1]",
    "text": b'"text"',
    "half written": b'{"fingerprint": "f1", "files": {"ro',
    "empty": b"",
    "zeroed": b"\0" * 64,
    "not UTF-8": b'{"fingerprint": "\xff\xfe"}',
    "NaN": b'{"fingerprint": NaN, "files": NaN, "checkpoints": NaN, "epoch": NaN}',
    "nested lists": b"[" * 100_000,
    "nested objects": b'{"a":' * 100_000,
    "a key twice": b'{"fingerprint": "f1", "fingerprint": "f2"}',
    "values of other types": (
        b'{"fingerprint": [], "files": [], "checkpoints": {}, "epoch": true, "policies": 1}'
    ),
    "a number beyond all bounds": b'{"epoch": ' + b"9" * 10_000 + b"}",
    "half a character": b'{"fingerprint": "\\ud800", "seal": "\\ud800"}',
}
RECORDS = {
    "manifest.json": Manifest.from_json,
    "run.json": RunRecord.from_json,
    "latest.json": Pointer.from_json,
    "selection.json": KeptEpoch.from_json,
    "results.json": Results.from_json,
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("name", RECORDS)
def test_a_record_of_the_wrong_shape_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        read_own(tmp_path / name, RECORDS[name])
    (fault,) = caught.value.faults
    assert fault.startswith(f"{tmp_path / name}: ")
    assert len(fault) < 500
    assert fault.isprintable()


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_line_of_the_wrong_shape_is_named_and_the_others_are_kept(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "scoreboard.jsonl"
    row = {"stage": "sft", "epoch": 0, "step": 0, "over_refusal_by_suite": {}}
    row |= {
        name: {"mean": 0.5, "n": 4}
        for name in ("harmfulness", "share_4_5", "refusal_rate", "over_refusal_rate")
    }
    path.write_bytes(
        sealed_line(row).encode() + content + b"\n" + sealed_line({**row, "epoch": 1}).encode()
    )
    rows, faults = read_rows(path, ScoreboardRow.from_json)
    assert [row.epoch for row in rows] == [0, 1]
    (fault,) = faults
    assert fault.startswith(f"{path}:2: ")


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_batch_for_review_with_a_wrong_manifest_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"manifest\.json"):
        read_batch(tmp_path)


@pytest.mark.parametrize(
    "content",
    [WRONG[name] for name in WRONG if name not in ("empty object", "list", "number", "null")],
)
def test_json_of_any_shape_is_read_or_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "any.json").write_bytes(content)
    with suppress(ArtifactError):
        read_json(tmp_path / "any.json")


@pytest.mark.parametrize("record", [{"a": "\ud800"}, {"\udfff": 1}], ids=["value", "key"])
def test_half_a_surrogate_pair_is_sealed_as_any_other_text(record: dict[str, int | str]) -> None:
    """JSON can carry one, so a record may hold it."""
    assert unsealed(json.loads(json.dumps(sealed(record)))) == record


def test_a_pipe_and_a_folder_are_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    (tmp_path / "manifest.json").mkdir()
    for name in ("run.json", "manifest.json"):
        with pytest.raises(ArtifactError, match="no regular file"):
            read_own(tmp_path / name, RECORDS[name])


def test_a_seal_fits_what_json_makes_of_the_record(tmp_path: Path) -> None:
    record = {
        "fingerprint": "é\u2028",
        "numbers": [1, 1.0, 0.1 + 0.2, -0.0, 1e300],
        "by_number": {10: (1, 2), 9: None},
    }
    write_json(tmp_path / "run.json", sealed(record))
    assert read_own(tmp_path / "run.json", lambda value: value) == json.loads(json.dumps(record))


@pytest.mark.parametrize("change", [{"a": 2}, {"b": 1}, {"a": 1.0}, {"a": None}, {}])
def test_an_entry_that_was_changed_added_or_dropped_does_not_fit_the_seal(
    change: dict[str, object],
) -> None:
    record = sealed({"a": 1})
    changed = {**record, **change} if change else {"seal": record["seal"]}
    with pytest.raises(ValueError, match="changed since it was written"):
        unsealed(changed)


def test_a_record_of_an_earlier_version_has_no_seal() -> None:
    assert unsealed({"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, int),
        (1.5, int),
        (float("nan"), float),
        (float("inf"), float),
        ("1", float),
        (None, str),
        (1, str),
    ],
)
def test_an_entry_of_another_type_is_said_with_what_was_wanted(
    value: object, kind: type[int | float | str]
) -> None:
    with pytest.raises(ValueError, match=r"epoch: wanted .*, got"):
        entry({"epoch": value}, "epoch", kind)


def test_a_whole_number_will_do_for_a_float_and_nothing_for_what_is_optional() -> None:
    assert entry({"x": 2}, "x", float) == 2
    assert entry({}, "x", float, optional=True) is None
    with pytest.raises(ValueError, match="x: wanted a finite number, got nothing"):
        entry({}, "x", float)


def test_the_beginning_of_a_line_is_cut_off_and_zeroes_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    whole = sealed_line({"id": 1}).encode()
    path.write_bytes(whole + whole[:9])
    assert read_rows(path, dict, own=False) == ([{"id": 1}], [])
    assert path.read_bytes() == whole + whole[:9]
    assert read_rows(path, dict) == ([{"id": 1}], [])
    assert path.read_bytes() == whole
    path.write_bytes(b"\0" * len(whole))
    rows, faults = read_rows(path, dict, own=False)
    assert not rows
    assert len(faults) == 1


@pytest.mark.parametrize("torn", ['{"id": 2, "te', '{"id": 2}', "{"])
def test_a_half_written_last_line_is_cut_off_for_good(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"id": 1}}\n{torn}')
    assert read_rows(path, dict) == ([{"id": 1}], [])
    with path.open("a") as file:
        file.write('{"id": 3}\n')
    assert read_rows(path, dict) == ([{"id": 1}, {"id": 3}], [])


def test_a_last_line_torn_inside_a_character_is_cut_off_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes('{"id": 1}\n{"id": "é'.encode()[:-1])
    assert read_rows(path, dict) == ([{"id": 1}], [])


def test_a_file_that_nobody_has_appended_to_has_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "nothing.jsonl", dict) == ([], [])
