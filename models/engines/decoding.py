"""How completions are decoded: as the run's config says, and by nothing that a model's own files
ask for besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers import GenerationConfig

from models.config import ModelConfig
from models.loading.chat_format import stop_ids
from models.loading.load import model_location

_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
"""Which token is which is a fact about the model, and no wish."""
_NO_SETTING = ("transformers_version", "_from_model_config", "_commit_hash")


@contextmanager
def neutral_generation(model: Any) -> Iterator[None]:
    """Within it, transformers fills what a call leaves open from its own defaults, not from the
    model's generation_config.json.

    A repetition penalty or a minimum length there would change greedy completions, in some engines
    and not in others.
    """
    # `generate` merges what a call leaves open from the model's attribute, so the attribute must
    # go.
    own = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own


def own_generation_config(model: ModelConfig) -> GenerationConfig:
    """generation_config.json of a model's files, without its weights; the defaults where it has
    none.
    """
    try:
        return GenerationConfig.from_pretrained(model_location(model), revision=model.revision)
    except OSError:
        return GenerationConfig()


def decoding_record(model: ModelConfig, tokenizer: Any) -> dict[str, Any]:
    """For a run's records: the tokens that end a completion, and what the model asks for and does
    not get.
    """
    own = own_generation_config(model)
    ends = stop_ids(tokenizer, own)
    wishes = {
        name: value
        for name, value in own.to_diff_dict().items()
        if name not in (*_TOKENS, *_NO_SETTING)
    }
    return {
        "stop_tokens": tokenizer.convert_ids_to_tokens(ends),
        "not_used_from_generation_config": wishes,
    }
