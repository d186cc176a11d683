"""Files that are either whole or not there, and the stage directory that says which."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_prep.errors import ArtifactError, ResourceError
from data_prep.licences import Restrictions, union
from data_prep.records import Record, json_lines

SCHEMA_VERSION = 4
WORK = "work"
"""Sub-folder of a stage for what only a resumed stage needs (checkpoints, shards); not part of the artefact."""


def write_text(path: Path, text: str) -> None:
    """Write beside and rename: readers see the old file or the new one, never half of either."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False) + "\n")


def write_records(path: Path, records: Iterable[Record | dict[str, Any]]) -> None:
    write_text(path, json_lines(records))


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path}: no such file") from error
    except ValueError as error:
        raise ArtifactError(f"{path}: not JSON ({error})") from error


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def require_room(folder: Path, gigabytes: float) -> None:
    """Raise before work starts when the disk cannot hold the result."""
    free = shutil.disk_usage(existing_parent(folder)).free / 1e9
    if free < gigabytes:
        raise ResourceError(
            f"{folder}: {free:.1f} GB free on that disk, this stage may write {gigabytes:.1f} GB; free some or set run_dir elsewhere"
        )


def existing_parent(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next(p for p in (folder, *folder.absolute().parents) if p.exists())


def _rows(path: Path) -> int | None:
    if path.suffix != ".jsonl":
        return None
    with path.open("rb") as file:
        return sum(1 for _ in file)


@dataclass(frozen=True)
class StageDirectory:
    """One stage's folder. `run.json` is written first; `manifest.json` last: with it the stage is complete, without it, it is not."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def manifest_path(self) -> Path:
        return self.path / "manifest.json"

    @property
    def work(self) -> Path:
        return self.path / WORK

    def fingerprint(self) -> str | None:
        """The fingerprint that the work in this folder was begun with; None where there is none."""
        run = self.path / "run.json"
        return read_json(run).get("fingerprint") if run.is_file() else None

    def restrictions(self) -> Restrictions:
        """What the data that it is made from forbid: as its manifest says, or before that, as its inputs brought it."""
        record = self.manifest_path if self.manifest_path.is_file() else self.path / "run.json"
        return read_json(record).get("restrictions", {}) if record.is_file() else {}

    def is_complete(self, fingerprint: str) -> bool:
        return self.manifest_path.is_file() and self.fingerprint() == fingerprint and not self.damage()

    def begin(self, run: dict[str, Any]) -> Path | None:
        """Make the folder ready for work under `run["fingerprint"]`.

        Half-done work of the same fingerprint stays, to go on from. Anything else is moved to `previous/`, never deleted;
        the place it went to is returned.
        """
        moved = None
        half_done = self.fingerprint() == run["fingerprint"] and self.work.is_dir() and not self.manifest_path.is_file()
        if self.path.exists() and not half_done:
            shelf = self.path.parent / "previous"
            shelf.mkdir(exist_ok=True)
            numbers = [int(p.name[len(self.name) + 1 :]) for p in shelf.glob(f"{self.name}-*") if p.name[len(self.name) + 1 :].isdigit()]
            moved = shelf / f"{self.name}-{max(numbers, default=0) + 1}"
            self.path.rename(moved)
        self.work.mkdir(parents=True, exist_ok=True)
        if self.fingerprint() is None:
            write_json(self.path / "run.json", run)
        return moved

    def finish(self, summary: dict[str, Any], restrictions: Restrictions | None = None) -> dict[str, Any]:
        """Hash every file and write the manifest, which makes the stage complete; only then is the work folder not needed any more.

        `restrictions` are those that the stage's own data bring, beside its inputs'.
        """
        files = {
            str(path.relative_to(self.path)): {"sha256": sha256_file(path), "bytes": path.stat().st_size, "rows": _rows(path)}
            for path in sorted(self.path.rglob("*"))
            if path.is_file() and path != self.manifest_path and self.work not in path.parents
        }
        manifest = {
            "stage": self.name,
            "schema_version": SCHEMA_VERSION,
            "fingerprint": self.fingerprint(),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "summary": summary,
            "restrictions": union([self.restrictions(), restrictions or {}]),
            "files": files,
        }
        write_json(self.manifest_path, manifest)
        self.drop_work()
        return manifest

    def drop_work(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)

    def damage(self) -> list[str]:
        """Files that are gone or changed since the manifest was written, or the manifest itself."""
        try:
            manifest = read_json(self.manifest_path)
        except ArtifactError as error:
            return error.faults
        faults = []
        for name, entry in manifest["files"].items():
            file = self.path / name
            if not file.is_file():
                faults.append(f"{file}: gone since the stage finished")
            elif file.stat().st_size != entry["bytes"] or sha256_file(file) != entry["sha256"]:
                faults.append(f"{file}: changed since the stage finished (sha256 differs from manifest.json)")
        return faults

    def require(self, part: str = "") -> str:
        """The sha256 of a complete stage's contents, or of one file or folder of it, for a later stage's fingerprint.

        Raises ArtifactError where the stage is not complete, is damaged, or holds no such part.
        """
        if not self.manifest_path.is_file():
            raise ArtifactError(f"{self.path}: not complete (no manifest.json); run `primum {self.name}` first, or `primum run`")
        faults = self.damage()
        if faults:
            raise ArtifactError([*faults, f"run `primum {self.name}` again to rebuild it"])
        files = read_json(self.manifest_path)["files"]
        wanted = {
            name: entry["sha256"]
            for name, entry in files.items()
            if name != "run.json" and (not part or name == part or name.startswith(f"{part}/"))
        }
        if not wanted:
            raise ArtifactError(f"{self.path}: holds no {part}; run `primum {self.name}` again")
        return sha256_json(wanted)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run directory for this process; a second one is told so instead of writing into the same files.

    A file system without locks (Lustre mounted without flock) is used as it is.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise ResourceError(f"{folder}: cannot be written ({error.strerror}); set run_dir to a directory that can") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ResourceError(
                f"{folder}: another primum process works in this run directory; wait for it or set another run_dir"
            ) from error
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
                raise
        yield
