"""The token contract over the shapes of public chat templates: a row is the template's own text,
its loss what the assistant writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from chat_shapes import ANSWER, ENDS, NEXT, OTHER, QUESTION, turns
from present import present

from models.loading.chat_format import end_of_turn
from models.loading.template_faults import row_fault
from models.tokens import encode, encode_pair, prompt_ids
from records.errors import ModelError
from records.rows import Message

REFUSED = {
    "header_unlike_the_prompt": (
        r"it writes '.*\[assistant\]<think>' when the assistant is to write, '.*\[assistant\]Yes,"
        r" for.*' once it has"
    ),
    "deepseek_r1": "does not go on from its own generation prompt",
    "qwen3_thinking_only": "generation starts inside a thinking block",
    "no_generation_prompt": (
        r"writes '\[assistant\]' between the prompt that generation starts from and the completion"
    ),
    "channels": r"writes '<\|system\|>final<\|end_header_id\|>' between",
    "words_before_the_end": r"writes 'Yes, for most adults\. \[done\]' for the completion",
    "prompt_ends_in_a_space": "joins the end of the generation prompt",
    "no_end_after_the_last_turn": "ends a completion with ''",
    "alpaca_without_end": "holds no end token of this tokenizer",
}
SYSTEM: Message = {"role": "system", "content": "Be careful."}
TOOL: Message = {"role": "tool", "content": "found: 2 pages"}
CONVERSATIONS: dict[str, tuple[list[Message], list[Message]]] = {
    "single": ([QUESTION], [ANSWER]),
    "system": ([SYSTEM, QUESTION], [ANSWER]),
    "several turns": ([QUESTION, ANSWER, OTHER], [NEXT]),
    "two turns of the assistant": ([QUESTION], [ANSWER, NEXT]),
    "a tool between": ([QUESTION], [ANSWER, TOOL, NEXT]),
}
LEFT_OUT = {
    ("mistral_without_system", "system"),
    ("mistral_without_system", "two turns of the assistant"),
    ("mistral_without_system", "a tool between"),
    # Writes the system message only before a last user turn, so never in a conversation that has
    # its completion.
    ("mistral_with_system", "system"),
    ("gemma2", "system"),
    ("gemma2", "two turns of the assistant"),
    ("gemma2", "a tool between"),
    ("llama2", "a tool between"),
    ("command_r", "a tool between"),
    ("zephyr", "a tool between"),
}
TOKENIZERS = ("as it is", "adds a BOS", "no EOS", "no pad")


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("conversation", CONVERSATIONS)
@pytest.mark.parametrize("shape", ENDS)
def test_a_row_is_the_templates_own_text_and_its_loss_is_what_the_assistant_writes(
    tokenizer_of: Callable[..., Any], shape: str, conversation: str, kind: str
) -> None:
    # What these templates end a turn with is the EOS.
    if kind == "no EOS" and ENDS[shape][0] == "</s>":
        with pytest.raises(ModelError, match=r"eos_token' is undefined|holds no end token"):
            tokenizer_of(shape, kind)
        return
    tokenizer = tokenizer_of(shape, kind)
    prompt, completion = CONVERSATIONS[conversation]
    assert bool(row_fault(tokenizer, prompt, completion)) == ((shape, conversation) in LEFT_OUT)
    if (shape, conversation) in LEFT_OUT:
        return
    row = present(encode(tokenizer, prompt, completion, 512))
    end = tokenizer.convert_tokens_to_ids(ENDS[shape][0])
    # The oracle is transformers alone: the template's whole text, as tokens.
    whole = tokenizer.apply_chat_template([*prompt, *completion], tokenize=True, return_dict=False)
    # It writes the clock's day here, the run's day in the row; a test of its own holds that.
    if shape != "llama3_2":
        assert row.input_ids == whole[: len(row.input_ids)]
    written = [m["content"] for m in completion if m["role"] == "assistant"]
    assert [turn[-1] for turn in turns(row, end)] == [end] * len(written)
    assert [tokenizer.decode(turn[:-1]).strip() for turn in turns(row, end)] == written
    start = prompt_ids(tokenizer, prompt)
    assert row.input_ids[: len(start)] == start
    assert row.completion_mask[: len(start)] == [0] * len(start)


@pytest.mark.parametrize("shape", REFUSED)
def test_a_template_that_cannot_hold_the_contract_is_refused_with_what_it_writes(
    tokenizer_of: Callable[..., Any], shape: str
) -> None:
    with pytest.raises(ModelError, match=REFUSED[shape]) as told:
        tokenizer_of(shape)
    assert "model.base.chat_template" in str(told.value)
    assert "wanted" in str(told.value) or "name a" in str(told.value)


def test_a_pair_of_completions_of_several_messages_is_cut_alike(
    tokenizer_of: Callable[..., Any],
) -> None:
    tokenizer = tokenizer_of("tools")
    sides = ([ANSWER, TOOL, NEXT], [ANSWER, TOOL, ANSWER])
    whole = present(encode_pair(tokenizer, [QUESTION], sides, 512))
    assert [len(turns(row, end_of_turn(tokenizer))) for row in whole] == [2, 2]
    room = len(whole[0].input_ids) - 2
    shorter = present(encode_pair(tokenizer, [QUESTION], sides, room))
    assert all(row.truncated and row.input_ids[-1] != end_of_turn(tokenizer) for row in shorter)


def test_a_row_that_the_template_drops_or_rewrites_is_named_without_its_text(
    tokenizer_of: Callable[..., Any],
) -> None:
    tokenizer = tokenizer_of("command_r")
    fault = row_fault(tokenizer, [QUESTION], [ANSWER, TOOL, NEXT])
    assert fault == "the template does not write message 2 (tool)"
    assert "System role not supported" in row_fault(tokenizer_of("gemma2"), [SYSTEM, QUESTION], [])
    assert row_fault(tokenizer_of("mistral_with_system"), [SYSTEM, QUESTION], [ANSWER]) != ""
    own: Message = {"role": "user", "content": "What does <turn|> end?"}
    assert (
        row_fault(tokenizer_of("gemma4"), [own], [])
        == "message 0 holds the tokenizer's own '<turn|>', which would end or fake a turn"
    )
