"""Which checkpoint of a training is whole. Each says in contents.json what its files must be, by
sha256, and is believed only where they are; latest.json names the newest ones.

Rank 0 decides before any rank loads (`settle`), and all go by what latest.json says then: had every
rank looked for itself, ranks could go on from different steps.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from records.errors import ArtifactError
from records.hash_beside import damaged, hash_file, read_hash
from records.own_files import Object, entry, read_own, sealed
from records.stage_folder import sha256_file, write_json

KEPT = 2
POINTER = "latest.json"
CONTENTS = "contents.json"
_NAME = re.compile(r"step-(\d{7,})")


@dataclass(frozen=True)
class Pointer:
    """latest.json: names of checkpoints, the newest first."""

    checkpoints: list[str]
    bytes: dict[str, Any]
    """Sizes of their files by name, in pointers of versions that wrote no contents.json."""

    @classmethod
    def from_json(cls, value: Object) -> Pointer:
        """The pointer of plain values. Raises ValueError where they are none."""
        names = entry(value, "checkpoints", list)
        if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
            raise ValueError("checkpoints: wanted names such as step-0000120")
        return cls(names, entry(value, "bytes", dict, optional=True) or {})


def _hashes(value: Object) -> dict[str, str]:
    files = entry(value, "files", dict)
    if "trainer.pt" not in files or not all(isinstance(digest, str) for digest in files.values()):
        raise ValueError("files: wanted the sha256 of trainer.pt and of every tensors-*.pt")
    return files


class Survey(NamedTuple):
    """What there is to go on from."""

    whole: list[str]
    """The newest whole checkpoint, and the names of those before it, which nobody has looked at."""
    faults: list[str]
    """What is wrong with those that are newer, and with latest.json."""


def survey(folder: Path) -> Survey:
    """Reads the newest checkpoint, and older ones as long as none is whole."""
    faults: list[str] = []
    pointer = _pointer(folder, faults)
    # A lost or damaged latest.json costs nothing: checkpoints say of themselves that they are
    # whole.
    names = pointer.checkpoints if pointer else _with_contents(folder)
    for position, name in enumerate(names):
        found = _faults(folder / name, pointer.bytes.get(name) if pointer else None)
        if not found:
            return Survey(names[position:], faults)
        faults += found
    return Survey([], faults)


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint."""
    whole = survey(folder).whole
    return folder / whole[0] if whole else None


def settle(folder: Path) -> list[str]:
    """Rank 0, before any rank loads: have latest.json name whole checkpoints only.

    Returns for the user what is wrong with those passed over, and what is done; nothing if all is
    well.
    """
    whole, faults = survey(folder)
    if not faults:
        return []
    if whole:
        _point(folder, whole)
        step = step_of(whole[0])
        return [
            *faults,
            f"passed over; training goes on from step {step}, the newest checkpoint that is whole",
        ]
    # Without a pointer every rank starts at step 0; one that named a damaged checkpoint would have
    # them load it.
    (folder / POINTER).unlink(missing_ok=True)
    return [*faults, "no checkpoint is whole; training starts from step 0"]


def settled_checkpoint(folder: Path) -> Path | None:
    """The checkpoint that rank 0 has settled on."""
    pointer = _pointer(folder, [])
    return folder / pointer.checkpoints[0] if pointer and pointer.checkpoints else None


def step_of(name: str) -> int:
    """The step that a checkpoint's name gives."""
    return int(name.rsplit("-", 1)[1])


def write_contents(checkpoint: Path, step: int) -> None:
    """The ranks' hashes as one record; it makes the checkpoint one that can be believed."""
    # Each rank has hashed what it wrote; only the small hashes are read here.
    paths = sorted(checkpoint.glob("*.pt"))
    files = {path.name: read_hash(path) for path in paths}
    for path in paths:
        hash_file(path).unlink()
    write_json(checkpoint / CONTENTS, sealed({"step": step, "files": files}))


def point_to(folder: Path, name: str) -> None:
    """Make `name` the newest checkpoint, keep the one before it, and delete all others."""
    pointer = _pointer(folder, [])
    known = pointer.checkpoints if pointer else []
    earlier = []
    for other in known:
        if other != name and (folder / other).is_dir():
            earlier.append(other)
    # Two: were the newest damaged on disk, the one before it is at most a few steps older.
    kept = [name, *earlier][:KEPT]
    # The pointer moves before anything is deleted: killed in between, there is only too much.
    _point(folder, kept)
    for path in folder.glob("step-*"):
        if path.name not in kept:
            remove(path)


def _point(folder: Path, names: list[str]) -> None:
    """Sizes of earlier versions' checkpoints are carried on: it is all that those are known by."""
    pointer = _pointer(folder, [])
    sizes = pointer.bytes if pointer else {}
    known = {name: sizes[name] for name in names if name in sizes}
    record = {"checkpoints": names, "bytes": known} if known else {"checkpoints": names}
    write_json(folder / POINTER, sealed(record))
    # Before its caller deletes what an older pointer names.
    flush_folder(folder)


def remove(path: Path) -> None:
    """Delete a checkpoint, be it a file or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def flush(folder: Path) -> None:
    """Its files and their names onto the disk, before anything says that they are there: power may
    fail.
    """
    for file in folder.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    flush_folder(folder)


def flush_folder(folder: Path) -> None:
    """The names in a folder onto the disk: a file's own bytes do not bring its name there."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    except OSError as error:
        # Some network file systems know no such request of a folder; others fail for a reason.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(opened)


def _pointer(folder: Path, faults: list[str]) -> Pointer | None:
    if not os.path.lexists(folder / POINTER):
        return None
    try:
        return read_own(folder / POINTER, Pointer.from_json)
    except ArtifactError as error:
        faults += error.faults
        return None


def _with_contents(folder: Path) -> list[str]:
    """What there is to find without latest.json."""
    found = (path.parent.name for path in folder.glob(f"step-*/{CONTENTS}"))
    return sorted((name for name in found if _NAME.fullmatch(name)), key=step_of, reverse=True)


def _faults(checkpoint: Path, sizes: Any) -> list[str]:
    # A link could lead to weights that were never this training's.
    if checkpoint.is_symlink() or not checkpoint.is_dir():
        return [f"{checkpoint}: no folder; the checkpoint is gone"]
    if sizes is not None and not (checkpoint / CONTENTS).exists():
        return _faults_without_contents(checkpoint, sizes)
    try:
        hashes = read_own(
            checkpoint / CONTENTS, lambda value: _of_step(value, step_of(checkpoint.name))
        )
    except ArtifactError as error:
        return error.faults
    # A file too many would be read as well: `read` takes every tensors-*.pt.
    surplus = sorted({path.name for path in checkpoint.glob("*.pt")} - set(hashes))
    return [
        *(f"{checkpoint / name}: no file of this checkpoint" for name in surplus),
        *_changed(checkpoint, hashes),
    ]


def _of_step(value: Object, step: int) -> dict[str, str]:
    if entry(value, "step", int) != step:
        raise ValueError(f"the contents of step {value['step']}")
    return _hashes(value)


def _changed(checkpoint: Path, hashes: dict[str, str]) -> Iterator[str]:
    for name, digest in hashes.items():
        path = checkpoint / name
        if path.is_symlink() or not path.is_file():
            yield f"{path}: gone"
        elif sha256_file(path) != digest:
            yield damaged(path)


def _faults_without_contents(checkpoint: Path, sizes: Any) -> list[str]:
    """Of an earlier version: sizes, and the checksums that are in the files themselves."""
    if {path.name: path.lstat().st_size for path in checkpoint.iterdir()} != sizes:
        return [
            f"{checkpoint}: damaged (the sizes of its files are not those that {POINTER} names)"
        ]
    wrong = []
    for path in sorted(checkpoint.glob("*.pt")):
        try:
            with zipfile.ZipFile(path) as archive:
                part = archive.testzip()
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            part = str(error)
        if part:
            wrong.append(f"{path}: damaged ({part})")
    return wrong
