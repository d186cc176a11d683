"""Files that are either whole or not there, and the stage directory that says which."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from records.errors import ArtifactError
from records.escaping import json_text
from records.folder_contents import Contents, contents, intruder, is_or_lies_in, odd_one, shown
from records.json_types import JsonObject
from records.licences import Restrictions, union
from records.own_files import parsed, regular_bytes, sealed
from records.own_files import sha256_json as sha256_json
from records.regular_files import open_regular
from records.rows import Record, file_line
from records.run_lock import locked as locked
from records.stage_records import FileEntry, Manifest, RunRecord

SCHEMA_VERSION = 4
WORK = "work"
"""Sub-folder of a stage for what only a resumed stage needs; not part of the artefact."""


def write_text(path: Path, text: str) -> None:
    """Write beside and rename: readers see the old file or the new one, never half of either."""
    _write_parts(path, [text])


def _write_parts(path: Path, parts: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    beside.unlink(missing_ok=True)
    # "x": a link that somebody put there is not written through
    with beside.open("x", encoding="utf-8") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write the value whole or not at all."""
    write_text(path, json_text(value, indent=2) + "\n")


def write_records(path: Path, records: Iterable[Record | dict[str, Any]]) -> None:
    """Write one row a line, all of them or none."""
    _write_parts(path, map(file_line, records))


def read_json(path: Path) -> Any:
    """Any JSON; Primum's own records have readers that know their shape (own_files.read_own)."""
    try:
        return parsed(regular_bytes(path))
    except ValueError as error:
        raise ArtifactError(f"{path}: {error}") from error


def sha256_file(path: Path) -> str:
    """Raises OSError for what cannot be read, a FIFO among it."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rows(path: Path) -> int | None:
    if path.suffix != ".jsonl":
        return None
    with path.open("rb") as file:
        return sum(1 for _ in file)


@dataclass(frozen=True)
class StageDirectory:
    """One stage's folder.

    `run.json` is written first; `manifest.json` last: with it the stage is complete, without it, it
    is not.
    """

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def manifest_path(self) -> Path:
        """The file that is written last: a stage that has it is done."""
        return self.path / "manifest.json"

    @property
    def work(self) -> Path:
        """The folder of what only an unfinished stage needs."""
        return self.path / WORK

    @property
    def run_path(self) -> Path:
        """The file that is written first: what the stage was asked to do."""
        return self.path / "run.json"

    def fingerprint(self) -> str | None:
        """The fingerprint that the work here was begun with; None without a run.json that can be
        read.
        """
        try:
            return RunRecord.read(self.run_path).fingerprint
        except ArtifactError:
            return None

    def manifest(self) -> Manifest:
        """Raises ArtifactError where the stage is not complete, or its manifest is damaged."""
        return Manifest.read(self.manifest_path)

    def restrictions(self) -> Restrictions:
        """What the data that it is made from forbid: as its manifest says, or before that its
        inputs.

        Raises ArtifactError where that record is damaged: nothing may lose its mark.
        """
        try:
            if _there(self.manifest_path):
                return self.manifest().restrictions
            return RunRecord.read(self.run_path).restrictions if _there(self.run_path) else {}
        except ArtifactError as error:
            raise ArtifactError(
                [*error.faults, f"run `primum {self.name}` again to rebuild it"]
            ) from error

    def is_complete(self, fingerprint: str) -> bool:
        """Whether the work of that fingerprint is done and undamaged.

        Raises ArtifactError where it is, but something lies in the folder that the stage did not
        write: a result is not made again for a stray file, and not trusted with one either.
        """
        self._require_own_folder()
        if not _there(self.manifest_path) or self.fingerprint() != fingerprint or self.damage():
            return False
        if strays := self.strays():
            rest = f"then run the same command again; everything else in {self.path} is whole"
            raise ArtifactError([*strays, rest])
        return True

    def begin(self, run: JsonObject, *, anew: bool = False) -> Path | None:
        """Make the folder ready for work under `run["fingerprint"]`.

        Half-done work of the same fingerprint stays, to go on from, unless it is to be begun
        `anew`. Anything else is moved to `previous/`, never deleted; the place it went to is
        returned.
        """
        self._require_own_folder()
        moved = None
        same = self.fingerprint() == run["fingerprint"]
        half_done = same and self.work.is_dir() and not _there(self.manifest_path)
        if half_done and not anew:
            self._require_no_links()
        elif self.path.exists():
            moved = self._shelve()
        self.work.mkdir(parents=True, exist_ok=True)
        if self.fingerprint() is None:
            write_json(self.run_path, sealed(dict(run)))
        return moved

    def _shelve(self) -> Path:
        shelf = self.path.parent / "previous"
        if shelf.is_symlink():
            raise ArtifactError(
                f"{shelf}: a link, wanted a folder of the run that earlier results are moved to; "
                "move it away, or link the whole run_dir"
            )
        shelf.mkdir(exist_ok=True)
        numbers = []
        for p in shelf.glob(f"{self.name}-*"):
            if p.name[len(self.name) + 1 :].isdigit():
                numbers.append(int(p.name[len(self.name) + 1 :]))
        moved = shelf / f"{self.name}-{max(numbers, default=0) + 1}"
        self.path.rename(moved)
        return moved

    def _require_own_folder(self) -> None:
        """A run directory may be a link as a whole; a stage in it may not, as it would leave the
        run.
        """
        if self.path.is_symlink():
            target = shown(Path(os.readlink(self.path)))
            raise ArtifactError(
                f"{shown(self.path)}: a link to {target}, wanted a folder of the run; "
                "move the folder itself here, or link the whole run_dir"
            )

    def _require_no_links(self) -> None:
        if others := contents(self.path, leave_out=WORK).others:
            raise ArtifactError([odd_one(self.path, name) for name in others])

    def finish(self, summary: JsonObject, restrictions: Restrictions | None = None) -> None:
        """Hash every file and write the manifest, which makes the stage complete; only then is the
        work folder not needed any more.

        `restrictions` are those that the stage's own data bring, beside its inputs'.
        """
        self._require_no_links()
        # Of a kill at this very place:
        self.manifest_path.with_name(".manifest.json.partial").unlink(missing_ok=True)
        names = []
        for name in self._contents().files:
            if name != self.manifest_path.name:
                names.append(name)
        manifest = {
            "stage": self.name,
            "schema_version": SCHEMA_VERSION,
            "fingerprint": self.fingerprint(),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "summary": summary,
            "restrictions": union([self.restrictions(), restrictions or {}]),
            "files": {name: self._entry(name) for name in names},
        }
        write_json(self.manifest_path, sealed(manifest))
        self.drop_work()

    def _entry(self, name: str) -> dict[str, Any]:
        path = self.path / name
        return {"sha256": sha256_file(path), "bytes": path.stat().st_size, "rows": _rows(path)}

    def _contents(self) -> Contents:
        return contents(self.path, leave_out=WORK)

    def drop_work(self) -> None:
        """Remove what only an unfinished stage needs."""
        shutil.rmtree(self.work, ignore_errors=True)

    def damage(self) -> list[str]:
        """Files that are gone or changed since the manifest was written, or the manifest itself."""
        try:
            manifest = self.manifest()
        except ArtifactError as error:
            return error.faults
        if manifest.stage != self.name:
            return [f"{self.manifest_path}: the manifest of another stage, {manifest.stage!a}"]
        found = self._contents()
        files = set(found.files)
        faults = []
        for name, entry in manifest.files.items():
            if name in files:
                faults += self._changed(name, entry)
            elif not is_or_lies_in(name, found.others):  # links are strays
                faults.append(f"{self.path / name}: gone since the stage finished")
        return faults

    def _changed(self, name: str, entry: FileEntry) -> list[str]:
        file = self.path / name
        if file.stat().st_size == entry.bytes and sha256_file(file) == entry.sha256:
            return []
        return [f"{file}: changed since the stage finished (sha256 differs from manifest.json)"]

    def strays(self) -> list[str]:
        """Files in the folder that the manifest does not list, and links; each with what to do."""
        found, known = self._contents(), {*self.manifest().files, self.manifest_path.name}
        return [
            *(intruder(self.path, name) for name in found.files if name not in known),
            *(odd_one(self.path, name) for name in found.others),
        ]

    def require(self, part: str = "") -> str:
        """The sha256 of a complete stage's contents, or of one file or folder of it, for a later
        stage's fingerprint.

        Raises ArtifactError where the stage is not complete, is damaged, holds no such part, or
        something lies in it that it did not write.
        """
        self._require_own_folder()
        if not _there(self.manifest_path):
            raise ArtifactError(
                f"{self.path}: not complete (no manifest.json); run `primum {self.name}` first, or "
                "`primum run`"
            )
        faults = self.damage()
        if faults:
            raise ArtifactError([*faults, f"run `primum {self.name}` again to rebuild it"])
        if strays := self.strays():
            raise ArtifactError(strays)
        wanted = {}
        for name, entry in self.manifest().files.items():
            # run.json holds times and versions: counted in, a stage that was made again with the
            # same outcome would make every later one run again.
            if name != "run.json" and (not part or name == part or name.startswith(f"{part}/")):
                wanted[name] = entry.sha256
        if not wanted:
            raise ArtifactError(f"{self.path}: holds no {part}; run `primum {self.name}` again")
        return sha256_json(wanted)


def _there(path: Path) -> bool:
    """A link that leads nowhere is there too."""
    return os.path.lexists(path)
