"""What is wrong with preferences: taken one by one, and against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import networkx

from data_prep.lint.faults import Fault
from data_prep.lint.items import Item
from records.rows import Message, Pair, text_of

Cut = Literal["whole", "cut", "identical", "no_room"]
"""What model.max_length leaves of a pair."""
CUT_FAULTS = {"cut": "cut_pair", "identical": "identical_after_cut", "no_room": "no_room"}
Sides = tuple[str, str]
Preference = tuple[str, Sides]


def preference_faults(items: Sequence[Item]) -> Iterator[tuple[int, Fault]]:
    """(place, fault) of identical, duplicate, contradictory and swapped pairs; white space alone
    makes no difference.
    """
    pairs = []
    for place, item in enumerate(items):
        if item.is_preference:
            pairs.append((place, item, (_key(item.prompt), _sides(item))))
    first: dict[Preference, str] = {}
    for place, item, (prompt, sides) in pairs:
        if sides[0] == sides[1]:
            yield place, Fault("identical_pair", item.id, "chosen and rejected are the same text")
        elif (prompt, sides) in first:
            yield place, Fault("duplicate_pair", item.id, f"the same as {first[prompt, sides]}")
        else:
            first[prompt, sides] = item.id
    # Identical sides are not in `first`: a completion over itself would be a circle of one.
    circle = _circles(list(first))
    # By the two texts alone, whatever the prompt: that is what "for another prompt" asks.
    owner: dict[Sides, str] = {}
    for (_, sides), name in first.items():
        owner.setdefault(sides, name)
    for place, item, (prompt, sides) in pairs:
        if (prompt, sides) in circle:
            yield (
                place,
                Fault(
                    "contradictory_pair",
                    item.id,
                    "which completion beats which for this prompt leads back to the start",
                ),
            )
        elif sides[0] != sides[1] and sides[::-1] in owner:
            yield (
                place,
                Fault(
                    "swapped_pair", item.id, f"ranked the other way round in {owner[sides[::-1]]}"
                ),
            )


def cut_fault(pair: Pair, cut: Callable[[Pair], Cut]) -> Fault | None:
    """What is wrong where a pair's sides are cut to the length of training."""
    left = cut(pair)
    return (
        None
        if left == "whole"
        else Fault(CUT_FAULTS[left], pair.id, "counted in the tokens that the model sees")
    )


def _circles(preferences: Sequence[Preference]) -> set[Preference]:
    """The preferences that lie on a circle (A over B over A, or a longer way round) among one
    prompt's completions.
    """
    # One preference of a prompt cannot contradict itself, and most prompts have just one.
    counts = Counter(prompt for prompt, _ in preferences)
    several = []
    for prompt, sides in preferences:
        if counts[prompt] > 1:
            several.append((prompt, sides))
    beats = networkx.DiGraph(
        ((prompt, better), (prompt, worse)) for prompt, (better, worse) in several
    )
    circles = {}
    # In a strongly connected part every completion beats every other by some way: a circle.
    for number, part in enumerate(networkx.strongly_connected_components(beats)):
        for completion in part:
            circles[completion] = number
    found: set[Preference] = set()
    for prompt, sides in several:
        if circles[prompt, sides[0]] == circles[prompt, sides[1]]:
            found.add((prompt, sides))
    return found


def _key(prompt: Sequence[Message]) -> str:
    # Roles are part of the key, since two conversations may hold the same texts in other mouths.
    return "\x1e".join(
        f"{message['role']}\x1f{_squeezed(message['content'])}" for message in prompt
    )


def _sides(item: Item) -> Sides:
    return _squeezed(text_of(item.completion)), _squeezed(text_of(item.rejected))


def _squeezed(text: str) -> str:
    return " ".join(text.split())
