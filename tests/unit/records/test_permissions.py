"""A run is its owner's, or its group's where that is said; a release is everybody's whom the umask
admits.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from records.errors import ConfigError
from records.permissions import (
    current_umask,
    let_through,
    make_passable,
    open_to_readers,
    readable_by,
    readers,
)
from records.stage_folder import locked, write_text


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


@pytest.fixture(params=[0o022, 0o002, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_what_a_run_writes_is_its_owners_alone(umask: int, tmp_path: Path) -> None:
    with readable_by("owner"):
        write_text(tmp_path / "eval" / "samples.jsonl", "{}\n")
    assert (mode(tmp_path / "eval"), mode(tmp_path / "eval" / "samples.jsonl")) == (
        "0o700",
        "0o600",
    )
    assert current_umask() == umask


def test_a_group_works_with_it_as_far_as_the_umask_admits_it(umask: int, tmp_path: Path) -> None:
    with readable_by("group"):
        write_text(tmp_path / "eval" / "samples.jsonl", "{}\n")
    wanted = {0o022: ("0o750", "0o640"), 0o002: ("0o770", "0o660"), 0o077: ("0o700", "0o600")}
    assert (mode(tmp_path / "eval"), mode(tmp_path / "eval" / "samples.jsonl")) == wanted[umask]


def test_what_is_released_is_open_and_can_be_reached(umask: int, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "a"
    with readable_by("owner"), locked(run):
        write_text(run / "release" / "run.json", "{}")
        write_text(run / "release" / "model" / "evidence" / "gates.json", "[]")
        open_to_readers(run / "release" / "model")
        let_through(run / "release")
    assert mode(run.parent) == oct(0o777 & ~umask)
    assert mode(run) == mode(run / "release") == oct(0o700 | (0o011 & ~umask))
    assert mode(run / "release" / "run.json") == "0o600"
    assert mode(run / "release" / "model" / "evidence") == oct(0o777 & ~umask)
    assert mode(run / "release" / "model" / "evidence" / "gates.json") == oct(0o666 & ~umask)


def test_a_folder_that_is_there_keeps_the_permissions_that_its_owner_gave_it(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o750)
    with readable_by("owner"):
        make_passable(tmp_path)
    assert mode(tmp_path) == "0o750"


def test_folders_whose_files_get_their_group_go_on_giving_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o2770)
    with readable_by("group"), locked(tmp_path / "runs" / "a"):
        write_text(tmp_path / "runs" / "a" / "eval" / "x", "")
    assert all(
        path.stat().st_mode & stat.S_ISGID
        for path in (tmp_path / "runs", tmp_path / "runs" / "a", tmp_path / "runs" / "a" / "eval")
    )


def test_the_umask_comes_back_after_an_error() -> None:
    before = current_umask()
    with pytest.raises(KeyError), readable_by("owner"):
        raise KeyError
    assert current_umask() == before


def test_who_reads_a_run_is_said_once_for_all_runs() -> None:
    assert [readers({}), readers({"PRIMUM_READERS": ""}), readers({"PRIMUM_READERS": "group"})] == [
        "owner",
        "owner",
        "group",
    ]
    with pytest.raises(ConfigError, match="PRIMUM_READERS=all: wanted owner or group; set it"):
        readers({"PRIMUM_READERS": "all"})


def test_what_a_link_in_a_release_leads_to_stays_closed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("mine")
    secret.chmod(0o600)
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "link").symlink_to(secret)
    open_to_readers(tmp_path / "release", mask=0o022)
    assert mode(secret) == "0o600"
