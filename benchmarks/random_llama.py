"""Llama models of a given size with random weights: what a step costs does not depend on what the
weights say.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from models.config import ModelConfig
from models.loading.load import load_tokenizer
from records.cache import cache_directory

SMOLLM2 = "smollm2"
SHAPES = {
    # hidden, intermediate, layers, heads, key-value heads, vocabulary: of Llama 3.2 1B and Llama
    # 3.1 8B; the first is for trying things out
    "llama-tiny": (64, 128, 2, 4, 2, 49_152),
    "llama-1b": (2048, 8192, 16, 32, 8, 128_256),
    "llama-8b": (4096, 14_336, 32, 32, 8, 128_256),
}
MODELS = (SMOLLM2, *SHAPES)


def model_config(name: str) -> ModelConfig:
    """Weights of the 8B model are bfloat16, as two contestants must find room on one GPU; of all
    others float32.
    """
    if name == SMOLLM2:
        return ModelConfig()
    return ModelConfig(
        path=str(_built(name)), dtype="bfloat16" if name == "llama-8b" else "float32"
    )


def _built(name: str) -> Path:
    """The model's directory, made on first use; it speaks SmolLM2's tokens, which are among its
    own.
    """
    folder = cache_directory() / "benchmarks" / name
    if (folder / "config.json").is_file():
        return folder
    hidden, intermediate, layers, heads, groups, vocabulary = SHAPES[name]
    folder.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=groups,
        max_position_embeddings=8192,
        # As Llama 3.2 1B has it; 8B has a head of its own.
        tie_word_embeddings=name == "llama-1b",
        dtype="bfloat16",
    )
    # Beside its place and renamed: contestants start together and must not read half a model.
    partial = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
    load_tokenizer(ModelConfig()).save_pretrained(partial)
    # Eight billion random numbers are drawn faster there.
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(partial)
    try:
        partial.rename(folder)
    except OSError:  # another contestant was first; its copy is the same
        shutil.rmtree(partial)
    return folder
