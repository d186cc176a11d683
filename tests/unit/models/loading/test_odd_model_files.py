"""A model's directory with a FIFO or a bomb in it is told at once."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.config import ModelConfig
from models.loading.inspection import require_model
from models.loading.load import load_tokenizer
from records.errors import ModelError


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    signal.alarm(120)
    yield
    signal.alarm(0)


@pytest.fixture
def folder(tiny_directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_directory, tmp_path / "model"))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "extra"])
def test_a_fifo_in_a_model_is_told(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(ModelError, match=rf"model.base.path=.*{name}: is a FIFO, wanted a file"):
        require_model(ModelConfig(path=str(folder)))


BOMB = "[" * 100_000


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors.index.json", "adapter_config.json"]
)
@pytest.mark.parametrize(
    "content",
    [
        BOMB,
        "[" * 900 + "]" * 900,
        "[]",
        "{}",
        '{"weight_map": 1}',
        '{"weight_map": {"a": 1}}',
        "\x00",
    ],
)
def test_nonsense_in_a_model_is_told(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(ModelError):
        require_model(ModelConfig(path=str(folder)))


@pytest.mark.parametrize("header", [BOMB.encode(), b"[]", b'{"a": 1}', b"{}"])
@pytest.mark.parametrize("length", [None, 2**62, 2**34])
def test_a_damaged_header_is_told(folder: Path, header: bytes, length: int | None) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes((length or len(header)).to_bytes(8, "little") + header + bytes(100))
    with pytest.raises(ModelError, match="its download was cut off"):
        require_model(ModelConfig(path=str(folder)))


def test_a_chat_template_that_is_no_text_is_told(folder: Path, tmp_path: Path) -> None:
    template = tmp_path / "chat.jinja"
    template.write_bytes(b"\xff\xfe{{ messages }}")
    with pytest.raises(
        ModelError,
        match=r"model.base.chat_template=.*cannot be read as text .* wanted a Jinja file in UTF-8",
    ):
        load_tokenizer(ModelConfig(path=str(folder), chat_template=str(template)))
    template.unlink()
    os.mkfifo(template)
    with pytest.raises(ModelError, match="wanted one of"):
        load_tokenizer(ModelConfig(path=str(folder), chat_template=str(template)))


@pytest.mark.parametrize("name", ["tokenizer_config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", [BOMB, "[]", "1", "{", '{"added_tokens": 1}', "\x00"])
def test_nonsense_in_a_tokenizer_is_told(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    with contextlib.suppress(ModelError):  # some of it transformers passes over
        load_tokenizer(ModelConfig(path=str(folder)))
