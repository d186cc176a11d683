"""A base model is known by what its files hold, so that every stage that reads it runs again for
another one.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from models.config import ModelConfig
from pipeline.model_identity import model_files, model_identity, tokenizer_identity
from pipeline.run.config import RunConfig
from pipeline.stages import load_stage


@pytest.fixture
def own_model(tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that may be changed, its weights padded to a size from which hashes are remembered."""
    monkeypatch.setenv("PRIMUM_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    shutil.copytree(tiny_directory, folder)
    (folder / "extra.bin").write_bytes(bytes(2**20))
    return folder


def trained_again(weights: Path) -> None:
    """Another last byte, the size and the time of change as they were."""
    before = weights.stat()
    with weights.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("name", ["model.safetensors", "extra.bin"])
def test_weights_that_were_trained_again_in_place_are_another_model(
    own_model: Path, name: str
) -> None:
    model = ModelConfig(path=str(own_model))
    first = model_identity(model)
    assert model_identity(model) == first
    trained_again(own_model / name)
    assert model_identity(model) != first


def test_every_file_of_the_model_counts(own_model: Path) -> None:
    model = ModelConfig(path=str(own_model))
    known = {str(model_identity(model))}
    # Those must fit their headers.
    others = [file for file in own_model.iterdir() if file.suffix != ".safetensors"]
    for file in others:
        content = file.read_bytes()
        file.write_bytes(content + b" ")
        known.add(str(model_identity(model)))
        file.write_bytes(content)
    assert len(known) == 1 + len(others)


def test_every_stage_that_reads_the_base_model_runs_again_for_other_weights(
    own_model: Path,
) -> None:
    run = RunConfig()
    config = replace(run, model=replace(run.model, base=ModelConfig(path=str(own_model))))
    readers = [load_stage(name) for name in ("sample", "reward", "pairs", "sft", "eval")]
    before = [stage.files(config) for stage in readers]
    trained_again(own_model / "extra.bin")
    assert all(stage.files(config) != files for stage, files in zip(readers, before, strict=True))


def test_a_chat_template_that_was_edited_is_another_one(own_model: Path, tmp_path: Path) -> None:
    template = tmp_path / "chat.jinja"
    template.write_text("{{ messages }}")
    model = replace(ModelConfig(path=str(own_model)), chat_template=str(template))
    config = replace(RunConfig(), model=replace(RunConfig().model, base=model))
    first = model_files(config), tokenizer_identity(model)
    template.write_text("{{ messages }} ")
    second = model_files(config), tokenizer_identity(model)
    assert all(a != b for a, b in zip(first, second, strict=True))
