"""Completions that the scorers leave to people: they stand before all others of a batch."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from data_prep.review.items import ReviewItem

ABSTAINED = "abstained"
"""How such a completion was drawn, where nothing else brought it into the batch."""


def with_abstentions(
    batch: Sequence[ReviewItem], items: Iterable[ReviewItem], *, most: int, seed: int
) -> list[ReviewItem]:
    """The batch with at most `most` further completions on which the scorers abstain; all such
    completions come first, in random order.

    What was drawn at random stays marked so: it alone compares a scorer with people without bias.
    """
    rng = random.Random(f"review of abstentions/{seed}")
    known = {item.id for item in batch}
    left: dict[str, ReviewItem] = {}
    # Sorted before anything is drawn: the draw must not depend on the order of the files.
    for item in sorted(items, key=lambda item: item.completion_id):
        if item.abstained and item.id not in known:
            left.setdefault(item.id, item)
    chosen = rng.sample(sorted(left), min(most, len(left)))
    first = [replace(left[name], drawn="abstained") for name in chosen]
    first += [item for item in batch if item.abstained]
    # Mixed, or the raters would see first all that was added and then all that was drawn.
    rng.shuffle(first)
    return [*first, *(item for item in batch if not item.abstained)]


def all_abstained(items: Iterable[ReviewItem]) -> int:
    """How many different texts among the items the scorers abstain on."""
    return len({item.id for item in items if item.abstained})
