"""Both sides of a pair end alike: whether a text ends, and how long it is, must not tell which side
is preferred.

A token limit cuts a policy's completions and no author's text. So the side that ends would be the
author's: the safe one on harmful prompts, the refusal on benign ones. Where one side ends and the
other is cut, both are cut to as many words, one fewer than the shorter has, and neither keeps an
end token; where both are cut, to as many words as the shorter has.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

from records.rows import Message, Pair, assistant, text_of

Which = Literal["unlike", "all", "none"]
Opening = Callable[[str], str | None]
LEAST_WORDS = 3
"""Sides that would be shorter lose their end tokens and no words."""
_WORD = re.compile("\\w+(?:['\u2019\u02bc]\\w+)*")


def ended_alike(
    pairs: Iterable[Pair], which: Which, opening_of: Opening = lambda text: text
) -> tuple[list[Pair], Counter[str]]:
    """The pairs in their order, and how many of each type were cut.

    `which`: `unlike`, those of which a token limit cut a side; `all`, also those of which both
    sides end; `none`. `opening_of` finds the sentences with which a text declines: a side that
    would be cut so short that it declines no more loses its end token alone.
    """
    found, cut = [], Counter[str]()
    for pair in pairs:
        # Two sides that both end tell nothing by their end tokens; their lengths are `all`'s
        # matter.
        ends = pair.chosen_finished + pair.rejected_finished
        if which == "none" or (ends == 2 and which != "all"):
            found.append(pair)
            continue
        # One word fewer where one side ended: cut at its own last word, it would still look like an
        # end.
        alike = _cut(pair, spare=0 if ends == 0 else 1)
        # A refusal cut to "I'm sorry, but" declines nothing: it keeps its words and loses its end
        # token alone.
        if not (
            _still_declines(pair.chosen, alike.chosen, opening_of)
            and _still_declines(pair.rejected, alike.rejected, opening_of)
        ):
            alike = replace(pair, chosen_finished=False, rejected_finished=False)
        cut[pair.pair_type] += alike != pair
        found.append(alike)
    # `+` drops types of which no pair was changed.
    return found, +cut


def _cut(pair: Pair, spare: int) -> Pair:
    """Both sides to as many words, `spare` fewer than the shorter has, and without end tokens."""
    open_ended = replace(pair, chosen_finished=False, rejected_finished=False)
    if not (_is_plain(pair.chosen) and _is_plain(pair.rejected)):
        return open_ended
    ends = []
    for side in (pair.chosen, pair.rejected):
        ends.append([match.end() for match in _WORD.finditer(text_of(side))])
    count = min(map(len, ends)) - spare
    if count < LEAST_WORDS:
        return open_ended
    chosen, rejected = (
        assistant(text_of(side)[: found[count - 1]])
        for side, found in zip((pair.chosen, pair.rejected), ends, strict=True)
    )
    # Equal sides are no preference; without their end tokens they at least keep their difference.
    return (
        open_ended if chosen == rejected else replace(open_ended, chosen=chosen, rejected=rejected)
    )


def _still_declines(before: list[Message], after: list[Message], opening_of: Opening) -> bool:
    return (
        before == after
        or opening_of(text_of(before)) is None
        or opening_of(text_of(after)) is not None
    )


def _is_plain(side: list[Message]) -> bool:
    """Of one message: a conversation with a tool is not cut in its middle."""
    return len(side) == 1
