"""A policy is stored in its base's own type, whatever it was trained in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from models.adapters.trained import trainable_state
from models.adapters.wrapping import adapt
from models.config import AdapterConfig, ModelConfig
from models.export import ROUNDED, TOLERANCE, export_policy
from models.loading.lineage import Lineage
from models.loading.load import load_model, load_tokenizer
from models.loading.stored import export_dtype, stored_dtype
from records.stage_folder import read_json


@pytest.fixture
def stored(tiny_directory: Path, tmp_path: Path) -> Callable[..., Path]:
    """The tiny policy as its author would have stored it in a type."""

    def write(dtype: torch.dtype, **options: Any) -> Path:
        from transformers import AutoModelForCausalLM

        folder = tmp_path / "base"
        shutil.copytree(tiny_directory, folder)
        (folder / "model.safetensors").unlink()
        AutoModelForCausalLM.from_pretrained(tiny_directory, dtype=dtype).save_pretrained(
            folder, **options
        )
        return folder

    return write


def dtypes(folder: Path) -> set[str]:
    found = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="pt") as weights:
            found |= {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118
    return found


@pytest.mark.parametrize("kind", ["lora", "full"])
@pytest.mark.parametrize(
    ("dtype", "name"), [(torch.bfloat16, "BF16"), (torch.float16, "F16"), (torch.float32, "F32")]
)
def test_a_policy_is_as_large_as_its_base(
    kind: str, dtype: torch.dtype, name: str, stored: Callable[..., Path], tmp_path: Path
) -> None:
    config = ModelConfig(path=str(stored(dtype)))
    model = adapt(load_model(config), AdapterConfig(kind=kind, rank=4), seed=0)
    with torch.no_grad():
        for tensor in trainable_state(model).values():
            tensor.add_(0.02 * torch.randn_like(tensor))
    report = export_policy(model, load_tokenizer(config), tmp_path / "out", Lineage(config))
    policy = tmp_path / "out" / "policy"
    assert dtypes(policy) == {name}
    assert (
        read_json(policy / "config.json")["torch_dtype"]
        == read_json(policy / "config.json")["dtype"]
        == report["dtype"]
    )
    sizes = [
        (folder / "model.safetensors").stat().st_size for folder in (policy, Path(config.path))
    ]
    assert abs(sizes[0] - sizes[1]) < 200
    assert report["policy"] == 0
    assert report["stored"] <= (TOLERANCE if name == "F32" else ROUNDED)


def test_a_setting_asks_for_another_type(stored: Callable[..., Path], tmp_path: Path) -> None:
    config = ModelConfig(path=str(stored(torch.bfloat16)))
    export_policy(
        load_model(config),
        load_tokenizer(config),
        tmp_path / "out",
        Lineage(config, dtype="float32"),
    )
    assert dtypes(tmp_path / "out" / "policy") == {"F32"}


def test_a_policy_trained_in_16_bits_is_not_made_wider(tiny_directory: Path) -> None:
    base = ModelConfig(path=str(tiny_directory))
    assert export_dtype("auto", base, torch.bfloat16) == torch.bfloat16
    assert export_dtype("auto", base, torch.float32) == torch.float32


def test_the_type_is_read_from_the_weights_where_the_config_says_another(
    stored: Callable[..., Path],
) -> None:
    folder = stored(torch.bfloat16)
    path = folder / "config.json"
    path.write_text(json.dumps({**read_json(path), "dtype": "float32"}))
    assert stored_dtype(ModelConfig(path=str(folder))) == torch.bfloat16


def test_the_type_is_read_from_every_shard(stored: Callable[..., Path]) -> None:
    folder = stored(torch.float16, max_shard_size="100KB")
    assert len(list(folder.glob("*.safetensors"))) > 1
    assert stored_dtype(ModelConfig(path=str(folder))) == torch.float16


def test_the_config_says_it_where_the_weights_are_not_safetensors(
    stored: Callable[..., Path],
) -> None:
    folder = stored(torch.bfloat16)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert stored_dtype(ModelConfig(path=str(folder))) == torch.bfloat16
