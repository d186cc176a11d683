"""Which option a model finds likeliest: log p(option | question), without generating anything."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from eval.capability.items import Item
from models.layout.collation import Collation
from models.layout.logps import completion_logps
from models.tokens import TokenRow
from records.rows import Record

LONGEST = 1_000_000
"""Tokenizers without a limit state one like 1e30."""


@dataclass(frozen=True, kw_only=True)
class Answer(Record):
    """What one policy makes of one item."""

    policy: str
    task: str
    topic: str = ""
    gold: int
    logps: list[float]
    """Natural log-probability of each option, its tokens summed."""
    right: bool
    """Whether the right option is the likeliest (lm-evaluation-harness: acc)."""
    right_normalised: bool
    """The same by log-probability for each character of the option (acc_norm)."""


def answered(item: Item, policy: str, logps: Sequence[float]) -> Answer:
    """The first of several options that are equally likely counts, as in lm-evaluation-harness."""
    by_length = []
    # In characters, as lm-evaluation-harness divides, so that the figures can be compared.
    for logp, text in zip(logps, item.choices, strict=True):
        by_length.append(logp / len(text))
    return Answer(
        id=f"{item.task}/{item.id}/{policy}",
        policy=policy,
        task=item.task,
        topic=item.topic,
        gold=item.gold,
        logps=list(logps),
        right=_first_highest(logps) == item.gold,
        right_normalised=_first_highest(by_length) == item.gold,
    )


def _first_highest(values: Sequence[float]) -> int:
    # max keeps the first of equal values.
    return max(range(len(values)), key=lambda place: values[place])


def answer(
    model: Any,
    tokenizer: Any,
    items: Sequence[Item],
    layout: Collation,
    *,
    policy: str,
    batch_tokens: int,
) -> list[Answer]:
    """One answer an item, in their order. The options of an item share its question's tokens."""
    most = longest(model, tokenizer)
    rows = [option_rows(tokenizer, item, most) for item in items]
    # By length, so that a batch holds questions of like size.
    order = sorted(range(len(items)), key=lambda place: len(rows[place][0].input_ids))
    found: dict[int, Answer] = {}
    for places in batches([layout.tokens(rows[place]) for place in order], batch_tokens):
        chosen = [order[place] for place in places]
        logps = row_logps(model, [row for place in chosen for row in rows[place]], layout)
        for place in chosen:
            own = [next(logps) for _ in rows[place]]
            found[place] = answered(items[place], policy, own)
    return [found[place] for place in range(len(items))]


def row_logps(model: Any, rows: list[TokenRow], layout: Collation) -> Iterator[float]:
    """The log-probability of each row's completion. Raises ValueError where one is not a number."""
    with torch.inference_mode():
        batch = layout(rows).to(next(model.parameters()).device)
        logps = completion_logps(model, batch).float().tolist()
    if not all(map(math.isfinite, logps)):
        raise ValueError("the model gives a log-probability that is not a finite number")
    return iter(logps)


def option_rows(tokenizer: Any, item: Item, most: int) -> list[TokenRow]:
    """Question and each option as plain text with the tokenizer's own special tokens before it, no
    chat template, as lm-evaluation-harness has it; too long a question loses its beginning."""
    # The context's own length in tokens; what follows is the option, as the harness takes it.
    start = len(tokenizer(item.context)["input_ids"])
    made: list[TokenRow] = []
    for text in item.choices:
        made.append(_row(tokenizer(f"{item.context} {text}")["input_ids"], start, most))
    return made


def _row(ids: list[int], start: int, most: int) -> TokenRow:
    mask = [0] * start + [1] * (len(ids) - start)
    # Cut from the left: the end of the question and the option must stay.
    return TokenRow(ids[-most:], mask[-most:], len(ids) > most)


def longest(model: Any, tokenizer: Any) -> int:
    """Tokens that the model takes at once."""
    stated = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    # Three bounds: what the model knows, what its tokenizer says, and one for those that say
    # nothing.
    return min(stated or LONGEST, tokenizer.model_max_length or LONGEST, LONGEST)


def batches(sizes: Sequence[int], most: int) -> Iterator[list[int]]:
    """Places in order, as many at once as hold `most` tokens, and one at least."""
    batch: list[int] = []
    tokens = 0
    for place, size in enumerate(sizes):
        # One item at least, or an item longer than the budget would never be asked.
        if batch and tokens + size > most:
            yield batch
            batch, tokens = [], 0
        batch.append(place)
        tokens += size
    if batch:
        yield batch
