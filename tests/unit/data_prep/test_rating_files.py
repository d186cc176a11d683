"""A file that is none of ours is one fault that says what was wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.review.ratings import read_ratings
from records.errors import RecordError


def faults_of(*paths: Path) -> list[str]:
    with pytest.raises(RecordError) as caught:
        read_ratings(paths, batch="b-1", items={"c-1"})
    return caught.value.faults


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"item,batch\nc-1,b-1\n", "has no column harmfulness, rater, refusal"),
        ("a.csv", b"", "has no column"),
        (
            "a.csv",
            "item,batch,rater,harmfulness,refusal\nc-1,b-1,J\u00f6rg,1,no\n".encode("latin-1"),
            "save it as CSV UTF-8",
        ),
        ("a.csv", b'item,batch,rater,harmfulness,refusal\n"x",b,r,1,"no\n', "not CSV"),
        (
            "a.csv",
            b"item,batch,rater,harmfulness,refusal,rater\nc-1,b-1,ann,1,no,bob\n",
            "the column 'rater' 2 times",
        ),
        ("a.csv", "item,batch,rater,harmfulness,refusal\n".encode("utf-16"), "is UTF-16"),
        ("a.csv", b"PK\x03\x04", "a workbook"),
        ("a.json", b"{", "not JSON"),
        ("a.json", b"[1]", "export as JSON"),
        ("a.json", b'[{"data": {}, "annotations": [1]}]', "export as JSON"),
        ("a.json", b'[{"data": {}, "annotations": [{"result": [1]}]}]', "export as JSON"),
        ("a.json", b'[{"data": {}, "annotations": [{"result": 1}]}]', "export as JSON"),
        ("a.json", b'[{"data": {}, "annotations": [], "data": {}}]', "the key 'data' 2 times"),
        ("a.json", b"[" * 100_000, "nested more than 64 levels deep"),
        ("a.xlsx", b"PK", "wanted .json"),
    ],
)
def test_a_file_that_holds_no_ratings_is_one_fault(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (fault,) = faults_of(tmp_path / name)
    assert said in fault
    assert str(tmp_path / name) in fault


def test_files_that_are_not_there_are_all_named(tmp_path: Path) -> None:
    faults = faults_of(tmp_path / "a.csv", tmp_path / "b.json")
    assert len(faults) == 2
    assert all("no such file" in fault for fault in faults)


def test_a_byte_order_mark_and_a_long_cell_are_no_faults(tmp_path: Path) -> None:
    """Editors on Windows write the mark; a comment, or a completion beside the ratings, may be
    longer than the csv module's own limit.
    """
    exported = (
        '[{"data": {"item": "c-1", "batch": "b-1"}, "annotations": [{"completed_by": 1, "result":'
        ' [{"from_name": "harmfulness", "value": {"rating": 2}}]}]}]'
    )
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + exported.encode())
    header = "\ufeffitem;batch;rater;harmfulness;refusal;comment\n"
    (tmp_path / "b.csv").write_text(f"{header}c-1;b-1;bob;3;no;{'x' * 200_000}\n", encoding="utf-8")
    found = read_ratings(
        [tmp_path / "a.json", tmp_path / "b.csv"], batch="b-1", items={"c-1"}
    ).ratings
    assert [(rating.rater, rating.harmfulness, len(rating.comment)) for rating in found] == [
        ("1", 2, 0),
        ("bob", 3, 200_000),
    ]
