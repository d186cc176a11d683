"""A file is known by what it holds, and read once for it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records import content_hashes as module
from records.content_hashes import content_hash, content_hashes
from records.stage_folder import sha256_file

LONG_AGO = 1_600_000_000


def write(path: Path, content: bytes, seconds: int) -> None:
    """In place, at a time that has passed."""
    path.write_bytes(content)
    os.utime(path, (LONG_AGO + seconds, LONG_AGO + seconds))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read."""
    found: list[Path] = []

    def counted(path: Path) -> str:
        found.append(path)
        return sha256_file(path)

    monkeypatch.setattr(module, "sha256_file", counted)
    return found


def test_a_file_is_read_once_while_it_stays_as_it_is(tmp_path: Path, read: list[Path]) -> None:
    file, memory = tmp_path / "model.safetensors", tmp_path / "memory"
    write(file, b"one", 1)
    assert content_hash(file, memory) == content_hash(file, memory) == sha256_file(file)
    assert read == [file]


def test_other_content_of_the_same_size_is_another_file(tmp_path: Path, read: list[Path]) -> None:
    file, memory = tmp_path / "model.safetensors", tmp_path / "memory"
    write(file, b"one", 1)
    first = content_hash(file, memory)
    write(file, b"two", 2)
    assert content_hash(file, memory) != first
    assert len(read) == 2


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path, read: list[Path]) -> None:
    file, memory = tmp_path / "model.safetensors", tmp_path / "memory"
    file.write_bytes(b"one")
    content_hash(file, memory)
    content_hash(file, memory)
    assert len(read) == 2


def folder_instead(note: Path) -> None:
    note.unlink()
    note.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "another hash": lambda note: note.write_text(
        note.read_text().replace('"sha256": "', '"sha256": "0')
    ),
    "a half": lambda note: note.write_text(note.read_text()[:40]),
    "a list": lambda note: note.write_text("[]"),
    "a folder": folder_instead,
    "nesting": lambda note: note.write_text("[" * 100_000),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_note_costs_a_second_reading(
    tmp_path: Path, read: list[Path], damage: Callable[[Path], object]
) -> None:
    file, memory = tmp_path / "model.safetensors", tmp_path / "memory"
    write(file, b"one", 1)
    content_hash(file, memory)
    (note,) = memory.iterdir()
    damage(note)
    assert content_hash(file, memory) == sha256_file(file)
    assert len(read) == 2


def test_a_memory_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    file, memory = tmp_path / "model.safetensors", tmp_path / "memory"
    write(file, b"one", 1)
    memory.write_text("a file")
    assert content_hashes([file], memory) == {file: sha256_file(file)}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["in place", "beside and renamed", "moved away and back", "touched"]),
        st.sampled_from([b"aa", b"bb", b"ccc"]),
    ),
    max_size=8,
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(steps=STEPS)
def test_whatever_is_done_to_files_their_hashes_are_those_of_what_they_hold(
    steps: list[tuple[str, bytes]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("a.bin", "b.bin")]
        for file in files:
            write(file, b"aa", 0)
        for number, (step, content) in enumerate(steps, 1):
            file, other = files if number % 2 else reversed(files)
            if step == "in place":
                write(file, content, number)
            elif step == "beside and renamed":
                write(file.with_suffix(".new"), content, number)
                file.with_suffix(".new").replace(file)
            elif step == "moved away and back":
                file.replace(file.with_suffix(".away"))
                other.replace(file)
                file.with_suffix(".away").replace(other)
            else:
                os.utime(file, (LONG_AGO + number, LONG_AGO + number))
            assert content_hashes(files, Path(folder) / "memory") == {
                file: sha256_file(file) for file in files
            }
