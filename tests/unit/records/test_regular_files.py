"""Whatever a user names as a file is read, or refused at once: nothing hangs, and nothing fills the
memory.
"""

from __future__ import annotations

import gzip
import os
import signal
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from records import regular_files
from records.errors import RecordError
from records.regular_files import lines_of, odd_files, open_regular, read_whole, unpacked
from records.rows import read_json_lines
from records.strict_json import MOST_LEVELS, strict_loads


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """A reader that waits for a FIFO fails the test instead of stopping them all."""
    signal.alarm(60)
    yield
    signal.alarm(0)


@pytest.fixture
def odd(tmp_path: Path) -> dict[str, Path]:
    fifo, sock = tmp_path / "rows.jsonl", tmp_path / "s"
    os.mkfifo(fifo)
    here = os.getcwd()
    os.chdir(tmp_path)  # a socket's path may have 107 characters
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(sock.name)
    os.chdir(here)
    return {"a FIFO": fifo, "a socket": sock, "a device": Path("/dev/zero"), "a folder": tmp_path}


@pytest.mark.parametrize("kind", ["a FIFO", "a device", "a folder"])
def test_what_is_no_file_is_named(odd: dict[str, Path], kind: str) -> None:
    for read in (open_regular, read_whole, unpacked):
        with pytest.raises(OSError, match=f"it is {kind}, wanted a file"):
            read(odd[kind])


def test_a_socket_cannot_be_opened(odd: dict[str, Path]) -> None:
    with pytest.raises(OSError, match="No such device"):
        open_regular(odd["a socket"])


def test_whatever_in_a_folder_is_no_file_is_named(odd: dict[str, Path]) -> None:
    folder = odd["a folder"]
    (folder / "gone").symlink_to("nowhere")
    (folder / "file").write_text("")
    (folder / "below").mkdir()
    os.mkfifo(folder / "below" / "pipe")
    found = odd_files(folder)
    assert [fault.split(": ")[0].rsplit("/", 1)[1] for fault in found] == [
        "pipe",
        "rows.jsonl",
        "s",
    ]
    assert "is a FIFO, wanted a file; copy what it gives into a file, or remove it" in found[1]
    assert odd_files(odd["a device"])[0].startswith("/dev/zero: is a device, wanted a file")


def bomb(path: Path, megabytes: int, piece: bytes) -> Path:
    with gzip.open(path, "wb", compresslevel=6) as file:
        for _ in range(megabytes):
            file.write(piece * (2**20 // len(piece)))
    return path


def megabytes_of(read: Callable[[], object]) -> float:
    """What reading takes at its peak."""
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def test_an_archive_that_unpacks_to_one_endless_line_is_refused_in_little_memory(
    tmp_path: Path,
) -> None:
    path = bomb(tmp_path / "rows.jsonl.gz", 100, b"x" * 2**20)

    def read() -> None:
        with pytest.raises(
            RecordError, match=r"rows.jsonl.gz:1: a line of more than 16 million characters"
        ):
            list(read_json_lines(path))
        with pytest.raises(RecordError, match="unpacks to more than 64 MB"):
            read_whole(path)

    assert megabytes_of(read) < 250


def test_an_archive_of_endless_short_lines_is_refused(tmp_path: Path) -> None:
    path = bomb(tmp_path / "rows.jsonl.gz", 80, b" " * 1023 + b"\n")
    with pytest.raises(
        RecordError,
        match=(
            "unpacks to more than 64 MB, 200 times what a file of its size may hold; unpack it "
            "yourself"
        ),
    ):
        list(read_json_lines(path))


def test_a_line_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regular_files, "MOST_LINE", 10)
    path = tmp_path / "rows.txt"
    path.write_text("a\n" + "b" * 10 + "\n" + "c" * 30)
    with path.open() as file, pytest.raises(RecordError, match=r"rows.txt:3: a line of more than"):
        list(lines_of(path, file))


def test_a_file_that_is_read_at_once_has_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regular_files, "MOST_BYTES", 2**20)
    path = tmp_path / "rows.csv"
    path.write_bytes(bytes(2**20))
    assert len(read_whole(path)) == 2**20
    path.write_bytes(bytes(2**20 + 1))
    with pytest.raises(
        RecordError,
        match=r"rows.csv: more than 1 MB, .*; divide it, or give its rows as JSON Lines",
    ):
        read_whole(path)


def test_an_archive_is_read_as_a_file_is(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress('\ufeff{"a": "ä"}\r\n\n{"a": 2}'.encode()))
    assert list(read_json_lines(path)) == [(1, {"a": "ä"}), (3, {"a": 2})]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(RecordError, match="not a whole gzip file"):
        list(read_json_lines(path))


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 900, 100_000])
def test_nesting_has_a_limit_far_below_what_readers_can_follow(opening: str, levels: int) -> None:
    closing = "]" if opening == "[" else "}"
    assert strict_loads(opening * MOST_LEVELS + "1" + closing * MOST_LEVELS)
    with pytest.raises(ValueError, match="nested more than 64 levels deep"):
        strict_loads(opening * levels + "1" + closing * levels)


def test_many_lists_beside_each_other_are_no_nesting() -> None:
    assert len(strict_loads("[" + ",".join(["[]"] * 1000) + "]")) == 1000
