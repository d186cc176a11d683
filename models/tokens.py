"""The one tokenisation contract: messages in, token ids and a completion mask out, for every stage.

- Prompt ids are exactly those that generation starts from; the boundary to the completion is exact by construction.
- One BOS: what the chat template writes, nothing added, a doubled one removed.
- A whole completion ends in exactly one end token, and that token is in the mask. A cut one has none.
- A pair that model.max_length cuts on one side loses the end token on both: length must not tell chosen from rejected.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from data_prep.errors import ModelError
from data_prep.records import Message

MIN_COMPLETION_TOKENS = 2


class TokenRow(NamedTuple):
    """One prompt with one completion."""

    input_ids: list[int]
    completion_mask: list[int]  # 1 on completion tokens (end token included), 0 on the prompt
    truncated: bool

    @property
    def num_completion_tokens(self) -> int:
        return sum(self.completion_mask)


def prompt_ids(tokenizer: Any, prompt: list[Message]) -> list[int]:
    """Ids up to the point where the assistant begins to write."""
    return _single_bos(tokenizer, tokenizer(_render(tokenizer, prompt, True), add_special_tokens=False)["input_ids"])


def completion_ids(tokenizer: Any, prompt: list[Message], completion: list[Message]) -> list[int]:
    """Ids of the assistant's text after the prompt, ending in one end token."""
    before, whole = _render(tokenizer, prompt, True), _render(tokenizer, [*prompt, *completion], False)
    if not whole.startswith(before):
        before = _render(tokenizer, prompt, False)
    if not whole.startswith(before):
        raise ModelError(
            "the chat template renders a prompt differently once an answer follows; set model.base.chat_template to one that does not"
        )
    start = tokenizer(before, add_special_tokens=False)["input_ids"]
    ids = tokenizer(whole, add_special_tokens=False)["input_ids"]
    # A merge across the boundary (rare) would change the prompt; tokenising the rest alone is what generation could produce.
    rest = ids[len(start) :] if ids[: len(start)] == start else tokenizer(whole[len(before) :], add_special_tokens=False)["input_ids"]
    end = tokenizer.eos_token_id
    return [*rest[: rest.index(end)], end] if end in rest else [*rest, end]


def encode(tokenizer: Any, prompt: list[Message], completion: list[Message], max_length: int, *, finished: bool = True) -> TokenRow | None:
    """One row; None when the prompt leaves no room for a completion, or there is none (the caller counts it).

    An unfinished completion (one that a token limit cut while it was sampled) gets no end token: it did not end there.
    """
    start = prompt_ids(tokenizer, prompt)
    rest = _completion(tokenizer, prompt, completion, finished)
    room = max_length - len(start)
    return None if room < MIN_COMPLETION_TOKENS or not rest else _join(start, rest, room, cut=len(rest) > room)


def encode_pair(
    tokenizer: Any,
    prompt: list[Message],
    sides: tuple[list[Message], list[Message]],
    max_length: int,
    *,
    finished: tuple[bool, bool] = (True, True),
) -> tuple[TokenRow, TokenRow] | None:
    """Chosen and rejected cut alike: when either is too long for the row, neither keeps its end token.

    None when the prompt leaves no room, or when after cutting nothing is left of a side or nothing distinguishes the two.
    """
    start = prompt_ids(tokenizer, prompt)
    rests = [_completion(tokenizer, prompt, side, whole) for side, whole in zip(sides, finished, strict=True)]
    room = max_length - len(start)
    if room < MIN_COMPLETION_TOKENS:
        return None
    cut = any(len(rest) > room for rest in rests)
    if cut:
        rests = [rest[:-1] if whole else rest for rest, whole in zip(rests, finished, strict=True)]
    chosen, rejected = (_join(start, rest, room, cut=cut) for rest in rests)
    return None if chosen.input_ids == rejected.input_ids or not all(rests) else (chosen, rejected)


def _completion(tokenizer: Any, prompt: list[Message], completion: list[Message], finished: bool) -> list[int]:
    ids = completion_ids(tokenizer, prompt, completion)
    return ids if finished else ids[:-1]


def _join(start: list[int], rest: list[int], room: int, *, cut: bool) -> TokenRow:
    kept = rest[:room] if cut else rest
    return TokenRow([*start, *kept], [0] * len(start) + [1] * len(kept), cut)


def _render(tokenizer: Any, messages: list[Message], add_generation_prompt: bool) -> str:
    clean = [{"role": m["role"], "content": m["content"].strip()} for m in messages]
    return tokenizer.apply_chat_template(clean, tokenize=False, add_generation_prompt=add_generation_prompt)


def _single_bos(tokenizer: Any, ids: list[int]) -> list[int]:
    bos = tokenizer.bos_token_id
    return ids[1:] if bos is not None and ids[:2] == [bos, bos] else ids
