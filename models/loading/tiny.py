"""The nonsense model that `model.base.path: tiny` names: a Llama of 40 thousand random weights and
a tokenizer of 600 tokens.

It is built in code, so that a set-up can be tried without a download and in seconds. It says
nothing about safety, or anything else.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from records.principles import PRINCIPLES

VERSION = "1"
"""Raise it when what is built below changes: the folder in the cache is named after it."""
VOCABULARY = 600
LEARNED_FROM = (
    *(f"principle_{number}.jsonl" for number in PRINCIPLES),
    "questions_clinician.jsonl",
    "questions_patient.jsonl",
)
COLUMNS = (("harmful", "safe_answer"), ("benign", "benign_answer"), ("question", "answer"))
"""Prompt and completion, by the names that the files give them."""
SPECIAL = {"pad_token": "<|pad|>", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + "
    "'<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ "
    "'<|im_start|>assistant\n' }}{% endif %}"
)


def tiny_name() -> str:
    """Of its folder in the cache; another text to learn tokens from, or another VERSION, makes
    another name.
    """
    content = "\x1f".join([VERSION, *texts()])
    return f"tiny-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


@cache
def texts() -> list[str]:
    """What the tokenizer learns its tokens from: prompt and completion of every fourth row of the
    project's own data.
    """
    rows = []
    # As files: a model needs none of the code that prepares data.
    folder = resources.files("data_prep").joinpath("package_data")
    for name in LEARNED_FROM:
        for line in folder.joinpath(name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            for prompt, completion in COLUMNS:
                if prompt in row:
                    rows.append((row[prompt].strip(), row[completion].strip()))
    return [text for row in rows[::4] for text in row]


def build_tokenizer(vocabulary: int = VOCABULARY) -> Any:
    """Byte-level BPE in ChatML, the same for the same data."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL)
    fast.chat_template = CHAT_TEMPLATE
    return fast


def build_model(vocabulary: int, *, tied: bool = False, seed: int = 0) -> Any:
    """Two layers of random weights that depend on `seed` alone; torch's own generator is left as it
    was.
    """
    config = LlamaConfig(
        vocab_size=vocabulary,
        # Heads of 8 are under the 16 that FlexAttention takes: on a GPU this model's rows are
        # padded.
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=tied,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()


def write_tiny(folder: Path) -> None:
    """The model and its tokenizer as a Hugging Face directory."""
    tokenizer = build_tokenizer()
    build_model(len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
