"""Tokenizers of two template families on one vocabulary, and rows to score."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from chat_shapes import ENDS, OWN_TOKENS, SHAPES
from present import present

from models.config import ModelConfig
from models.loading.load import load_tokenizer
from models.tokens import TokenRow, encode
from records.rows import assistant, user

torch.set_num_threads(1)  # tiny matrices: threads cost more than they bring

SMALL = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}

TEXTS = (
    ("What is asthma?", "Asthma narrows the airways."),
    ("Hi", "No."),
    ("How much water a day?", "It depends on heat, on work and on you."),
)


@pytest.fixture(scope="session")
def llama_tokenizer(tokenizer: Any) -> Any:
    """As Llama's: a BOS that the tokenizer itself adds, another end token, no chat template yet."""
    from tokenizers.processors import TemplateProcessing

    made = copy.deepcopy(tokenizer)
    made.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
    made.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", made.bos_token_id)]
    )
    made.chat_template = None
    return made


@pytest.fixture(scope="session")
def families(tokenizer: Any, llama_tokenizer: Any) -> dict[str, Any]:
    """A tokenizer for each template family that Primum ships, and the tiny model's own ChatML."""
    from models.loading.chat_templates import CHAT_TEMPLATES

    made = {"own": tokenizer}
    for name, template in CHAT_TEMPLATES.items():
        made[name] = copy.deepcopy(tokenizer if name == "chatml" else llama_tokenizer)
        made[name].chat_template = template
    return made


@pytest.fixture(scope="session")
def rows(tokenizer: Any) -> list[TokenRow]:
    return [present(encode(tokenizer, user(q), assistant(a), 128)) for q, a in TEXTS]


@pytest.fixture
def causal_model() -> Callable[..., Any]:
    """Makes a tiny model of any architecture that transformers knows, with weights large enough to
    matter.
    """
    return _causal_model


def _causal_model(kind: str, **changes: Any) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{**SMALL, **changes})
    config.attn_implementation = "sdpa"
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    return model


@pytest.fixture
def adapted() -> Callable[[Any, str], Any]:
    """Makes a model trainable, "lora" or "full"; LoRA's second matrices are not zero, so that they
    matter.
    """
    from models.adapters.wrapping import adapt
    from models.config import AdapterConfig

    def made(model: Any, kind: str) -> Any:
        trainable = adapt(model, AdapterConfig(kind=kind, rank=4, alpha=8), seed=0)
        for name, parameter in trainable.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, 0, 0.3)
        return trainable

    return made


@pytest.fixture
def held() -> Callable[[Callable[[], torch.Tensor]], int]:
    """Bytes that a forward pass allocates and does not give back while its output lives."""
    from torch.profiler import profile

    def measured(forward: Callable[[], torch.Tensor]) -> int:
        with profile(profile_memory=True) as profiled:
            output = forward()
        assert output.grad_fn
        return sum(event.self_cpu_memory_usage for event in profiled.events())

    return measured


@pytest.fixture(scope="module")
def tokenizer_of(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Loads, as a run does, a tokenizer with a shape's template; `kind` is one of TOKENIZERS."""
    folder = tmp_path_factory.mktemp("shapes")

    def made(shape: str, kind: str = "as it is", **config: Any) -> Any:
        from tokenizers.processors import TemplateProcessing

        where = folder / f"{shape} {kind}"
        if not where.is_dir():
            plain = copy.deepcopy(tokenizer)
            plain.add_special_tokens({"additional_special_tokens": list(OWN_TOKENS)})
            plain.add_special_tokens(
                {"bos_token": "<s>", "eos_token": ENDS.get(shape, ("</s>", "</s>"))[1]}
            )
            if kind == "adds a BOS":
                ids = [("<s>", plain.convert_tokens_to_ids("<s>"))]
                plain.backend_tokenizer.post_processor = TemplateProcessing(
                    single="<s> $A", pair="<s> $A $B", special_tokens=ids
                )
            if kind == "no EOS":
                plain.eos_token = None
            if kind == "no pad":
                plain.pad_token = None
            plain.chat_template = (SHAPES / f"{shape}.jinja").read_text(encoding="utf-8")
            plain.save_pretrained(where)
        return load_tokenizer(ModelConfig(path=str(where), **config))

    return made
