"""Tokenizers of two template families on one vocabulary, and rows to score."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

torch.set_num_threads(1)  # tiny matrices: threads cost more than they bring

TEXTS = (
    ("What is asthma?", "Asthma narrows the airways."),
    ("Hi", "No."),
    ("How much water a day?", "It depends on heat, on work and on you."),
)


@pytest.fixture(scope="session")
def llama_tokenizer(tokenizer) -> Any:
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
def families(tokenizer, llama_tokenizer) -> dict[str, Any]:
    """A tokenizer for each template family that Primum ships, and the tiny model's own ChatML."""
    from models.chat_templates import CHAT_TEMPLATES

    made = {"own": tokenizer}
    for name, template in CHAT_TEMPLATES.items():
        made[name] = copy.deepcopy(tokenizer if name == "chatml" else llama_tokenizer)
        made[name].chat_template = template
    return made


@pytest.fixture(scope="session")
def rows(tokenizer) -> list[Any]:
    from models.tokens import encode

    return [encode(tokenizer, [{"role": "user", "content": q}], [{"role": "assistant", "content": a}], 128) for q, a in TEXTS]
