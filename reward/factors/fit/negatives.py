"""Completions that are no answers, made from real ones: another prompt's, shuffled, looping,
echoed, or about nothing.
"""

from __future__ import annotations

import dataclasses
import random
from collections import defaultdict
from collections.abc import Sequence

from reward.factors.fit.corpora import Row
from reward.factors.made import CONSTANTS, WEATHER, echoed, looped, shuffled
from reward.refusal.rule import refusal

SWAP, SHUFFLE, LOOP, ECHO, CONSTANT = "swap", "shuffle", "loop", "echo", "constant"
SHARES = {SWAP: 0.5, SHUFFLE: 0.12, LOOP: 0.18, ECHO: 0.1, CONSTANT: 0.1}
BRIEF = 25
"""Words. A longer refusal says what it refuses. Were no refusal among the swapped, the head would
learn that refusals are coherent."""


def no_answers(rows: Sequence[Row], seed: int) -> list[Row]:
    """One made row for each real one where it can be made; its label is its kind, its group and
    writer are the real one's.
    """
    rng = random.Random(f"{seed}/negatives")
    others = defaultdict(list)
    for row in rows:
        # A brief refusal fits every prompt.
        if refusal(row.completion) == "none" or len(row.completion.split()) > BRIEF:
            others[row.writer].append(row)
    kinds, weights = list(SHARES), list(SHARES.values())
    made = []
    for row in rows:
        kind = rng.choices(kinds, weights)[0]
        # Of the same writer: by another hand a swap could be told without reading the prompt.
        text = _made(kind, row, rng.choice(others[row.writer] or others["primum"]), rng)
        if text:
            made.append(dataclasses.replace(row, completion=text, label=kind))
    return made


def _made(kind: str, row: Row, other: Row, rng: random.Random) -> str:
    if kind == SWAP:
        return other.completion if other.group != row.group else ""
    if kind == SHUFFLE:
        return shuffled(row.completion, rng)
    if kind == LOOP:
        return looped(row.completion, rng)
    return echoed(row.prompt, rng) if kind == ECHO else rng.choice((*CONSTANTS, *WEATHER))
