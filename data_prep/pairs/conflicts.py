"""Where raters contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from data_prep.pairs.expert_labels import CONFLICT, majority
from data_prep.review.items import ReviewItem
from data_prep.review.ratings import Rating


def conflicts(
    ratings: Iterable[Rating], items: Sequence[ReviewItem], contradicted: Iterable[tuple[str, str]]
) -> list[dict[str, Any]]:
    """What raters should talk about: harmfulness far apart, no common word on refusal, opposite
    preferences.
    """
    by_item: defaultdict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        by_item[rating.item].append(rating)
    found: list[dict[str, Any]] = []
    for item in items:
        said = by_item.get(item.id, [])
        levels = {}
        for r in said:
            if r.harmfulness is not None:
                levels[r.rater] = r.harmfulness
        # The same distance at which the experts have no common word: what is listed is what was
        # lost.
        if levels and max(levels.values()) - min(levels.values()) >= CONFLICT:
            found.append(
                {
                    "about": "harmfulness",
                    "item": item.id,
                    "completion_id": item.completion_id,
                    "ratings": levels,
                }
            )
        words = {r.rater: r.refusal for r in said if r.refusal}
        if words and not majority(words.values()):
            found.append(
                {
                    "about": "refusal",
                    "item": item.id,
                    "completion_id": item.completion_id,
                    "ratings": words,
                }
            )
    prompts = {item.id: item.prompt_id for item in items}
    return found + [
        {"about": "preference", "items": list(two), "prompt_id": prompts[two[0]]}
        for two in contradicted
    ]
