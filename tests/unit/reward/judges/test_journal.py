"""Rows that are on the disk when `append` returns, and a file that heals after a kill."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from records.errors import RecordError, ResourceError
from reward.judges.journal import Journal


def numbered(number: int, **more: str) -> Any:
    """A row of no kind that judges write: the file does not look into its rows."""
    return {"n": number, **more}


def test_rows_come_back_in_order_and_only_the_owner_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / "judges" / "one.jsonl"
    with closing(Journal(path)) as journal:
        for number in range(3):
            journal.append(numbered(number, text="line\nbreak \u2028 \ud800"))
        assert len(path.read_bytes().splitlines()) == 3, "appended means written"
    with closing(Journal(path)) as journal:
        assert [row["n"] for row in journal.rows] == [0, 1, 2]
        assert not journal.healed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("torn", [b'{"n": 1', b"{", b'{"n": 1}'])
def test_a_torn_last_line_is_cut_off_and_the_next_row_stands_alone(
    tmp_path: Path, torn: bytes
) -> None:
    path = tmp_path / "one.jsonl"
    path.write_bytes(b'{"n": 0}\n' + torn)
    with closing(Journal(path)) as journal:
        assert journal.healed
        assert journal.rows == [{"n": 0}]
        journal.append(numbered(2))
    assert path.read_bytes() == b'{"n": 0}\n{"n": 2}\n'


def test_a_damaged_line_in_the_middle_is_named_and_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_bytes(b'{"n": 0}\nnonsense\n[]\n{"n": 2}\n')
    with pytest.raises(RecordError) as told:
        Journal(path)
    assert [fault.split(": ")[0] for fault in told.value.faults] == [f"{path}:2", f"{path}:3"]


def test_a_second_process_that_would_ask_everything_again_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    with closing(Journal(path)), pytest.raises(ResourceError, match="paid for twice"):
        Journal(path)
    with closing(Journal(path)):
        pass


def test_a_full_disk_is_told_and_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.jsonl"
    with closing(Journal(path)) as journal:
        journal.append(numbered(0))
        write = os.write
        monkeypatch.setattr(
            "reward.judges.journal.os.write", lambda file, data: write(file, data[:3])
        )
        with pytest.raises(ResourceError, match="make room"):
            journal.append(numbered(1))
        monkeypatch.undo()
        journal.append(numbered(2))
    assert path.read_bytes() == b'{"n": 0}\n{"n": 2}\n'


def test_a_folder_that_cannot_be_written_and_a_link_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match="cannot be opened"):
        Journal(tmp_path / "file" / "one.jsonl")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "file")
    with pytest.raises(ResourceError, match="cannot be opened"):
        Journal(tmp_path / "link.jsonl")
