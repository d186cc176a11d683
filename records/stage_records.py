"""What a stage's own two files say: run.json, which is written first, and manifest.json, last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from records.licences import Restrictions
from records.own_files import Object, entry, names_by_key, read_own


@dataclass(frozen=True)
class FileEntry:
    """One file of a finished stage."""

    sha256: str
    bytes: int
    rows: int | None
    """Lines of a .jsonl file; None for all others."""

    @classmethod
    def from_json(cls, value: Any) -> FileEntry:
        """The entry of plain values. Raises ValueError where they are none."""
        if not isinstance(value, dict):
            raise ValueError("wanted an object with sha256, bytes and rows")
        return cls(
            entry(value, "sha256", str),
            entry(value, "bytes", int),
            entry(value, "rows", int, optional=True),
        )


@dataclass(frozen=True)
class Manifest:
    """manifest.json: exactly the files that a finished stage has, with their hashes."""

    stage: str
    fingerprint: str
    summary: Object
    restrictions: Restrictions
    files: dict[str, FileEntry]

    @classmethod
    def from_json(cls, value: Object) -> Manifest:
        """Raises ValueError where it is not the manifest of a finished stage."""
        listed = entry(value, "files", dict)
        # An emptied list of files would pass every later comparison of hashes.
        if "run.json" not in listed:
            raise ValueError(
                f"files: a finished stage has run.json at least, got {len(listed)} files without it"
            )
        files = {name: _file(name, file) for name, file in listed.items()}
        return cls(
            entry(value, "stage", str),
            entry(value, "fingerprint", str),
            entry(value, "summary", dict),
            names_by_key(value.get("restrictions", {}), "restrictions"),
            files,
        )

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """The manifest in a file. Raises ArtifactError where it is damaged."""
        return read_own(path, cls.from_json)


def _file(name: str, value: Any) -> FileEntry:
    path = PurePosixPath(name)
    # A manifest that came with somebody else's run could otherwise name files outside of the stage.
    if path.is_absolute() or ".." in path.parts or str(path) != name:
        raise ValueError(f"files: {name!a} is no file of the stage")
    try:
        return FileEntry.from_json(value)
    except ValueError as error:
        raise ValueError(f"files: {name}: {error}") from error


@dataclass(frozen=True)
class RunRecord:
    """run.json, as far as later work goes by it; the rest is for people."""

    fingerprint: str
    restrictions: Restrictions

    @classmethod
    def from_json(cls, value: Object) -> RunRecord:
        """The record of plain values. Raises ValueError where they are none."""
        return cls(
            entry(value, "fingerprint", str),
            names_by_key(value.get("restrictions", {}), "restrictions"),
        )

    @classmethod
    def read(cls, path: Path) -> RunRecord:
        """The record in a file. Raises ArtifactError where it is damaged."""
        return read_own(path, cls.from_json)
