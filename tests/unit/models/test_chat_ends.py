"""Generation stops where a turn ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from chat_shapes import ANSWER, ENDS, OTHER, QUESTION
from present import present

from models.config import GenerationConfig
from models.engines.generate import generate
from models.loading.chat_format import end_of_turn, stop_ids
from models.tokens import encode, prompt_ids


def scripted(vocabulary: int, script: list[int], positions: int = 128) -> Any:
    """A real GPT-2 whose logits depend on the position alone: what it writes is known
    beforehand.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=positions,
        n_embd=positions,
        n_layer=1,
        n_head=1,
        tie_word_embeddings=False,
        eos_token_id=None,
    )
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in model.transformer.h.parameters():
            parameter.zero_()
        model.transformer.wte.weight.zero_()
        model.transformer.wpe.weight.copy_(torch.eye(positions))
        model.lm_head.weight.zero_()
        for position, token in enumerate(script):
            model.lm_head.weight[token, position] = 1.0
    return model


@pytest.mark.parametrize("shape", ENDS)
def test_generation_stops_where_the_turn_ends(tokenizer_of: Callable[..., Any], shape: str) -> None:
    tokenizer = tokenizer_of(shape)
    row = present(encode(tokenizer, [QUESTION], [ANSWER], 120))
    # After its turn the model goes on with a turn of the user, as a model does that is not stopped.
    model = scripted(len(tokenizer), [*row.input_ids[1:], *prompt_ids(tokenizer, [OTHER])][:127])
    (made,) = generate(
        model, tokenizer, [[QUESTION]], GenerationConfig(max_new_tokens=40, dtype="float32")
    )
    assert (made.text, made.finish_reason) == (ANSWER["content"], "stop")
    assert made.num_tokens == row.num_completion_tokens


def test_generation_stops_at_every_end_token_that_the_models_own_settings_name(
    tokenizer_of: Callable[..., Any],
) -> None:
    tokenizer = tokenizer_of("llama3_early")
    start, text = (
        prompt_ids(tokenizer, [QUESTION]),
        tokenizer("It narrows", add_special_tokens=False)["input_ids"],
    )
    other = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    model = scripted(len(tokenizer), [*start[1:], *text, other, *text])
    wanted = GenerationConfig(max_new_tokens=12, dtype="float32")
    assert generate(model, tokenizer, [[QUESTION]], wanted)[0].finish_reason == "length"
    model.generation_config.eos_token_id = [other, tokenizer.eos_token_id]
    (made,) = generate(model, tokenizer, [[QUESTION]], wanted)
    assert (made.text, made.finish_reason, made.num_tokens) == ("It narrows", "stop", len(text) + 1)
    assert stop_ids(tokenizer, model.generation_config) == [
        end_of_turn(tokenizer),
        tokenizer.eos_token_id,
        other,
    ]
