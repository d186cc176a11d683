"""The tokenisation contract of models.tokens, for every template family."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from present import present

from models.tokens import TokenRow, encode, encode_pair, prompt_ids
from records.errors import ModelError
from records.rows import Message, assistant, user

FAMILIES = ("own", "chatml", "llama2", "alpaca", "plain")
PROSE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="<>|"),
    min_size=1,
    max_size=60,
).filter(lambda text: bool(text.strip()))
HOSTILE = st.lists(
    st.sampled_from(["</s>", "<s>", "<|im_end|>", "<|im_start|>", "word", " ", "\n", "[/INST]"]),
    max_size=8,
).map("".join)


def kept(row: TokenRow | None) -> list[int]:
    """Completion ids."""
    row = present(row)
    return [i for i, mask in zip(row.input_ids, row.completion_mask, strict=True) if mask]


def assert_contract(tokenizer: Any, prompt: list[Message], row: TokenRow | None) -> None:
    row, start = present(row), prompt_ids(tokenizer, prompt)
    assert row.input_ids[: len(start)] == start
    assert row.completion_mask == [0] * len(start) + [1] * (len(row.input_ids) - len(start))


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=25, deadline=None)
@given(question=PROSE, answer=PROSE)
def test_a_row_is_the_generation_prompt_then_the_answer_then_one_end_token(
    families: dict[str, Any], family: str, question: str, answer: str
) -> None:
    tokenizer = families[family]
    row = present(encode(tokenizer, user(question), assistant(answer), 2048))
    assert_contract(tokenizer, user(question), row)
    completion = kept(row)
    assert completion.count(tokenizer.eos_token_id) == 1
    assert completion[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(completion[:-1]).strip() == answer.strip()
    assert not row.truncated


@pytest.mark.parametrize("family", ["llama2", "alpaca", "plain"])
@settings(max_examples=15, deadline=None)
@given(question=PROSE, answer=PROSE)
def test_a_row_has_one_bos_and_it_is_first(
    families: dict[str, Any], family: str, question: str, answer: str
) -> None:
    tokenizer = families[family]
    row = present(encode(tokenizer, user(question), assistant(answer), 2048))
    assert row.input_ids[0] == tokenizer.bos_token_id
    assert row.input_ids.count(tokenizer.bos_token_id) == 1


def test_a_template_that_writes_the_bos_twice_loses_one(families: dict[str, Any]) -> None:
    tokenizer = copy.deepcopy(families["llama2"])
    once = prompt_ids(tokenizer, user("Hi"))
    tokenizer.chat_template = "{{ bos_token }}" + tokenizer.chat_template
    assert prompt_ids(tokenizer, user("Hi")) == once


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=25, deadline=None)
@given(question=HOSTILE, answer=HOSTILE)
def test_special_tokens_written_as_text_cannot_move_the_boundary_or_add_an_end(
    families: dict[str, Any], family: str, question: str, answer: str
) -> None:
    tokenizer = families[family]
    row = present(encode(tokenizer, user(question), assistant(answer), 2048))
    assert_contract(tokenizer, user(question), row)
    assert kept(row).count(tokenizer.eos_token_id) == 1


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=25, deadline=None)
@given(answer=PROSE, room=st.integers(0, 12))
def test_a_row_that_is_cut_fits_and_has_no_end_token(
    families: dict[str, Any], family: str, answer: str, room: int
) -> None:
    tokenizer = families[family]
    whole = present(encode(tokenizer, user("Why?"), assistant(answer), 2048))
    start = prompt_ids(tokenizer, user("Why?"))
    row = encode(tokenizer, user("Why?"), assistant(answer), len(start) + room)
    if room < 2:
        assert row is None
        return
    row = present(row)
    if whole.num_completion_tokens <= room:
        assert row == whole
    else:
        assert row.truncated
        assert row.input_ids == whole.input_ids[: len(start) + room]
        assert tokenizer.eos_token_id not in kept(row)


@pytest.mark.parametrize("family", ["own", "llama2", "alpaca"])
@settings(max_examples=25, deadline=None)
@given(first=PROSE, second=PROSE, room=st.integers(2, 12))
def test_both_sides_of_a_pair_are_cut_alike(
    families: dict[str, Any], family: str, first: str, second: str, room: int
) -> None:
    tokenizer = families[family]
    start = prompt_ids(tokenizer, user("Why?"))
    whole = [
        kept(encode(tokenizer, user("Why?"), assistant(text), 2048)) for text in (first, second)
    ]
    pair = encode_pair(
        tokenizer, user("Why?"), (assistant(first), assistant(second)), len(start) + room
    )
    cut = any(len(ids) > room for ids in whole)
    wanted = [ids[:-1][:room] for ids in whole] if cut else whole
    if wanted[0] == wanted[1]:
        assert pair is None
    else:
        pair = present(pair)
        assert [kept(row) for row in pair] == wanted
        assert [row.truncated for row in pair] == [cut, cut]
        assert all(row.input_ids[: len(start)] == start for row in pair)


def test_a_pair_that_cutting_makes_identical_is_no_pair(tokenizer: Any) -> None:
    sides = (
        assistant("The same beginning and one end"),
        assistant("The same beginning and another end"),
    )
    start = len(prompt_ids(tokenizer, user("Why?")))
    assert encode_pair(tokenizer, user("Why?"), sides, start + 3) is None
    assert encode_pair(tokenizer, user("Why?"), sides, 512) is not None


def test_an_answer_that_sampling_cut_off_has_no_end_token(tokenizer: Any) -> None:
    whole = present(encode(tokenizer, user("Why?"), assistant("Because of"), 512))
    unfinished = present(
        encode(tokenizer, user("Why?"), assistant("Because of"), 512, finished=False)
    )
    assert unfinished.input_ids == whole.input_ids[:-1]
    pair = encode_pair(
        tokenizer,
        user("Why?"),
        (assistant("No."), assistant("Because of")),
        512,
        finished=(True, False),
    )
    assert [tokenizer.eos_token_id in kept(row) for row in present(pair)] == [False, False]
    whole_pair = encode_pair(
        tokenizer, user("Why?"), (assistant("No."), assistant("Because of")), 512
    )
    assert [tokenizer.eos_token_id in kept(row) for row in present(whole_pair)] == [True, True]


def test_a_row_without_anything_to_learn_is_none(tokenizer: Any) -> None:
    start = len(prompt_ids(tokenizer, user("Why?")))
    assert encode(tokenizer, user("Why?"), assistant(""), 512, finished=False) is None
    assert (
        encode_pair(
            tokenizer,
            user("Why?"),
            (assistant(""), assistant("a long answer that is cut")),
            start + 3,
        )
        is None
    )


def test_a_system_message_and_earlier_turns_are_part_of_the_prompt(
    families: dict[str, Any],
) -> None:
    turns: list[Message] = [
        {"role": "system", "content": "Be kind."},
        *user("Hi"),
        *assistant("Hello."),
        *user("Why?"),
    ]
    for family, tokenizer in families.items():
        row = encode(tokenizer, turns, assistant("Because."), 512)
        assert_contract(tokenizer, turns, row)
        assert tokenizer.decode(kept(row)[:-1]).strip() == "Because.", family


def test_a_template_that_rewrites_the_prompt_is_refused(tokenizer: Any) -> None:
    moody = copy.deepcopy(tokenizer)
    moody.chat_template = (
        "{{ messages | length }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    )
    with pytest.raises(ModelError, match="chat template"):
        encode(moody, user("Hi"), assistant("Hello"), 64)
