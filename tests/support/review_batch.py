"""A run's prompts and completions, as a batch is drawn from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from data_prep.review.items import ReviewItem, draw, review_items
from records.rows import Completion, Demonstration, Kind, Score, Split, assistant, user


def demonstration(
    number: int, *, principle: int | None, kind: Kind = "harmful", split: Split = "train"
) -> Demonstration:
    return Demonstration(
        id=f"p{number}",
        prompt=user(f"Request {number}?"),
        completion=assistant(f"Safe words {number}."),
        kind=kind,
        suite="harmful",
        source="made",
        licence="MIT",
        principle=principle,
        split=split,
    )


def completion(prompt_id: str, text: str, sample: int = 0, policy: str = "base") -> Completion:
    return Completion(
        id=f"{prompt_id}/{policy}/{sample}",
        prompt_id=prompt_id,
        prompt=user("as asked"),
        completion=assistant(text),
        policy=policy,
        sample=sample,
        seed=0,
        num_tokens=3,
        finish_reason="stop",
    )


def scores(name: str, value: float | None, refusal: str = "none") -> list[Score]:
    return [
        Score(id=f"{name}/reward_model", completion_id=name, scorer="reward_model", value=value),
        Score(id=f"{name}/refusal", completion_id=name, scorer="refusal", label=refusal),
    ]


def run_items(
    count: int = 24, *, values: Callable[[int], float | None] = lambda number: 1 + number % 5
) -> list[ReviewItem]:
    """Two completions each to prompts of three principles and of none."""
    demos = [
        demonstration(n, principle=n % 4 or None, kind="harmful" if n % 4 else "benign")
        for n in range(count)
    ]
    made = [completion(demo.id, f"Policy words {n}.") for n, demo in enumerate(demos)]
    found = [score for n, c in enumerate(made) for score in scores(c.id, values(n))]
    found += [score for demo in demos for score in scores(demo.id, 1.0, "full")]
    return review_items(demos, made, demos, found)


def drawn(
    items: Iterable[ReviewItem], prompts: int = 8, uncertain: float = 0.5, seed: int = 0
) -> list[ReviewItem]:
    return draw(items, prompts=prompts, uncertain=uncertain, threshold=3.5, seed=seed)
