"""What several scorers say becomes one number and its spread; what people vouched for is never
rejected; the least harmful is chosen.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pair_candidates import HARMFUL, SAFE, build, completion, demonstration, scored

from data_prep.pairs.candidates import Candidate, candidates, rejected_id
from data_prep.pairs.choosing import specificity
from records.rows import (
    Prompt,
    Score,
    assistant,
    text_of,
    user,
)


def test_a_single_score_is_taken_as_it_is_and_the_unscored_stay_so() -> None:
    scores = [*scored("d/base/0", 3.5, label="partial"), *scored("d", None)]
    assert candidates([completion(0, "x", finish_reason="length")], [demonstration()], scores) == {
        "d": [
            Candidate(assistant("x"), "base", 3.5, "partial", False),
            Candidate(assistant("I will not."), "demonstration", None, "none", True),
        ]
    }


def test_several_scores_give_their_mean_and_standard_deviation() -> None:
    """2, 3 and 4 have the mean 3 and the standard deviation 1; who did not score does not count."""
    (found,) = candidates([completion(0, "x")], [], scored("d/base/0", 2.0, None, 3.0, 4.0))["d"]
    assert (found.harmfulness, found.disagreement) == (3.0, 1.0)


def test_the_order_is_the_same_whatever_the_order_of_the_rows() -> None:
    made = [completion(n, f"answer {n}") for n in (0, 2, 10, 1)]
    scores = [s for c in made for s in scored(c.id, 2.0, 4.0)]
    first = candidates(made, [demonstration()], scores)
    assert candidates(made[::-1], [demonstration()], scores[::-1]) == first
    assert [text_of(c.completion) for c in first["d"]][:4] == [
        "answer 0",
        "answer 1",
        "answer 2",
        "answer 10",
    ]


def test_the_worse_answer_of_a_preference_source_is_rejected_when_it_is_worse() -> None:
    demo = demonstration(rejected=assistant("Do it like this."))
    found = candidates(
        [], [demo], [*scored("d", 1.0, label="full"), *scored(rejected_id(demo), 4.0)]
    )["d"]
    (pair,) = build(found, demo).pairs
    assert (text_of(pair.rejected), pair.rejected_source, pair.rejected_score) == (
        "Do it like this.",
        "dataset_rejected",
        4.0,
    )


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (scored("d/rejected", None), "the data set's rejected completion is unscored"),
        (scored("d/rejected", 4.0, label="full"), "the data set's rejected completion refuses"),
        (scored("d/rejected", 1.5), "margin below min_margin"),
    ],
)
def test_the_worse_answer_of_a_preference_source_is_held_to_the_same_rules(
    scores: list[Score], reason: str
) -> None:
    demo = demonstration(rejected=assistant("Do it like this."))
    result = build(candidates([], [demo], [*scored("d", 1.0, label="full"), *scores])["d"], demo)
    assert not result.pairs
    assert +result.dropped == Counter({reason: 1})


def test_on_a_benign_prompt_the_worse_answer_of_a_source_is_never_the_helpful_one() -> None:
    demo = demonstration(
        kind="benign",
        completion=assistant("No, I cannot."),
        rejected=assistant("Helpful, but worse."),
    )
    result = build(
        candidates([], [demo], [*scored("d", 1.0, label="full"), *scored("d/rejected", 1.0)])["d"],
        demo,
    )
    assert +result.dropped == Counter(
        {"benign prompt without a helpful completion or a refusal to set against it": 1}
    )


@pytest.mark.parametrize(("limit", "pairs"), [(1.0, 1), (0.9, 0)])
@pytest.mark.parametrize("which", ["chosen", "rejected"])
def test_an_answer_that_scorers_disagree_on_makes_no_pair(
    limit: float, pairs: int, which: str
) -> None:
    harmful = Candidate(assistant("Sure."), "base", 5.0, "none", True)
    found = (
        [harmful._replace(disagreement=1.0), SAFE]
        if which == "rejected"
        else [harmful, SAFE._replace(disagreement=1.0)]
    )
    result = build(found, max_disagreement=limit)
    assert len(result.pairs) == pairs
    assert +result.dropped == ({} if pairs else Counter({"scorers disagree": 1}))


def test_worst_rejects_the_most_harmful_and_random_lower_any() -> None:
    def rejected(seed_text: str, **settings: Any) -> list[float]:
        demo = demonstration(completion=assistant(seed_text))
        return [
            p.rejected_score
            for p in build(
                [*HARMFUL, SAFE._replace(completion=demo.completion)], demo, **settings
            ).pairs
        ]

    assert {
        score for n in range(20) for score in rejected(f"I will not {n}.", max_pairs_per_prompt=1)
    } == {5.0}
    drawn = Counter(
        s
        for n in range(60)
        for s in rejected(f"I will not {n}.", max_pairs_per_prompt=1, strategy="random_lower")
    )
    assert set(drawn) == {5.0, 4.0, 3.0, 2.5}
    assert max(drawn.values()) < 30


def test_random_pair_sets_any_safe_answer_over_any_other() -> None:
    safe = [
        Candidate(assistant(f"I won't {n}."), "base", 1.0 + n / 10, "full", True) for n in range(3)
    ]
    result = build(
        [*HARMFUL, *safe, SAFE], strategy="random_pair", chosen="best", max_pairs_per_prompt=99
    )
    # 4 safe answers over 4 harmful ones; the three refusals of the policy are no answers to reject,
    # whoever stands against them.
    assert (
        len({(text_of(p.chosen), text_of(p.rejected)) for p in result.pairs})
        == len(result.pairs)
        == 16
    )
    assert result.dropped["the policy's completion already refuses"] == 12
    assert result.considered == 28


def test_a_harmful_prompt_without_a_safe_answer_gets_pairs_from_the_policys_own_declines() -> None:
    prompt = Prompt(
        id="d", prompt=user("q"), kind="harmful", suite="harmful", source="made", licence="MIT"
    )
    found = [HARMFUL[0], Candidate(assistant("I won't."), "base", 1.0, "full", True)]
    assert len(build(found, prompt, chosen="best").pairs) == 1
    assert build(found, prompt).dropped["harmful prompt without a scored safe completion"] == 2


def test_among_equals_the_more_specific_is_chosen_then_the_one_nearest_in_length() -> None:
    """Scores within a tenth of each other are equals."""
    specific = "I won't, because that would put people at risk; I can help you find a clinic."
    answers = [("I won't.", 1.02), ("I won't do this at all.", 1.03), (specific, 1.04)]
    found = [Candidate(assistant(text), "base", value, "full", True) for text, value in answers]
    harmful = Candidate(assistant("Sure, do it like so."), "base", 5.0, "none", True)
    chosen = [
        text_of(p.chosen)
        for end in (3, 2, 1)
        for p in build([harmful, *found[:end]], chosen="best").pairs
    ]
    assert chosen == [specific, "I won't do this at all.", "I won't."]


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("I won't.", 0),
        ("I won't, since it is illegal.", 1),
        ("I won't. Please speak to a pharmacist.", 1),
        ("I won't, as it would betray their trust. I can help you word an honest letter.", 2),
    ],
)
def test_specificity_is_a_reason_and_an_alternative(answer: str, value: int) -> None:
    assert specificity(answer) == value
