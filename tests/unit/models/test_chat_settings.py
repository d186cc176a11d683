"""What a config says to a chat template: thinking, the day, chatml by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_shapes import ANSWER, QUESTION, SHAPES, turns
from present import present

from models.config import ModelConfig
from models.loading.chat_format import DATE_KEY, end_of_turn, turn_thinking_off
from models.loading.load import load_tokenizer
from models.loading.template_faults import format_faults
from models.tokens import encode, prompt_ids


def test_a_model_that_can_think_gets_the_empty_block_that_its_template_writes(
    tokenizer_of: Callable[..., Any],
) -> None:
    tokenizer = tokenizer_of("qwen3")
    assert tokenizer.decode(prompt_ids(tokenizer, [QUESTION])).endswith("<think>\n\n</think>\n\n")
    row = present(encode(tokenizer, [QUESTION], [ANSWER], 256))
    assert (
        tokenizer.decode(turns(row, end_of_turn(tokenizer))[0]) == f"{ANSWER['content']}<|im_end|>"
    )
    # It stands in the template, so a saved policy has it too; whoever asks for thinking by name
    # still gets it.
    asked = {"tokenize": False, "add_generation_prompt": True}
    assert "</think>" in tokenizer.apply_chat_template([QUESTION], **asked)
    assert "</think>" not in tokenizer.apply_chat_template(
        [QUESTION], enable_thinking=True, **asked
    )
    once = tokenizer.chat_template
    turn_thinking_off(tokenizer)
    assert tokenizer.chat_template == once


def test_a_template_that_does_not_think_by_itself_is_left_as_it_is(
    tokenizer_of: Callable[..., Any],
) -> None:
    for shape in ("gemma4", "chatml"):
        assert tokenizer_of(shape).chat_template == (SHAPES / f"{shape}.jinja").read_text(
            encoding="utf-8"
        )


def test_a_template_that_writes_the_day_writes_the_runs_day(
    tokenizer_of: Callable[..., Any], tmp_path: Path
) -> None:
    tokenizer = tokenizer_of("llama3_2", template_date="2024-07-09")
    assert "Today: 09 Jul 2024\n" in tokenizer.decode(prompt_ids(tokenizer, [QUESTION]))
    assert "Today: 01 Jan 2026\n" in tokenizer.decode(
        prompt_ids(tokenizer_of("llama3_2"), [QUESTION])
    )
    tokenizer.chat_template = (
        "{{ strftime_now('%A %-d %B %Y, %Y-%m-%d') }}{% for m in messages %}{{ m.content "
        "}}</s>{% endfor %}"
    )
    assert tokenizer.decode(prompt_ids(tokenizer, [QUESTION])).startswith(
        "Tuesday 9 July 2024, 2024-07-09What is"
    )
    # A copy keeps the day where the config names none: so a reward model scores with the prompts
    # that it was trained on.
    tokenizer.save_pretrained(tmp_path)
    kept = load_tokenizer(ModelConfig(path=str(tmp_path), template_date=None))
    assert kept.init_kwargs[DATE_KEY] == "2024-07-09"
    assert prompt_ids(kept, [QUESTION]) == prompt_ids(tokenizer, [QUESTION])


def test_a_day_that_is_none_is_refused_in_the_config() -> None:
    with pytest.raises(
        ValueError, match=r"template_date must be a day as in 2026-01-01, got '2026-02-30'"
    ):
        ModelConfig(template_date="2026-02-30")


def test_chatml_by_name_needs_its_tokens_and_begins_with_a_bos_where_texts_do(
    tokenizer_of: Callable[..., Any], llama_tokenizer: Any
) -> None:
    assert any(
        "holds no end token" in fault
        for fault in format_faults(_without_chatml_tokens(llama_tokenizer))
    )
    begun = tokenizer_of("zephyr", "adds a BOS", chat_template="chatml")
    assert prompt_ids(begun, [QUESTION])[:2] == begun.convert_tokens_to_ids(["<s>", "<|im_start|>"])
    plain = tokenizer_of("zephyr", chat_template="chatml")
    assert prompt_ids(plain, [QUESTION])[0] == plain.convert_tokens_to_ids("<|im_start|>")


def _without_chatml_tokens(llama_tokenizer: Any) -> Any:
    """As Llama 2's tokenizer: "<|im_end|>" is some letters to it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        AutoTokenizer,  # noqa: F401  registers the fast class that is rebuilt here
        PreTrainedTokenizerFast,
    )

    alphabet = {
        token: k
        for k, token in enumerate(["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())])
    }
    bare = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    bare.pre_tokenizer, bare.decoder = (
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
    )
    made = PreTrainedTokenizerFast(tokenizer_object=bare, bos_token="<s>", eos_token="</s>")
    made.chat_template = (SHAPES / "chatml.jinja").read_text(encoding="utf-8")
    return made
