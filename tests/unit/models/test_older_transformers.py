"""An exported directory is the same model in the oldest transformers that the card names, and in
the last of the version 4 line.
"""

from __future__ import annotations

import copy
import json
import os
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from models.adapters.trained import trainable_state
from models.adapters.wrapping import adapt
from models.config import AdapterConfig, ModelConfig
from models.export import export_policy
from models.loading.load import load_model, load_tokenizer
from models.portable import OLDEST_TRANSFORMERS, make_portable

ROOT = Path(__file__).resolve().parents[3]
OLDER = ROOT / "tests" / "older"
VERSIONS = sorted(path.stem for path in OLDER.glob("*.txt"))
TEXTS = [
    "What is asthma?",
    " Take 2 tablets , then rest .\n",
    "<|im_start|>user\nnaïve ☕<|im_end|>",
    "a [note] b",
]
CHAT = [{"role": "user", "content": "What is asthma?"}]
PADDING = 8
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
TOKENS = {
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "initializer_range": 0.3,
}
SCALED = {"rope_theta": 5e5, "factor": 8.0, "original_max_position_embeddings": 64}
LLAMA_3 = {"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0, **SCALED}
LONG = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "short_factor": [1.0, 1.5, 2.0, 2.5],
    "long_factor": [2.0, 3.0, 4.0, 5.0],
}
GLOBAL = {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}
LOCAL = {"rope_type": "default", "rope_theta": 2e4}
LAYERS = {
    "layer_types": ["sliding_attention", "full_attention"],
    "sliding_window": 8,
    "head_dim": 8,
}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {"rope_parameters": {"rope_type": "default", "rope_theta": 1e5}},
    "llama3": {"model_type": "llama", "rope_parameters": LLAMA_3},
    "llama_linear": {
        "model_type": "llama",
        "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 2e4},
    },
    "llama_yarn": {
        "model_type": "llama",
        "rope_parameters": {"rope_type": "yarn", **SCALED, "original_max_position_embeddings": 256},
    },
    "llama_tied": {"model_type": "llama", "tie_word_embeddings": True, "rope_parameters": LLAMA_3},
    "mistral": {
        "sliding_window": 8,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    },
    "qwen2": {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    "qwen3": {"head_dim": 8, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}},
    "gemma2": {**LAYERS, "rope_parameters": {"rope_type": "default", "rope_theta": 5e4}},
    "gemma3_text": {
        **LAYERS,
        "rope_parameters": {"sliding_attention": LOCAL, "full_attention": GLOBAL},
    },
    "phi3": {
        "original_max_position_embeddings": 16,
        "rope_parameters": {**LONG, "original_max_position_embeddings": 16},
    },
    "stablelm": {
        "rope_parameters": {"rope_type": "default", "rope_theta": 5e4, "partial_rotary_factor": 0.5}
    },
    "gpt_neox": {
        "rope_parameters": {"rope_type": "default", "rope_theta": 5e4, "partial_rotary_factor": 0.5}
    },
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
    "qwen3_moe": {
        "head_dim": 8,
        "num_experts": 4,
        "moe_intermediate_size": 16,
        "num_experts_per_tok": 2,
        "rope_parameters": LOCAL,
    },
    "mixtral": {
        "num_local_experts": 4,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e5},
    },
}


def built(name: str, tokenizer: Any, folder: Path) -> Path:
    from transformers import AutoConfig, AutoModelForCausalLM

    own = dict(ARCHITECTURES[name])
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        own.pop("model_type", name), vocab_size=len(tokenizer) + PADDING, **SIZES | TOKENS | own
    )
    model = AutoModelForCausalLM.from_config(config)
    model.generation_config.eos_token_id = [2, 5]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if name == "llama3":  # its adapter is read on it: a base of the hub speaks the older words
        make_portable(folder, tokenizer)
    return folder


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory, tokenizer: Any, llama_tokenizer: Any
) -> dict[str, Path]:
    """Every architecture, trained a little and exported; the vocabulary is padded and the tokenizer
    has an extra special token.
    """
    folder, own = tmp_path_factory.mktemp("older"), copy.deepcopy(tokenizer)
    own.add_special_tokens({"extra_special_tokens": ["[note]"]})
    with_bos = copy.deepcopy(llama_tokenizer)
    with_bos.chat_template = own.chat_template
    for name in ARCHITECTURES:
        config = ModelConfig(
            path=str(built(name, with_bos if name == "mistral" else own, folder / name))
        )
        kind = "lora" if name in ("llama3", "gemma3_text") else "full"
        model = adapt(load_model(config), AdapterConfig(kind=kind, rank=4), seed=0)
        with torch.no_grad():
            for tensor in trainable_state(model).values():
                tensor.add_(0.02 * torch.randn_like(tensor))
        export_policy(model, load_tokenizer(config), folder / "out" / name)
    return {name: folder / "out" / name / "policy" for name in ARCHITECTURES}


@pytest.fixture(scope="module")
def task(exported: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    ids = [[(7 * place * place + 11 * row) % 600 for place in range(48)] for row in range(2)]
    output = tmp_path_factory.mktemp("read") / "found.json"
    return {
        "folders": [str(path) for path in exported.values()],
        "adapters": [str(exported["llama3"].with_name("adapter"))],
        "ids": ids,
        "texts": TEXTS,
        "chat": CHAT,
        "output": str(output),
    }


@pytest.fixture(scope="module")
def now(task: dict[str, Any]) -> dict[str, Any]:
    """What this transformers reads."""
    read = runpy.run_path(str(OLDER / "read_exports.py"))["read"]
    return {folder: read(folder, task) for folder in task["folders"]}


@pytest.fixture(scope="module", params=VERSIONS)
def older(
    request: pytest.FixtureRequest, task: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What an older one reads, in one process for all directories."""
    python = (
        Path(os.environ.get("PRIMUM_OLDER") or ROOT / ".venv-older")
        / request.param
        / "bin"
        / "python"
    )
    if not python.exists():
        pytest.skip(
            f"no transformers {request.param} at {python}; `make older` sets it up, PRIMUM_OLDER "
            "names another folder"
        )
    file = tmp_path_factory.mktemp("task") / "task.json"
    file.write_text(json.dumps(task))
    environment = {**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [python, "-I", OLDER / "read_exports.py", file],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    found = json.loads(Path(task["output"]).read_text())
    assert found["version"].startswith(request.param)
    return {"version": request.param, **found["found"]}


NEWER = {"4.45": ("gemma3_text", "qwen3", "qwen3_moe")}
"""Architectures that a version does not have yet."""


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_older_transformers_reads_the_same_model(
    name: str, older: dict[str, Any], now: dict[str, Any], exported: dict[str, Path]
) -> None:
    folder = str(exported[name])
    if name in NEWER.get(older["version"], ()):
        assert older[folder] == "this version does not know the architecture"
        return
    got, wanted = older[folder], now[folder]
    difference = (torch.tensor(got.pop("logits")) - torch.tensor(wanted["logits"])).abs().max()
    assert difference <= 1e-4 * torch.tensor(wanted["logits"]).abs().max()
    assert got == {key: value for key, value in wanted.items() if key != "logits"}


def test_the_adapter_on_its_base_answers_as_the_policy_in_the_peft_of_that_time(
    older: dict[str, Any], now: dict[str, Any], exported: dict[str, Path]
) -> None:
    """Peft 0.13 cuts the rows off a vocabulary that pad it: no token is lost."""
    policy, adapter = exported["llama3"], exported["llama3"].with_name("adapter")
    wanted, got = (
        torch.tensor(now[str(policy)]["logits"]),
        torch.tensor(older[str(adapter)]["logits"]),
    )
    assert got.shape[-1] >= wanted.shape[-1] - PADDING
    assert (got - wanted[..., : got.shape[-1]]).abs().max() <= 1e-4 * wanted.abs().max()
    assert older[str(adapter)]["ids"] == now[str(policy)]["ids"]


def test_the_tokens_are_those_that_were_trained_on(
    now: dict[str, Any], exported: dict[str, Path]
) -> None:
    found = now[str(exported["llama"])]
    assert found["ends"] == [2, 5]
    assert "<|im_start|>user\nWhat is asthma?" in found["chat"]
    assert found["decoded"][1] == TEXTS[1]


def test_positions_matter_to_these_models(now: dict[str, Any], exported: dict[str, Path]) -> None:
    """Else a directory that loses them would pass: the plain and the scaled Llama differ in nothing
    else.
    """
    plain, scaled = (
        torch.tensor(now[str(exported[name])]["logits"]) for name in ("llama", "llama_linear")
    )
    assert (plain - scaled).abs().max() > 0.05 * plain.abs().max()


def test_the_oldest_version_that_is_named_is_the_one_that_is_tested() -> None:
    assert VERSIONS[0] == OLDEST_TRANSFORMERS
