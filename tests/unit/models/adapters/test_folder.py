"""An adapter travels: peft loads it from anywhere, on the run's base, and it answers as the policy
does.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from models.adapters.folder import adapter_card, joined
from models.adapters.trained import trainable_state
from models.adapters.wrapping import adapt
from models.config import EMBEDDED, AdapterConfig, ModelConfig
from models.export import ROUNDED, export_policy
from models.loading.lineage import EMBEDDED_HUB_ID, Lineage, base_name
from models.loading.load import load_model, load_tokenizer
from records.errors import ModelError
from records.stage_folder import read_json

IDS = torch.arange(5, 45)[None]


def trained(
    start: Path, out: Path, lineage: Lineage, *, rank: int = 4, alpha: int = 8, seed: int = 1
) -> Path:
    """A stage that begins with the policy in `start`."""
    config = ModelConfig(path=str(start))
    model = adapt(load_model(config), AdapterConfig(rank=rank, alpha=alpha), seed=0)
    torch.manual_seed(seed)
    with torch.no_grad():
        for tensor in trainable_state(model).values():
            tensor.add_(0.05 * torch.randn_like(tensor))
    export_policy(model, load_tokenizer(config), out, lineage)
    return out


@pytest.fixture
def chain(tiny_directory: Path, tmp_path: Path) -> Path:
    """A run directory: SFT from the base, DPO from SFT's merged policy, a second round from DPO's;
    other ranks and scales each time.
    """
    base, run = ModelConfig(path=str(tiny_directory)), tmp_path / "run"
    trained(tiny_directory, run / "sft", Lineage(base))
    trained(
        run / "sft" / "policy",
        run / "dpo",
        Lineage(base, run / "sft" / "adapter"),
        rank=2,
        alpha=6,
        seed=2,
    )
    trained(
        run / "dpo" / "policy",
        run / "dpo_2",
        Lineage(base, run / "dpo" / "adapter"),
        rank=3,
        alpha=3,
        seed=3,
    )
    return run


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits


def test_every_stages_adapter_answers_as_its_policy_from_another_directory_and_after_a_move(
    chain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM

    moved = Path(shutil.move(chain, tmp_path / "elsewhere"))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for stage in ("sft", "dpo", "dpo_2"):
        wanted = logits(AutoModelForCausalLM.from_pretrained(moved / stage / "policy"))
        got = logits(AutoPeftModelForCausalLM.from_pretrained(moved / stage / "adapter"))
        assert (got - wanted).abs().max() <= 1e-4
    assert read_json(moved / "dpo_2" / "adapter" / "adapter_config.json")["r"] == 4 + 2 + 3


def test_an_adapter_of_a_later_stage_on_a_16_bit_base_skips_the_rounding_of_the_policy_before(
    tiny_directory: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    stored = tmp_path / "base"
    shutil.copytree(tiny_directory, stored)
    AutoModelForCausalLM.from_pretrained(tiny_directory, dtype=torch.bfloat16).save_pretrained(
        stored
    )
    base = ModelConfig(path=str(stored))
    trained(stored, tmp_path / "sft", Lineage(base))
    trained(
        tmp_path / "sft" / "policy",
        tmp_path / "dpo",
        Lineage(base, tmp_path / "sft" / "adapter"),
        seed=2,
    )
    report = read_json(tmp_path / "dpo" / "export.json")
    assert report["dtype"] == "bfloat16"
    assert 0 < report["adapter"] <= ROUNDED
    assert report["policy"] == 0


def test_a_base_named_by_a_relative_path_is_found_from_elsewhere(
    tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_directory.parent)
    trained(tiny_directory, tmp_path / "out", Lineage(ModelConfig(path=f"./{tiny_directory.name}")))
    assert read_json(tmp_path / "out" / "adapter" / "adapter_config.json")[
        "base_model_name_or_path"
    ] == str(tiny_directory)


def test_the_tokenizer_is_beside_it(chain: Path, tiny_directory: Path) -> None:
    wanted = load_tokenizer(ModelConfig(path=str(tiny_directory)))
    found = load_tokenizer(ModelConfig(path=str(chain / "dpo" / "adapter")))
    assert found.chat_template == wanted.chat_template
    assert found("What is asthma?")["input_ids"] == wanted("What is asthma?")["input_ids"]


def test_the_card_says_what_it_is_and_how_to_load_it(chain: Path, tiny_directory: Path) -> None:
    card = (chain / "dpo" / "adapter" / "README.md").read_text()
    assert f'base_model: "{tiny_directory.name}"\n' in card
    assert "AutoPeftModelForCausalLM" in card
    assert "license: other" in card
    assert str(tiny_directory.parent) not in card


@pytest.fixture
def hub(tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelConfig:
    """A model in the hub's cache of a machine without network."""
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    cached = tmp_path / "hub" / "models--clinic--tiny"
    shutil.copytree(tiny_directory, cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(
        "transformers.utils.hub.TRANSFORMERS_CACHE", str(tmp_path / "hub"), raising=False
    )
    return ModelConfig(path="clinic/tiny")


def test_a_base_of_the_hub_is_named_by_its_id_and_the_revision_that_was_used(
    hub: ModelConfig, tmp_path: Path
) -> None:
    found = base_name(hub)
    assert found == ("clinic/tiny", "0123456789abcdef0123456789abcdef01234567", True)
    snapshot = (
        tmp_path
        / "hub"
        / "models--clinic--tiny"
        / "snapshots"
        / "0123456789abcdef0123456789abcdef01234567"
    )
    assert base_name(ModelConfig(path=str(snapshot))) == found


def test_an_adapter_on_a_base_of_the_hub_loads_by_that_name(
    hub: ModelConfig, tmp_path: Path
) -> None:
    model = adapt(load_model(hub), AdapterConfig(rank=4), seed=0)
    report = export_policy(model, load_tokenizer(hub), tmp_path / "out", Lineage(hub))
    config = read_json(tmp_path / "out" / "adapter" / "adapter_config.json")
    assert (config["base_model_name_or_path"], config["revision"]) == base_name(hub)[:2]
    assert report["adapter"] == 0


def test_the_embedded_models_adapter_says_that_the_hubs_weights_are_not_the_same() -> None:
    lineage = Lineage(ModelConfig(path=EMBEDDED))
    assert base_name(lineage.base) == (EMBEDDED_HUB_ID, None, False)
    card = adapter_card(lineage, 16)
    assert f'base_model: "{EMBEDDED_HUB_ID}"\n' in card
    assert "Not exact" in card
    assert "license: apache-2.0" in card


def test_adapters_of_other_modules_are_not_joined() -> None:
    config = {"r": 1, "lora_alpha": 1}
    one, other = ({name: torch.ones(1, 1)} for name in ("a.lora_A.weight", "b.lora_A.weight"))
    with pytest.raises(ModelError, match="cannot be written as one"):
        joined((config, one), (config, other))
    with pytest.raises(ModelError, match="cannot be written as one"):
        joined(({**config, "use_dora": True}, one), (config, one))


def test_two_scales_are_one(tmp_path: Path) -> None:
    first = (
        {"r": 1, "lora_alpha": 3},
        {
            "q.lora_A.weight": torch.tensor([[1.0, 2.0]]),
            "q.lora_B.weight": torch.tensor([[5.0], [7.0]]),
        },
    )
    second = (
        {"r": 2, "lora_alpha": 1},
        {"q.lora_A.weight": torch.eye(2), "q.lora_B.weight": torch.ones(2, 2)},
    )
    config, tensors = joined(first, second)
    product = (
        config["lora_alpha"] / config["r"] * tensors["q.lora_B.weight"] @ tensors["q.lora_A.weight"]
    )
    assert torch.equal(
        product, 3 * torch.tensor([[5.0, 10.0], [7.0, 14.0]]) + 0.5 * torch.ones(2, 2)
    )
