"""The sha256 of a large file in a small one beside it, for what lies in a stage's work folder until
the stage is done."""

from __future__ import annotations

from pathlib import Path

from records.stage_folder import sha256_file, write_text


def write_hash(path: Path) -> None:
    """Right after `path` was written: it is still in the memory of the machine that wrote it."""
    write_text(hash_file(path), f"{sha256_file(path)}\n")


def read_hash(path: Path) -> str:
    """The sha256 that stands beside a file, as text."""
    # "replace": a damaged byte must be reported as a wrong hash, not end in a UnicodeDecodeError.
    return hash_file(path).read_bytes().decode("ascii", "replace").strip()


def hash_faults(path: Path) -> list[str]:
    """What is wrong with the file. One of an earlier version has no hash beside it to go by."""
    if path.is_symlink() or not path.is_file():
        return [f"{path}: gone"]
    if hash_file(path).is_file() and read_hash(path) != sha256_file(path):
        return [damaged(path)]
    return []


def damaged(path: Path) -> str:
    """What is said of a file that is not what was written."""
    return f"{path}: damaged (its sha256 is not the one that it was written with)"


def hash_file(path: Path) -> Path:
    """Where a file's sha256 stands."""
    return path.with_name(f"{path.name}.sha256")
