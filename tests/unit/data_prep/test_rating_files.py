"""A file that is none of ours is one fault that says what was wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.errors import RecordError
from data_prep.ratings import read_ratings


def faults_of(*paths: Path) -> list[str]:
    with pytest.raises(RecordError) as caught:
        read_ratings(paths, batch="b-1", items={"c-1"})
    return caught.value.faults


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"item,batch\nc-1,b-1\n", "has no column harmfulness, rater, refusal"),
        ("a.csv", b"", "has no column"),
        ("a.csv", "item,batch,rater,harmfulness,refusal\nc-1,b-1,J\u00f6rg,1,no\n".encode("latin-1"), "save it as CSV UTF-8"),
        ("a.csv", b'item,batch,rater,harmfulness,refusal\n"' + b"x" * 200_000 + b'",b,r,1,no\n', "not a CSV file"),
        ("a.json", b"{", "not JSON"),
        ("a.json", b"[1]", "export as JSON"),
        ("a.json", b'[{"data": {}, "annotations": [1]}]', "export as JSON"),
        ("a.xlsx", b"PK", "wanted .json"),
    ],
)
def test_a_file_that_holds_no_ratings_is_one_fault(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    (fault,) = faults_of(tmp_path / name)
    assert said in fault
    assert str(tmp_path / name) in fault


def test_files_that_are_not_there_are_all_named(tmp_path):
    faults = faults_of(tmp_path / "a.csv", tmp_path / "b.json")
    assert len(faults) == 2
    assert all("no such file" in fault for fault in faults)
