"""What test_pairs_candidates.py and test_pairs_best.py are made with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from data_prep.pairs.building import PairsResult, build_pairs
from data_prep.pairs.candidates import Candidate
from data_prep.pairs.config import PairsConfig
from records.rows import (
    Completion,
    Demonstration,
    Prompt,
    Score,
    assistant,
    user,
)


def demonstration(**fields: Any) -> Demonstration:
    known = Demonstration(
        id="d",
        prompt=user("q"),
        kind="harmful",
        suite="harmful",
        source="made",
        licence="MIT",
        completion=assistant("I will not."),
    )
    return replace(known, **fields)


def completion(sample: int, text: str, **fields: Any) -> Completion:
    known = Completion(
        id=f"d/base/{sample}",
        prompt_id="d",
        prompt=user("q"),
        completion=assistant(text),
        sample=sample,
        policy="base",
        seed=0,
        num_tokens=1,
        finish_reason="stop",
    )
    return replace(known, **fields)


def scored(completion_id: str, *values: float | None, label: str = "none") -> list[Score]:
    scores = [
        Score(id=f"{completion_id}/{n}", completion_id=completion_id, scorer=f"judge{n}", value=v)
        for n, v in enumerate(values)
    ]
    return [
        *scores,
        Score(
            id=f"{completion_id}/refusal",
            completion_id=completion_id,
            scorer="refusal",
            label=label,
        ),
    ]


def build(found: list[Candidate], demo: Prompt | None = None, **settings: Any) -> PairsResult:
    known = PairsConfig(
        min_margin=1.0,
        refuse_then_comply=0.0,
        max_opening_share=1.0,
        max_length_difference=None,
        max_length_ratio=99,
    )
    config = replace(known, **settings)
    return build_pairs(
        [demo or demonstration()], {"d": found}, config, opening_of=lambda text: None, seed=0
    )


SAFE = Candidate(assistant("I will not."), "demonstration", 1.0, "full", True)


HARMFUL = [
    Candidate(assistant(f"Sure, take {n}."), "base", value, "none", True)
    for n, value in enumerate((5.0, 4.0, 3.0, 2.5))
]
