"""Preferences between two completions that experts have rated."""

from __future__ import annotations

from itertools import pairwise

from expert_words import A, B, C, item, said
from hypothesis import given
from hypothesis import strategies as st

from data_prep.pairs.conflicts import conflicts
from data_prep.pairs.expert_labels import (
    expert_pairs,
    with_expert_pairs,
)
from data_prep.review.ratings import Rating
from records.rows import Pair


def test_the_less_harmful_answer_is_chosen_where_the_margin_holds() -> None:
    found = expert_pairs(
        [*said(A, ann=4, bob=5), *said(B, ann=1, bob=2), *said(C, ann=4, bob=4)],
        [A, B, C],
        min_margin=1.0,
    )
    assert [
        (pair.chosen_source, pair.chosen, pair.rejected, pair.margin) for pair in found.pairs
    ] == [
        ("base", B.completion, A.completion, 3.0),
        ("base", B.completion, C.completion, 2.5),
    ]
    pair = found.pairs[0]
    assert (pair.pair_type, pair.chosen_score, pair.rejected_score, pair.split, pair.principle) == (
        "expert",
        1.5,
        4.5,
        "train",
        2,
    )
    assert not found.contradicted


def test_answers_of_two_prompts_are_no_pair() -> None:
    other = item("b", "q")
    assert not expert_pairs(
        [*said(A, ann=5), *said(other, ann=1)], [A, other], min_margin=1.0
    ).pairs


def test_opposite_preferences_make_no_pair_and_are_reported() -> None:
    """Means 2.5 and 1.75 differ by 0.75, yet bob prefers the other one."""
    ratings = [*said(A, ann=3, bob=2, cid=3, dan=2), *said(B, ann=1, bob=3, cid=2, dan=1)]
    ratings = [r for r in ratings if not (r.item == B.id and r.rater == "ann")]
    found = expert_pairs(ratings, [A, B], min_margin=0.0)
    assert (found.pairs, found.contradicted) == ([], [(A.id, B.id)])


def test_an_answer_that_raters_disagree_on_makes_no_pair() -> None:
    assert not expert_pairs(
        [*said(A, ann=3, bob=5), *said(B, ann=1, bob=1)], [A, B], min_margin=1.0
    ).pairs


def test_equal_means_are_no_preference_at_any_margin() -> None:
    assert not expert_pairs([*said(A, ann=2), *said(B, ann=2)], [A, B], min_margin=0.0).pairs


@given(
    st.lists(
        st.tuples(st.sampled_from([A.id, B.id, C.id]), st.sampled_from("xyz"), st.integers(1, 5)),
        max_size=9,
    )
)
def test_pairs_at_a_higher_margin_are_among_those_at_a_lower_one(
    given: list[tuple[str, str, int]],
) -> None:
    levels = {(name, rater): level for name, rater, level in given}
    ratings = [Rating(name, rater, level, "") for (name, rater), level in levels.items()]
    at = [expert_pairs(ratings, [A, B, C], min_margin=margin) for margin in (0.0, 1.0, 2.0, 3.0)]
    for lower, higher in pairwise(at):
        assert {pair.id for pair in higher.pairs} <= {pair.id for pair in lower.pairs}
    assert all(pair.chosen_score < pair.rejected_score for pair in at[0].pairs)
    assert expert_pairs(ratings[::-1], [C, B, A], min_margin=0.0) == at[0]


def test_a_pair_that_is_there_already_is_not_made_twice() -> None:
    (found,) = expert_pairs([*said(A, ann=5), *said(B, ann=1)], [A, B], min_margin=1.0).pairs
    built = Pair.from_json(found.to_json() | {"id": "built", "pair_type": "harm"})
    assert with_expert_pairs([built], [found]) == [built]
    assert with_expert_pairs([], [found]) == [found]


def test_conflicts_are_listed_with_who_said_what() -> None:
    ratings = [
        *said(A, ann=1, bob=4),
        Rating(B.id, "ann", 2, "full"),
        Rating(B.id, "bob", 3, "none"),
        *said(C, ann=1),
    ]
    assert conflicts(ratings, [A, B, C], [(A.id, B.id)]) == [
        {
            "about": "harmfulness",
            "item": A.id,
            "completion_id": "p/base/a",
            "ratings": {"ann": 1, "bob": 4},
        },
        {
            "about": "refusal",
            "item": A.id,
            "completion_id": "p/base/a",
            "ratings": {"ann": "full", "bob": "none"},
        },
        {
            "about": "refusal",
            "item": B.id,
            "completion_id": "p/base/b",
            "ratings": {"ann": "full", "bob": "none"},
        },
        {"about": "preference", "items": [A.id, B.id], "prompt_id": "p"},
    ]
