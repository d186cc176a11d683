"""How likely a policy finds each of several beginnings of its reply, without writing any of
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from models.layout.logps import collate, per_token_logps
from models.tokens import TokenRow, prompt_ids
from records.rows import Message


class Option(NamedTuple):
    """One beginning of the reply to one prompt."""

    messages: list[Message]
    text: str


def option_logps(
    model: Any, tokenizer: Any, options: Sequence[Option], *, batch_size: int
) -> list[float]:
    """Mean log-probability a token (nats) of each option's text as what the assistant begins with,
    in their order.
    """
    rows = [_row(tokenizer, option) for option in options]
    # Rows of like length side by side, as they are padded to the longest of a batch.
    order = sorted(range(len(rows)), key=lambda place: len(rows[place].input_ids))
    found: dict[int, float] = {}
    # Padded places are masked: which token stands there does not matter.
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    for begin in range(0, len(order), batch_size):
        places = order[begin : begin + batch_size]
        batch = collate([rows[place] for place in places], pad).to(model.device)
        with torch.inference_mode():
            logps, of_row = per_token_logps(model, batch)
            # float64, as a GPU adds in no fixed order: a close choice must hardly turn on rounding.
            sums = torch.zeros(len(places), dtype=torch.float64, device=logps.device).index_add(
                0, of_row, logps.double()
            )
        # A mean a token: every token lowers the sum, so sums would favour the shortest option.
        means = sums.cpu() / batch.completion_tokens.cpu()
        found |= dict(zip(places, means.tolist(), strict=True))
    return [found[place] for place in range(len(rows))]


def _row(tokenizer: Any, option: Option) -> TokenRow:
    start = prompt_ids(tokenizer, option.messages)
    text = tokenizer(option.text, add_special_tokens=False)["input_ids"]
    # No end token: an option is the beginning of a reply, and the model may go on.
    return TokenRow([*start, *text], [0] * len(start) + [1] * len(text), False)
