"""A finished stage is exactly the files that its manifest lists: no more, no fewer, and no
links.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from present import present

from records.errors import ArtifactError, ResourceError
from records.own_files import sealed
from records.stage_folder import StageDirectory, locked, read_json, write_json, write_text

FINGERPRINT = "f1"


def make(folder: Path) -> StageDirectory:
    stage = StageDirectory(folder)
    stage.begin({"fingerprint": FINGERPRINT})
    write_text(stage.path / "rows.jsonl", '{"id": "a"}\n')
    write_text(stage.path / "policy" / "config.json", "{}")
    write_text(stage.path / "policy" / "weights.bin", "0123")
    stage.finish({})
    return stage


@pytest.fixture
def finished(tmp_path: Path) -> StageDirectory:
    return make(tmp_path / "run" / "dpo")


def refused(stage: StageDirectory) -> list[str]:
    """What is said; a stray costs no result, neither when the stage is run again nor when a later
    one reads it.
    """
    with pytest.raises(ArtifactError) as of_require:
        stage.require("policy")
    with pytest.raises(ArtifactError) as of_run:
        stage.is_complete(FINGERPRINT)
    assert of_run.value.faults[: len(of_require.value.faults)] == of_require.value.faults
    assert "run the same command again" in of_run.value.faults[-1]
    assert not (stage.path.parent / "previous").exists()
    return of_require.value.faults


@pytest.mark.parametrize(
    "name",
    [
        "EXTRA.txt",
        "policy/adapter_config.json",
        "policy/adapter_model.safetensors",
        "policy/.DS_Store",
        ".rows.jsonl.swp",
        "rows.jsonl~",
        "policy/__pycache__/modeling.cpython-311.pyc",
        "policy/work/weights.bin",
        "policy/manifest.json",
        "\x1b[31mred",
        "line\nbreak",
    ],
)
def test_an_added_file_is_named_with_what_to_do(finished: StageDirectory, name: str) -> None:
    path = finished.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    (fault,) = refused(finished)
    assert (str(path) if name.isprintable() else ascii(str(path))) in fault
    assert "move it away" in fault
    assert fault.isprintable()
    path.unlink()
    assert finished.is_complete(FINGERPRINT)
    assert finished.require("policy")


@pytest.mark.parametrize("place", ["linked.txt", "policy/linked"])
@pytest.mark.parametrize("target", ["/etc", "/etc/hostname", "/nowhere", "rows.jsonl"])
def test_a_link_is_named_and_not_followed(
    finished: StageDirectory, place: str, target: str
) -> None:
    (finished.path / place).symlink_to(target)
    (fault,) = refused(finished)
    assert f"{finished.path / place}: a link to {target}" in fault


def test_a_link_in_the_place_of_a_file_is_named_although_it_leads_to_the_same_bytes(
    finished: StageDirectory, tmp_path: Path
) -> None:
    weights = finished.path / "policy" / "weights.bin"
    weights.rename(tmp_path / "weights.bin")
    weights.symlink_to(tmp_path / "weights.bin")
    (fault,) = refused(finished)
    assert "a link to" in fault


def test_a_link_in_the_place_of_a_folder_is_named_once(
    finished: StageDirectory, tmp_path: Path
) -> None:
    (finished.path / "policy").rename(tmp_path / "policy")
    (finished.path / "policy").symlink_to(tmp_path / "policy")
    (fault,) = refused(finished)
    assert f"{finished.path / 'policy'}: a link to {tmp_path / 'policy'}" in fault


def test_a_pipe_and_a_socket_are_named(
    finished: StageDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(finished.path / "pipe")
    monkeypatch.chdir(finished.path)  # the name of a socket may not be long
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        assert len(refused(finished)) == 2


def test_empty_folders_and_what_a_kill_left_in_work_are_no_strays(finished: StageDirectory) -> None:
    (finished.path / "policy" / "empty").mkdir()
    (finished.work / "checkpoints").mkdir(parents=True)
    (finished.work / "checkpoints" / "latest.json").write_text("{}")
    assert finished.is_complete(FINGERPRINT)


def test_damage_counts_before_strays_since_the_stage_is_made_again_anyway(
    finished: StageDirectory,
) -> None:
    (finished.path / "EXTRA.txt").write_text("x")
    (finished.path / "rows.jsonl").write_text("{}\n")
    assert not finished.is_complete(FINGERPRINT)
    moved = present(finished.begin({"fingerprint": FINGERPRINT}))
    assert (moved / "EXTRA.txt").read_text() == "x"


def test_a_stage_that_is_a_link_is_refused_and_a_linked_run_is_not(
    finished: StageDirectory, tmp_path: Path
) -> None:
    run = finished.path.parent
    (tmp_path / "linked").symlink_to(run)
    assert StageDirectory(tmp_path / "linked" / "dpo").is_complete(FINGERPRINT)
    finished.path.rename(tmp_path / "elsewhere")
    finished.path.symlink_to(tmp_path / "elsewhere")
    for use in (
        finished.require,
        lambda: finished.is_complete("f1"),
        lambda: finished.begin({"fingerprint": "f2"}),
    ):
        with pytest.raises(ArtifactError, match="link the whole run_dir"):
            use()


def test_earlier_results_do_not_leave_the_run_through_a_link(
    finished: StageDirectory, tmp_path: Path
) -> None:
    (tmp_path / "archive").mkdir()
    (finished.path.parent / "previous").symlink_to(tmp_path / "archive")
    with pytest.raises(ArtifactError, match="previous: a link"):
        finished.begin({"fingerprint": "f2"})
    assert (finished.path / "rows.jsonl").is_file()


def test_a_stage_goes_on_with_no_link_and_finishes_with_none(tmp_path: Path) -> None:
    stage = StageDirectory(tmp_path / "sft")
    stage.begin({"fingerprint": FINGERPRINT})
    (stage.path / "metrics.jsonl").symlink_to("/etc/hostname")
    for use in (lambda: stage.begin({"fingerprint": FINGERPRINT}), lambda: stage.finish({})):
        with pytest.raises(ArtifactError, match=r"metrics\.jsonl: a link to /etc/hostname"):
            use()
    assert not stage.manifest_path.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"files": {}},
        {"files": {"run.json": {"sha256": "0", "bytes": 1, "rows": None}}},
        {"restrictions": {}},
        {"summary": {"better": 1}},
        {"stage": "sft"},
    ],
    ids=[
        "no files",
        "an entry dropped",
        "restrictions dropped",
        "another summary",
        "another stage",
    ],
)
@pytest.mark.parametrize("seal", ["left", "dropped", "forged"])
def test_a_manifest_that_does_not_fit_itself_or_the_folder_keeps_nothing(
    tmp_path: Path, change: dict[str, Any], seal: str
) -> None:
    stage = StageDirectory(tmp_path / "dpo")
    stage.begin({"fingerprint": FINGERPRINT, "restrictions": {"non_commercial": ["nc"]}})
    write_text(stage.path / "rows.jsonl", "{}\n")
    stage.finish({})
    manifest = read_json(stage.manifest_path)
    if "run.json" in change.get("files", {}):
        change = {"files": {"run.json": manifest["files"]["run.json"]}}
    changed = {**manifest, **change}
    if seal != "left":
        del changed["seal"]
    write_json(stage.manifest_path, sealed(changed) if seal == "forged" else changed)
    if seal != "left" and set(change) <= {"restrictions", "summary"}:
        return  # what a forger can do who computes the seal too: SECURITY says so
    with pytest.raises(ArtifactError):
        stage.require()
    if seal == "left" or change.get("files") != {"run.json": manifest["files"]["run.json"]}:
        assert not stage.is_complete(FINGERPRINT)
        return
    with pytest.raises(ArtifactError, match=r"rows\.jsonl: no file of this stage"):
        stage.is_complete(FINGERPRINT)


@pytest.mark.parametrize(
    "name", ["../outside.txt", "/etc/hostname", "policy/../rows.jsonl", "./rows.jsonl", ""]
)
def test_a_manifest_names_no_file_outside_its_stage(finished: StageDirectory, name: str) -> None:
    manifest = read_json(finished.manifest_path)
    manifest["files"][name] = manifest["files"]["rows.jsonl"]
    del manifest["seal"]
    write_json(finished.manifest_path, sealed(manifest))
    with pytest.raises(ArtifactError, match="is no file of the stage"):
        finished.require()


def test_restrictions_that_cannot_be_read_are_an_error_and_not_none(
    finished: StageDirectory,
) -> None:
    finished.manifest_path.write_text("{}")
    with pytest.raises(ArtifactError, match=r"(?s)manifest\.json.*primum dpo"):
        finished.restrictions()


def test_a_kill_while_the_manifest_is_written_leaves_a_stage_that_can_be_finished(
    tmp_path: Path,
) -> None:
    stage = StageDirectory(tmp_path / "dpo")
    stage.begin({"fingerprint": FINGERPRINT})
    (stage.path / ".manifest.json.partial").write_text('{"stage": "d')
    stage.finish({})
    assert stage.is_complete(FINGERPRINT)


def test_a_manifest_of_an_earlier_version_has_no_seal_and_is_believed(
    finished: StageDirectory,
) -> None:
    manifest = read_json(finished.manifest_path)
    del manifest["seal"]
    write_json(finished.manifest_path, manifest)
    assert finished.is_complete(FINGERPRINT)


def test_a_file_is_not_written_through_a_link_beside_it(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / ".rows.json.partial").symlink_to(tmp_path / "precious")
    write_json(tmp_path / "rows.json", {})
    assert (tmp_path / "precious").read_text() == "precious"
    assert json.loads((tmp_path / "rows.json").read_text()) == {}


def test_a_lock_follows_no_link_and_empties_nothing(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(ResourceError, match=r"\.lock: a link.*delete the link"), locked(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "precious"
    (tmp_path / ".lock").unlink()
    (tmp_path / ".lock").hardlink_to(tmp_path / "precious")
    with locked(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_lock_that_is_a_pipe_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".lock")
    with pytest.raises(ResourceError, match=r"\.lock: no regular file"), locked(tmp_path):
        pass
