"""A stage directory says whether it is whole, keeps what was there before, and loses nothing to a
kill or a full disk.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from present import present

from records import stage_folder as artifacts
from records.disk_room import require_room
from records.errors import ArtifactError, ResourceError
from records.stage_folder import (
    StageDirectory,
    locked,
    read_json,
    sha256_file,
    write_json,
    write_records,
    write_text,
)


@pytest.fixture
def finished(tmp_path: Path) -> Callable[..., StageDirectory]:
    """Makes a complete stage."""

    def make(
        name: str = "prep", fingerprint: str = "f1", text: str = '{"id": "a"}\n'
    ) -> StageDirectory:
        stage = StageDirectory(tmp_path / "run" / name)
        stage.begin({"fingerprint": fingerprint})
        write_text(stage.path / "rows.jsonl", text)
        write_text(stage.path / "model" / "weights.bin", "0123")
        stage.finish({"rows": 1})
        return stage

    return make


def test_write_replaces_whole_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a" / "file.json"
    write_json(path, {"x": 1})

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_json(path, {"x": 2})
    assert read_json(path) == {"x": 1}


def test_records_round_trip_with_any_text(tmp_path: Path) -> None:
    rows = [{"id": "1", "text": 'naïve \u2028 \n " \\ 漢'}]
    write_records(tmp_path / "rows.jsonl", rows)
    assert [
        json.loads(line) for line in (tmp_path / "rows.jsonl").read_bytes().split(b"\n")[:-1]
    ] == rows


def test_a_manifest_lists_every_file_with_hash_size_and_rows(
    finished: Callable[..., StageDirectory],
) -> None:
    stage = finished()
    manifest = read_json(stage.manifest_path)
    assert set(manifest["files"]) == {"run.json", "rows.jsonl", "model/weights.bin"}
    assert manifest["files"]["rows.jsonl"] == {
        "sha256": sha256_file(stage.path / "rows.jsonl"),
        "bytes": 12,
        "rows": 1,
    }
    assert manifest["files"]["model/weights.bin"]["rows"] is None
    assert manifest["summary"] == {"rows": 1}


def test_a_stage_without_manifest_is_never_complete(
    finished: Callable[..., StageDirectory],
) -> None:
    stage = finished()
    assert stage.is_complete("f1")
    stage.manifest_path.unlink()
    assert not stage.is_complete("f1")
    with pytest.raises(ArtifactError, match=r"not complete.*primum prep"):
        stage.require()


def test_a_manifest_that_is_no_json_is_not_taken_for_complete(
    finished: Callable[..., StageDirectory],
) -> None:
    stage = finished()
    stage.manifest_path.write_text('{"files": {"ro')
    assert not stage.is_complete("f1")
    with pytest.raises(ArtifactError, match=r"manifest\.json"):
        stage.require()


def test_another_fingerprint_is_not_complete(finished: Callable[..., StageDirectory]) -> None:
    assert not finished().is_complete("f2")


@pytest.mark.parametrize("damage", ["changed", "same size", "gone", "longer"])
def test_a_damaged_file_is_found_and_named(
    finished: Callable[..., StageDirectory], damage: str
) -> None:
    stage = finished()
    file = stage.path / "rows.jsonl"
    if damage == "gone":
        file.unlink()
    else:
        file.write_text(
            {"changed": "{}\n", "same size": '{"id": "b"}\n', "longer": '{"id": "a"}\n\n'}[damage]
        )
    assert not stage.is_complete("f1")
    with pytest.raises(ArtifactError) as caught:
        stage.require()
    assert str(file) in caught.value.faults[0]
    assert "primum prep" in caught.value.faults[-1]


def test_require_depends_on_contents_not_on_when_and_where(
    finished: Callable[..., StageDirectory], tmp_path: Path
) -> None:
    first = finished("prep").require()
    second = finished("other").require()
    assert first == second
    assert finished("third", text='{"id": "b"}\n').require() != first


def test_require_of_a_part_ignores_the_rest(finished: Callable[..., StageDirectory]) -> None:
    one, two = finished("one"), finished("two", text='{"id": "b"}\n')
    assert one.require("model") == two.require("model") == one.require("model/weights.bin")
    assert one.require("rows.jsonl") != two.require("rows.jsonl")
    with pytest.raises(ArtifactError, match=r"holds no nothing\.jsonl"):
        one.require("nothing.jsonl")


def test_earlier_results_are_moved_and_never_lost(finished: Callable[..., StageDirectory]) -> None:
    for number in range(1, 5):
        stage = finished(fingerprint=f"f{number}", text=json.dumps({"id": number}) + "\n")
    shelf = stage.path.parent / "previous"
    kept = [read_json(path) for path in sorted(shelf.glob("prep-*/rows.jsonl"))]
    assert [row["id"] for row in kept] == [1, 2, 3]
    assert read_json(stage.path / "rows.jsonl") == {"id": 4}


def test_earlier_results_are_not_lost_when_some_were_deleted_by_hand(
    finished: Callable[..., StageDirectory],
) -> None:
    """Numbers are not reused: after prep-1 is deleted, the next is prep-3, not the prep-2 that is
    there.
    """
    import shutil

    for number in range(1, 4):
        stage = finished(fingerprint=f"f{number}", text=json.dumps({"id": number}) + "\n")
    shelf = stage.path.parent / "previous"
    shutil.rmtree(shelf / "prep-1")
    finished(fingerprint="f4")
    assert {read_json(path)["id"] for path in shelf.glob("prep-*/rows.jsonl")} == {2, 3}


def test_previous_results_of_stages_with_like_names_stand_apart(
    finished: Callable[..., StageDirectory],
) -> None:
    finished("sft_control", "f1")
    finished("sft_control", "f2")
    finished("sft", "f1")
    finished("sft", "f2")
    assert {path.name for path in (finished().path.parent / "previous").iterdir()} == {
        "sft_control-1",
        "sft-1",
    }


def test_half_done_work_of_the_same_fingerprint_stays(tmp_path: Path) -> None:
    stage = StageDirectory(tmp_path / "sft")
    assert stage.begin({"fingerprint": "f1"}) is None
    (stage.work / "checkpoint").write_text("x")
    assert stage.begin({"fingerprint": "f1"}) is None
    assert (stage.work / "checkpoint").read_text() == "x"
    assert stage.begin({"fingerprint": "f2"}) is not None
    assert not (stage.work / "checkpoint").exists()


def test_a_stage_whose_manifest_was_deleted_is_begun_anew_since_its_work_folder_is_gone(
    finished: Callable[..., StageDirectory],
) -> None:
    stage = finished()
    stage.manifest_path.unlink()
    moved = present(stage.begin({"fingerprint": "f1"}))
    assert (moved / "rows.jsonl").is_file()
    assert sorted(p.name for p in stage.path.iterdir()) == ["run.json", "work"]


def test_a_damaged_finished_stage_is_begun_anew_and_kept_aside(
    finished: Callable[..., StageDirectory],
) -> None:
    stage = finished()
    (stage.path / "rows.jsonl").write_text("{}\n")
    moved = present(stage.begin({"fingerprint": "f1"}))
    assert (moved / "rows.jsonl").read_text() == "{}\n"
    assert not (stage.path / "rows.jsonl").exists()


def test_a_kill_while_finishing_leaves_what_a_resume_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing a large checkpoint takes minutes; until the manifest stands, the work folder must
    too.
    """
    stage = StageDirectory(tmp_path / "sft")
    stage.begin({"fingerprint": "f1"})
    (stage.work / "epoch-1").write_text("tensors")
    write_text(stage.path / "policy.bin", "x")

    def killed(path: Path) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(artifacts, "sha256_file", killed)
    with pytest.raises(KeyboardInterrupt):
        stage.finish({})
    assert (stage.work / "epoch-1").is_file()
    monkeypatch.undo()
    stage.finish({})
    assert not stage.work.exists()
    assert set(read_json(stage.manifest_path)["files"]) == {"run.json", "policy.bin"}


def test_no_room_is_said_before_work(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="GB free on that disk, this stage may write"):
        require_room(tmp_path / "not" / "yet" / "there", 1e9)
    require_room(tmp_path, 0.0)


@pytest.mark.process
def test_a_second_process_in_a_run_directory_is_told_so(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from records.stage_folder import locked\nwith "
        f"locked(Path({str(tmp_path)!r})): pass"
    )
    with locked(tmp_path):
        result = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
    assert "ResourceError" in result.stderr
    assert "another primum process works in this run directory" in result.stderr
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.process
def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    script = (
        "import os, signal; from pathlib import Path; from records.stage_folder import locked\n"
        f"with locked(Path({str(tmp_path)!r})): os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    with locked(tmp_path):
        pass


def test_a_file_system_without_locks_does_not_stop_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lustre mounted without flock says ENOSYS; that is not another process."""

    def unsupported(*_: object) -> NoReturn:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", unsupported)
    with locked(tmp_path / "run"):
        assert (tmp_path / "run").is_dir()


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_run_directory_that_cannot_be_made_is_named(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="run_dir"), locked(tmp_path / where):
        pass
