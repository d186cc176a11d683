"""The one tokenisation contract: messages in, token ids and a completion mask out, for every stage.

- A row is what the chat template itself writes for the conversation, token for token, up to the
  end of the last turn.
- Prompt ids are exactly those that generation starts from; the boundary to the completion is
  exact by construction.
- One BOS: what the chat template writes, nothing added, a doubled one removed.
- The mask holds what the assistant writes, its end-of-turn token included, and nothing else: of a
  completion of several messages every turn of the assistant, and neither headers nor what a tool
  said.
- A whole completion ends in the token that the template writes there, and that token is in the
  mask. A cut one has none.
- A pair that model.max_length or a token limit cuts on one side loses the end token on both: ends
  must not tell chosen from rejected.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from models.loading.chat_format import end_of_turn, render
from models.loading.template_faults import SETTING, parted
from records.errors import ModelError
from records.rows import Message

# The least that a row can teach: one token of text and the end token.
MIN_COMPLETION_TOKENS = 2


class TokenRow(NamedTuple):
    """One prompt with one completion."""

    input_ids: list[int]
    completion_mask: list[int]
    """1 on what the assistant writes (end of turn included), 0 on the prompt and on what stands
    between the assistant's turns."""
    truncated: bool

    @property
    def num_completion_tokens(self) -> int:
        """The completion's tokens, its end token among them."""
        return sum(self.completion_mask)


def prompt_ids(tokenizer: Any, prompt: list[Message]) -> list[int]:
    """Ids up to the point where the assistant begins to write."""
    return _single_bos(
        tokenizer, _ids(tokenizer, render(tokenizer, prompt, add_generation_prompt=True))
    )


def encode(
    tokenizer: Any,
    prompt: list[Message],
    completion: list[Message],
    max_length: int,
    *,
    finished: bool = True,
) -> TokenRow | None:
    """One row; None when the prompt leaves no room for a completion, or there is none (the caller
    counts it).

    An unfinished completion (one that a token limit cut while it was sampled) gets no end token: it
    did not end there.
    """
    start = prompt_ids(tokenizer, prompt)
    row = _whole(tokenizer, prompt, start, completion, finished)
    if max_length - len(start) < MIN_COMPLETION_TOKENS or not row.num_completion_tokens:
        return None
    return _cut(row, max_length) if len(row.input_ids) > max_length else row


def encode_pair(
    tokenizer: Any,
    prompt: list[Message],
    sides: tuple[list[Message], list[Message]],
    max_length: int,
    *,
    finished: tuple[bool, bool] = (True, True),
) -> tuple[TokenRow, TokenRow] | None:
    """Chosen and rejected cut alike: when either is too long for the row or unfinished, neither
    keeps its end token.

    None when the prompt leaves no room, or when after cutting nothing is left of a side or nothing
    distinguishes the two.
    """
    start = prompt_ids(tokenizer, prompt)
    # One unfinished side takes the end token from both; else that token alone would say which side
    # is which, and the loss would learn it before anything else.
    finished = (all(finished), all(finished))
    rows = []
    for side, whole in zip(sides, finished, strict=True):
        rows.append(_whole(tokenizer, prompt, start, side, whole))
    if max_length - len(start) < MIN_COMPLETION_TOKENS:
        return None
    if any(len(row.input_ids) > max_length for row in rows):
        # Of sides that are not finished `_whole` has taken the end token already.
        rows = [
            _without_end(row) if whole else row for row, whole in zip(rows, finished, strict=True)
        ]
        rows = [_cut(row, max_length) for row in rows]
    chosen, rejected = rows
    # Two sides that the cut made equal have the same log-ratio whatever the policy does: ln 2 and
    # no gradient.
    if chosen.input_ids == rejected.input_ids or not all(row.num_completion_tokens for row in rows):
        return None
    return chosen, rejected


def _whole(
    tokenizer: Any, prompt: list[Message], ids: list[int], completion: list[Message], finished: bool
) -> TokenRow:
    """The row without a limit, `ids` the prompt's: for each turn of the assistant all that comes
    before it, then what it writes.
    """
    mask = [0] * len(ids)
    for number, message in enumerate(completion):
        if message["role"] == "assistant":
            start, written = _turn(tokenizer, [*prompt, *completion[:number]], message)
            # The mask holds by place: it is right only while what was written of earlier turns
            # stays the beginning. Templates that drop the thinking of earlier turns, for one, break
            # that.
            if start[: len(ids)] != ids:
                raise ModelError(
                    f"{SETTING}: the template writes an earlier turn otherwise once message "
                    f"{number} of a completion follows"
                )
            mask += [0] * (len(start) - len(ids)) + [1] * len(written)
            ids = [*start, *written]
    row = TokenRow(ids, mask, False)
    # Without completion tokens the last token is the prompt's, which must stay; `encode` drops such
    # a row.
    return row if finished or not row.num_completion_tokens else _without_end(row)


def _turn(tokenizer: Any, before: list[Message], message: Message) -> tuple[list[int], list[int]]:
    """Ids of what comes before a turn of the assistant, and of the turn from its first word to its
    end token.
    """
    start_text = render(tokenizer, before, add_generation_prompt=True)
    whole_text = render(tokenizer, [*before, message], add_generation_prompt=False)
    if not whole_text.startswith(start_text):
        raise ModelError(f"{SETTING}: {parted(start_text, whole_text)}")
    start, ids = _ids(tokenizer, start_text), _ids(tokenizer, whole_text)
    # A merge across the boundary (rare) would change the prompt; tokenising the rest alone is what
    # generation could produce.
    written = (
        ids[len(start) :]
        if ids[: len(start)] == start
        else _ids(tokenizer, whole_text[len(start_text) :])
    )
    end = end_of_turn(tokenizer)
    if end not in written:
        raise ModelError(
            f"{SETTING}: the template does not end this completion with "
            f"{tokenizer.convert_ids_to_tokens(end)!r} as it ends others; wanted one that ends "
            "every turn alike"
        )
    # From the first one on: text that holds the token itself would end there too.
    return _single_bos(tokenizer, start), written[: written.index(end) + 1]


def _without_end(row: TokenRow) -> TokenRow:
    return TokenRow(row.input_ids[:-1], row.completion_mask[:-1], row.truncated)


def _cut(row: TokenRow, max_length: int) -> TokenRow:
    return TokenRow(row.input_ids[:max_length], row.completion_mask[:max_length], True)


def _ids(tokenizer: Any, text: str) -> list[int]:
    # The template writes the BOS itself; the tokenizer would put a second one before it.
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _single_bos(tokenizer: Any, ids: list[int]) -> list[int]:
    bos = tokenizer.bos_token_id
    return ids[1:] if bos is not None and ids[:2] == [bos, bos] else ids
