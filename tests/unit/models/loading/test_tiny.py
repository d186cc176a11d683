"""`model.base.path: tiny`: a nonsense model that is built in code, once, the same wherever it is
built.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.config import TINY, GenerationConfig, ModelConfig
from models.engines.generate import generate
from models.loading.inspection import model_faults
from models.loading.load import load_language_model, model_location
from records.errors import ModelError
from records.rows import user


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIMUM_CACHE", str(tmp_path / "cache"))


def test_it_is_built_once_and_is_a_model(tmp_path: Path) -> None:
    state = torch.random.get_rng_state()
    folder = Path(model_location(ModelConfig(path=TINY)))
    assert folder.parent == tmp_path / "cache"
    assert torch.equal(torch.random.get_rng_state(), state)
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert model_location(ModelConfig(path=TINY)) == str(folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [folder.name]
    assert model_faults(ModelConfig(path=TINY)) == []
    made = generate(
        *load_language_model(ModelConfig(path=TINY)),
        [user("Hi")],
        GenerationConfig(max_new_tokens=3, dtype="float32"),
    )
    assert made[0].num_tokens <= 3


def test_it_is_the_same_wherever_it_is_built(tiny_directory: Path) -> None:
    folder = Path(model_location(ModelConfig(path=TINY)))
    for file in tiny_directory.iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_folder_of_the_same_name_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    model_location(ModelConfig(path=TINY))
    (tmp_path / "tiny" / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"write \./tiny for the folder"):
        model_location(ModelConfig(path=TINY))
    assert model_location(ModelConfig(path="./tiny")) == "./tiny"
