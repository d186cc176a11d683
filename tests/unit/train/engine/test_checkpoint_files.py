"""Training goes on from a checkpoint whose every file is as it was written, and says which it
passed over.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import torch
from present import present

from records.stage_folder import read_json, sha256_file, write_json
from train.engine.checkpoint_files import (
    latest_checkpoint,
    point_to,
    settle,
    settled_checkpoint,
    survey,
    write_contents,
)
from train.engine.checkpoints import Checkpoints
from train.engine.portable import read, write


def publish(folder: Path, step: int, ranks: int = 2) -> Path:
    """A checkpoint as the callback leaves it."""
    name = f"step-{step:07d}"
    for rank in range(ranks):
        tensors = {f"w{rank}": {"weight": torch.full((3,), float(step))}}
        write(
            folder / name, rank, tensors, {"epoch": 0, "global_step": step} if rank == 0 else None
        )
    write_contents(folder / name, step)
    point_to(folder, name)
    return folder / name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for step in (4, 6):
        publish(tmp_path / "checkpoints", step)
    return tmp_path / "checkpoints"


def newest(folder: Path) -> str:
    """What a rank goes on from once rank 0 has settled."""
    checkpoint = settled_checkpoint(folder)
    return checkpoint.name if checkpoint else ""


def test_a_whole_checkpoint_is_gone_on_from_without_a_word(folder: Path) -> None:
    assert settle(folder) == []
    assert newest(folder) == "step-0000006"
    trainer, tensors = read(present(latest_checkpoint(folder)))
    assert trainer["global_step"] == 6
    assert {name: parts["weight"].tolist() for name, parts in tensors.items()} == {
        "w0": [6.0] * 3,
        "w1": [6.0] * 3,
    }


def _zero(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _link(path: Path) -> None:
    shutil.move(path, path.parent.parent.parent / path.name)
    path.symlink_to(path.parent.parent.parent / path.name)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "flipped": _flip,
    "zeroed": _zero,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
    "an object": lambda path: path.write_bytes(b"{}"),
    "a link": _link,
}


FILES = ("trainer.pt", "tensors-0.pt", "tensors-1.pt")


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        *product(FILES, DAMAGE),
        *product(["contents.json"], [name for name in DAMAGE if name != "a link"]),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_with_a_word(
    folder: Path, file: str, damage: str
) -> None:
    DAMAGE[damage](folder / "step-0000006" / file)
    said = settle(folder)
    assert str(folder / "step-0000006" / file) in said[0]
    assert (
        said[-1] == "passed over; training goes on from step 4, the newest checkpoint that is whole"
    )
    assert newest(folder) == "step-0000004"
    assert settle(folder) == []


def test_tensors_that_no_rank_wrote_are_not_read(folder: Path) -> None:
    shutil.copy(folder / "step-0000004" / "tensors-0.pt", folder / "step-0000006" / "tensors-7.pt")
    assert "tensors-7.pt: no file of this checkpoint" in settle(folder)[0]
    assert newest(folder) == "step-0000004"


def test_a_checkpoint_under_another_step_is_not_believed(folder: Path) -> None:
    shutil.rmtree(folder / "step-0000006")
    shutil.copytree(folder / "step-0000004", folder / "step-0000006")
    assert "the contents of step 4" in settle(folder)[0]
    assert newest(folder) == "step-0000004"


@pytest.mark.parametrize("replaced", [False, True])
def test_without_a_whole_checkpoint_training_starts_from_step_0_and_says_so(
    folder: Path, replaced: bool
) -> None:
    for step in ("step-0000004", "step-0000006"):
        _zero(folder / step / "trainer.pt")
        if replaced:
            shutil.rmtree(folder / step)
            (folder / step).write_text("x")
    said = settle(folder)
    assert len(said) == 3
    assert said[-1] == "no checkpoint is whole; training starts from step 0"
    assert newest(folder) == ""
    assert latest_checkpoint(folder) is None


def test_the_first_checkpoint_after_damage_is_kept_and_the_damaged_are_swept_up(
    folder: Path,
) -> None:
    for step in ("step-0000004", "step-0000006"):
        _flip(folder / step / "trainer.pt")
    settle(folder)
    publish(folder, 1)
    assert sorted(path.name for path in folder.iterdir()) == ["latest.json", "step-0000001"]
    publish(folder, 2)
    publish(folder, 3)
    assert sorted(path.name for path in folder.iterdir()) == [
        "latest.json",
        "step-0000002",
        "step-0000003",
    ]


POINTERS = [
    b"0",
    b"{}",
    b"[]",
    b"null",
    b"",
    b"\0" * 40,
    b"\xff",
    b'{"checkpoints": 1}',
    b'{"checkpoints": ["../../x"]}',
    b"[" * 9999,
]


@pytest.mark.parametrize("content", POINTERS)
def test_a_damaged_pointer_costs_no_checkpoint(folder: Path, content: bytes) -> None:
    (folder / "latest.json").write_bytes(content)
    said = settle(folder)
    assert str(folder / "latest.json") in said[0]
    assert "goes on from step 6" in said[-1]
    assert newest(folder) == "step-0000006"
    assert settle(folder) == []


def test_a_lost_pointer_costs_no_checkpoint_either(folder: Path) -> None:
    (folder / "latest.json").unlink()
    assert present(latest_checkpoint(folder)).name == "step-0000006"


def test_only_as_many_checkpoints_are_read_as_it_takes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = []

    def looking(path: Path) -> str:
        looked_at.append(path.parent.name)
        return sha256_file(path)

    monkeypatch.setattr("train.engine.checkpoint_files.sha256_file", looking)
    assert survey(folder).whole == ["step-0000006", "step-0000004"]
    assert set(looked_at) == {"step-0000006"}


@pytest.fixture
def earlier(folder: Path) -> Path:
    """As versions before contents.json left it."""
    sizes = {}
    for step in ("step-0000006", "step-0000004"):
        (folder / step / "contents.json").unlink()
        sizes[step] = {path.name: path.stat().st_size for path in (folder / step).iterdir()}
    write_json(folder / "latest.json", {"checkpoints": list(sizes), "bytes": sizes})
    return folder


def test_checkpoints_of_earlier_versions_are_held_to_the_checksums_in_them(earlier: Path) -> None:
    assert settle(earlier) == []
    assert newest(earlier) == "step-0000006"
    _zero(earlier / "step-0000006" / "tensors-1.pt")
    said = settle(earlier)
    assert "tensors-1.pt: damaged" in said[0]
    assert "goes on from step 4" in said[-1]
    publish(earlier, 5)
    assert read_json(earlier / "latest.json")["checkpoints"] == ["step-0000005", "step-0000004"]
    assert survey(earlier).whole == ["step-0000005", "step-0000004"]
    _zero(earlier / "step-0000005" / "trainer.pt")
    settle(earlier)
    assert newest(earlier) == "step-0000004"


def test_every_single_bit_of_a_checkpoints_record_counts(folder: Path) -> None:
    path = folder / "step-0000006" / "contents.json"
    whole = path.read_bytes()
    record = json.loads(whole)
    for position in range(len(whole)):
        path.write_bytes(
            whole[:position]
            + bytes([whole[position] ^ (1 << position % 8)])
            + whole[position + 1 :]
        )
        found = survey(folder)
        assert (
            found.whole[0] == "step-0000004"
            or json.loads(path.read_bytes())["files"] == record["files"]
        )


def test_names_are_on_the_disk_before_anything_relies_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Power may fail at any moment, and a file that is on the disk may still have no name there."""
    said: list[str] = []

    def recorded(descriptor: int) -> None:
        said.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)

    folder = tmp_path / "checkpoints"
    partial = folder / ".partial"
    write(partial, 0, {"w": {"weight": torch.zeros(1)}}, {"epoch": 0, "global_step": 4})
    monkeypatch.setattr(os, "fsync", recorded)
    monkeypatch.setattr(
        "train.engine.checkpoints.point_to", lambda folder, name: said.append("pointed")
    )
    Checkpoints(folder, 1)._publish(partial, "step-0000004", 4)
    assert said.index("contents.json") < said.index(".partial") < said.index("checkpoints")
    assert said[-2:] == ["checkpoints", "pointed"]
    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", recorded)
    point_to(folder, "step-0000004")
    assert said[-1] == "checkpoints"
