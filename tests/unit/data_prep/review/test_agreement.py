"""Agreement: hand-worked values, limits that are known, and intervals that draw whole prompts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from data_prep.review.agreement import agreement, scorer_agreement
from data_prep.review.items import ReviewItem
from data_prep.review.ratings import Rating
from records.rows import assistant, user


def items(
    count: int, *, answers: int = 1, scores: list[float | None] | None = None
) -> list[ReviewItem]:
    return [
        ReviewItem(
            id=f"c-{n}",
            completion_id=f"p{n // answers}/base/{n % answers}",
            prompt_id=f"p{n // answers}",
            prompt=user("Request?"),
            completion=assistant(f"Words {n}."),
            kind="harmful",
            split="train",
            source="base",
            finished=True,
            scores={"reward_model": scores[n]} if scores else {},
            refusal="none",
            drawn="random" if n % 2 else "uncertain",
        )
        for n in range(count)
    ]


def ratings(
    *raters: Sequence[int | None], refusals: dict[str, list[str]] | None = None
) -> list[Rating]:
    found = [
        Rating(f"c-{n}", f"r{k}", level, "")
        for k, levels in enumerate(raters)
        for n, level in enumerate(levels)
        if level is not None
    ]
    return found + [
        Rating(f"c-{n}", rater, None, word)
        for rater, words in (refusals or {}).items()
        for n, word in enumerate(words)
    ]


def test_ordinal_alpha_of_a_worked_example() -> None:
    """Units (1,1) (2,2) (3,3) (3,2): n_1 2, n_2 3, n_3 3, of n = 8.

    Squared distances: d_12 = (2 + 3 - 2.5)^2 = 6.25, d_23 = (3 + 3 - 3)^2 = 9, d_13 = (8 - 2.5)^2 =
    30.25. Seen: o_23 = o_32 = 1, so 18. By chance: 2 (6 * 6.25 + 6 * 30.25 + 9 * 9) / 7 = 600 / 7.
    alpha = 1 - 18 * 7 / 600 = 0.79.
    """
    found = agreement(ratings([1, 2, 3, 3], [1, 2, 3, 2]), items(4), seed=0)["harmfulness"]
    assert found["value"] == pytest.approx(0.79)
    assert (found["alpha"], found["n"], found["prompts"]) == ("ordinal", 4, 4)


def test_nominal_alpha_of_a_worked_example() -> None:
    """The same counts as words: seen 2 / 8, by chance (64 - 4 - 9 - 9) / 56 = 0.75. alpha = 1 -
    0.25 / 0.75 = 2 / 3.
    """
    words = {
        "ann": ["full", "none", "partial", "partial"],
        "bob": ["full", "none", "partial", "none"],
    }
    found = agreement(ratings(refusals=words), items(4), seed=0)["refusal"]
    assert found["value"] == pytest.approx(2 / 3)
    assert found["alpha"] == "nominal"


def test_a_far_miss_costs_more_than_a_near_one() -> None:
    near = agreement(ratings([1, 2, 4, 5], [1, 2, 4, 4]), items(4), seed=0)["harmfulness"]["value"]
    far = agreement(ratings([1, 2, 4, 5], [1, 2, 4, 1]), items(4), seed=0)["harmfulness"]["value"]
    assert far < near


def test_answers_with_one_rating_say_nothing_of_agreement() -> None:
    pairs = ([1, 2, 3, 3, 5, None], [1, 2, 3, 2, None, 4])
    found = agreement(ratings(*pairs), items(6), seed=0)["harmfulness"]
    assert found["value"] == pytest.approx(0.79)
    assert found["n"] == 4


def test_full_agreement_is_1_and_chance_about_0() -> None:
    levels = [1 + n % 5 for n in range(40)]
    full = agreement(ratings(levels, levels), items(40), seed=0)["harmfulness"]
    assert (full["value"], full["interval"]) == (1.0, [1.0, 1.0])
    rng = random.Random(0)
    other = [rng.randint(1, 5) for _ in range(400)]
    chance = agreement(ratings([rng.randint(1, 5) for _ in range(400)], other), items(400), seed=0)[
        "harmfulness"
    ]
    low, high = chance["interval"]
    assert low < 0 < high
    assert high - low < 0.3


@pytest.mark.parametrize("given", [([3, 3], [3, 3]), ([3, 4], [None, None]), ()])
def test_no_value_where_chance_leaves_nothing_to_miss(given: tuple[list[int | None], ...]) -> None:
    found = agreement(ratings(*given), items(2), seed=0)["harmfulness"]
    assert (found["value"], found["interval"]) == (None, [None, None])


def test_answers_to_one_prompt_are_drawn_together() -> None:
    """Copies of one completion under one prompt add no evidence: the interval stays that of the
    prompts.
    """
    one, other = [1, 2, 3, 4, 5, 1, 2, 3, 4, 5], [1, 3, 3, 4, 4, 2, 2, 3, 5, 5]
    alone = agreement(ratings(one, other), items(10), seed=0)["harmfulness"]
    copied = agreement(
        ratings([v for v in one for _ in range(4)], [v for v in other for _ in range(4)]),
        items(40, answers=4),
        seed=0,
    )["harmfulness"]
    assert (copied["n"], copied["prompts"]) == (40, 10)
    width = [found["interval"][1] - found["interval"][0] for found in (alone, copied)]
    assert width[1] == pytest.approx(width[0], rel=0.1)


def test_the_same_seed_gives_the_same_interval() -> None:
    given = ratings([1, 2, 3, 3, 5], [1, 2, 3, 2, 4])
    assert agreement(given, items(5), seed=3) == agreement(given, items(5), seed=3)


def test_a_scorer_beside_the_experts_by_hand() -> None:
    """Experts 1, 2, 3, 5 and the scorer 1, 3, 2, 4: ranks differ by 0, 1, 1, 0, so rho = 1 - 6 * 2
    / (4 * 15) = 0.8; mean |difference| (0 + 1 + 1 + 1) / 4 = 0.75; the median 2.5 all the time
    misses by (1.5 + 0.5 + 0.5 + 2.5) / 4 = 1.25."""
    rows = items(5, scores=[1.0, 3.0, 2.0, 4.0, None])
    found = scorer_agreement(ratings([1, 2, 3, 5, 4]), rows, seed=0)["all"]["reward_model"]
    assert found["spearman"]["value"] == pytest.approx(0.8)
    assert found["mean_absolute_difference"]["value"] == pytest.approx(0.75)
    assert found["mean_absolute_difference_of_always_the_median"] == pytest.approx(1.25)
    assert (found["spearman"]["n"], found["without_a_value_of_both"]) == (4, 1)


def test_answers_that_raters_disagree_on_count_against_the_scorer_too() -> None:
    """Raters 1 and 5 mean 3; the scorer says 5 there, so it is off by 2, 0, 0, 0."""
    rows = items(4, scores=[5.0, 2.0, 3.0, 4.0])
    found = scorer_agreement(ratings([1, 2, 3, 4], [5, 2, 3, 4]), rows, seed=0)["all"][
        "reward_model"
    ]["mean_absolute_difference"]
    assert (found["value"], found["n"]) == (pytest.approx(0.5), 4)


def test_what_was_drawn_at_random_is_shown_apart() -> None:
    rows = items(8, scores=[float(n % 5 + 1) for n in range(8)])
    found = scorer_agreement(ratings([1, 2, 3, 4, 5, 1, 2, 3]), rows, seed=0)
    assert [found[part]["reward_model"]["spearman"]["n"] for part in ("all", "random")] == [8, 4]


def test_a_constant_scorer_has_no_rank_correlation() -> None:
    rows = items(5, scores=[3.0] * 5)
    found = scorer_agreement(ratings([1, 2, 3, 5, 4]), rows, seed=0)["all"]["reward_model"]
    assert found["spearman"]["value"] is None
    assert found["mean_absolute_difference"]["value"] == pytest.approx(1.2)


def test_the_refusal_detector_is_compared_where_both_have_a_word() -> None:
    rows = [
        replace(item, refusal=label)
        for item, label in zip(items(4), ["full", "none", "none", ""], strict=True)
    ]
    given = ratings(refusals={"ann": ["full", "full", "none", "none"]})
    found = scorer_agreement(given, rows, seed=0)["all"]["refusal"]["same_label"]
    assert (found["value"], found["n"]) == (pytest.approx(2 / 3), 3)
