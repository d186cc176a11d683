"""A world of prompts and completions that pairs are built of."""

from __future__ import annotations

from typing import Any

from data_prep.pairs.building import PairsResult, build_pairs
from data_prep.pairs.candidates import Candidate
from data_prep.pairs.config import PairsConfig, SidesConfig
from records.rows import Demonstration, Kind, Split, assistant, user

World = tuple[list[Demonstration], dict[str, list[Candidate]]]
WIDE: dict[str, Any] = {"max_length_ratio": 1e9, "max_pairs_per_prompt": 100}
NEITHER: dict[str, Any] = {
    "min_margin": 1.0,
    "max_opening_share": 1.0,
    "max_length_difference": None,
    "sides": SidesConfig(cut_alike="none"),
}
"""The completions of this world open alike, end as they do and have the lengths that they have;
tests of their own look at what is done about it."""


def demonstration(
    number: int, kind: Kind, split: Split = "train", twin: bool = True
) -> Demonstration:
    name, other = (
        f"{number:03}-{kind}",
        f"{number:03}-{'benign' if kind == 'harmful' else 'harmful'}",
    )
    return Demonstration(
        id=name,
        prompt=user(f"request {name}"),
        completion=assistant(
            f"I will not do {number}. Ask a nurse."
            if kind == "harmful"
            else f"Yes, {number} is fine to take."
        ),
        kind=kind,
        suite="harmful" if kind == "harmful" else "twins",
        source="made",
        licence="MIT",
        principle=number % 9 + 1 if kind == "harmful" else None,
        twin_id=other if twin else None,
        split=split,
    )


def build(world: World, seed: int = 0, **settings: Any) -> PairsResult:
    demos, found = world
    return build_pairs(
        demos,
        found,
        PairsConfig(**(NEITHER | settings)),
        opening_of=lambda text: text.split(". ")[0] + ".",
        seed=seed,
    )
