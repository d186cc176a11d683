"""What experts said becomes scores and preferences, bound to the texts they read; where they
disagree they have no common word.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.pairs.candidates import candidates
from data_prep.pairs.conflicts import conflicts
from data_prep.pairs.expert_labels import (
    ExpertLabel,
    common_word,
    expert_pairs,
    hash_labels,
    labels_of,
    majority,
    read_labels,
    with_expert_pairs,
    with_expert_scores,
)
from data_prep.review.items import ReviewItem, item_id
from data_prep.review.ratings import Rating
from records.errors import RecordError
from records.rows import Completion, Demonstration, Pair, Score, assistant, read_records, user
from records.stage_folder import write_records


def item(name: str, prompt: str = "p", *, run: str = "base", split: str = "train") -> ReviewItem:
    asked, completion = user(f"Request {prompt}?"), assistant(f"Words {name}.")
    return ReviewItem(
        id=item_id(asked, completion),
        completion_id=f"{prompt}/{run}/{name}",
        prompt_id=prompt,
        prompt=asked,
        completion=completion,
        kind="harmful",
        split=split,
        source=run,
        finished=True,
        principle=2,
    )


A, B, C = item("a"), item("b"), item("c")


def said(one: ReviewItem, **levels: int) -> list[Rating]:
    return [
        Rating(one.id, rater, level, "none" if level > 2 else "full")
        for rater, level in levels.items()
    ]


def test_labels_hold_each_raters_word_and_then_that_of_all():
    labels = labels_of([*said(A, ann=4, bob=5), Rating(B.id, "ann", 1, "full", "good")], [A, B, C])
    assert [(label.completion_id, label.scorer, label.value, label.label) for label in labels] == [
        ("p/base/a", "expert/ann", 4.0, "none"),
        ("p/base/a", "expert/bob", 5.0, "none"),
        ("p/base/a", "experts", 4.5, "none"),
        ("p/base/b", "expert/ann", 1.0, "full"),
        ("p/base/b", "experts", 1.0, "full"),
    ]
    assert labels[3].comment == "good"
    assert len({label.id for label in labels}) == len(labels)


def test_labels_are_scores_that_say_why_they_have_no_value():
    labels = labels_of([*said(A, ann=1, bob=4), Rating(B.id, "ann", None, "partial")], [A, B])
    assert all(isinstance(label, Score) for label in labels)
    assert {(label.value, label.reason) for label in labels if label.scorer == "experts"} == {
        (None, "raters disagree: 1 to 4"),
        (None, "harmfulness not rated"),
    }


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ([3], 3.0),
        ([3, 4], 3.5),
        ([2, 3, 3], 2.6667),
        ([2, 4], None),
        ([1, 1, 3], None),
        ([], None),
        ([5, 5], 5.0),
    ],
)
def test_raters_two_levels_apart_have_no_common_word(values, word):
    assert common_word(values)[0] == word
    assert bool(common_word(values)[1]) == (word is None)


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        (["full", "none", "full"], "full"),
        (["full", "none"], ""),
        ([], ""),
        (["", "partial"], "partial"),
        (["", ""], ""),
    ],
)
def test_a_majority_is_more_than_any_other(labels, word):
    assert majority(labels) == word


def test_labels_survive_their_file(tmp_path):
    ratings = [*said(A, ann=4, bob=5), Rating(B.id, "ann", None, "partial", "odd")]
    write_records(tmp_path / "labels.jsonl", labels_of(ratings, [A, B]))
    assert read_labels([str(tmp_path / "labels.jsonl")]) == ratings
    assert len(read_records(tmp_path / "labels.jsonl", ExpertLabel)) == 5


def test_a_rater_who_says_two_things_in_two_files_is_named(tmp_path):
    for name, level in (("one", 4), ("two", 5)):
        write_records(
            tmp_path / f"{name}.jsonl", labels_of([*said(A, ann=level), *said(B, ann=1)], [A, B])
        )
    with pytest.raises(RecordError) as caught:
        read_labels([str(tmp_path / "one.jsonl"), str(tmp_path / "two.jsonl")])
    (fault,) = caught.value.faults
    assert fault.startswith(str(tmp_path / "two.jsonl"))
    assert f"ann has rated {A.id} otherwise" in fault


def test_files_that_are_not_there_are_all_named_before_the_stage_works(tmp_path):
    with pytest.raises(RecordError) as caught:
        hash_labels([str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")])
    assert len(caught.value.faults) == 2


# --- scores


def scored(one: ReviewItem, value: float, refusal: str = "none") -> list[Score]:
    name = one.completion_id
    return [
        Score(id=f"{name}/{scorer}", completion_id=name, scorer=scorer, value=value)
        for scorer in ("reward_model", "another_model")
    ] + [Score(id=f"{name}/refusal", completion_id=name, scorer="refusal", label=refusal)]


def test_experts_word_replaces_every_scorers_and_nothing_else_changes():
    scores = [*scored(A, 2.0), *scored(B, 3.0)]
    result = with_expert_scores(scores, said(A, ann=1, bob=1), [A, B])
    assert [score for score in result if score.completion_id == B.completion_id] == scored(B, 3.0)
    ours = {
        score.scorer: (score.value, score.label)
        for score in result
        if score.completion_id == A.completion_id
    }
    assert ours == {"experts": (1.0, ""), "refusal": (None, "full")}
    assert with_expert_scores(scores, [], [A, B]) == scores


def test_the_pair_builder_reads_the_experts_word():
    demo = Demonstration(
        id="p",
        prompt=A.prompt,
        completion=A.completion,
        kind="harmful",
        suite="harmful",
        source="made",
        licence="MIT",
    )
    made = Completion(
        id=B.completion_id,
        prompt_id="p",
        prompt=B.prompt,
        completion=B.completion,
        policy="base",
        sample=0,
        seed=0,
        num_tokens=3,
        finish_reason="stop",
    )
    scores = with_expert_scores(scored(B, 4.0, "full"), said(B, ann=3), [B])
    (candidate, _) = candidates([made], [demo], scores)["p"]
    assert (candidate.harmfulness, candidate.refusal) == (3.0, "none")


def test_experts_who_disagree_leave_an_answer_unscored():
    result = with_expert_scores(scored(A, 2.0), said(A, ann=1, bob=5), [A])
    (score,) = (score for score in result if score.scorer == "experts")
    assert score.value is None
    assert score.reason == "raters disagree: 1 to 5"


def test_without_a_majority_the_detectors_word_on_refusal_stays():
    ratings = [Rating(A.id, "ann", 2, "full"), Rating(A.id, "bob", 2, "partial")]
    result = with_expert_scores(scored(A, 2.0, "none"), ratings, [A])
    assert [score.label for score in result if score.scorer == "refusal"] == ["none"]


def test_a_rating_belongs_to_the_text_whichever_policy_writes_it_again():
    again, changed = item("a", run="round_2"), item("other")
    scores = with_expert_scores(
        [*scored(again, 2.0), *scored(changed, 2.0)], said(A, ann=5), [again, changed]
    )
    assert {score.completion_id: score.value for score in scores if score.scorer == "experts"} == {
        again.completion_id: 5.0
    }


def test_labels_of_no_answer_of_the_run_are_refused():
    """The same completion id with another text must not take the rating."""
    elsewhere = item("new words")
    with pytest.raises(RecordError, match="none of the rated answers is in this run"):
        with_expert_scores(scored(elsewhere, 2.0), said(A, ann=5), [elsewhere])


# --- pairs


def test_the_less_harmful_answer_is_chosen_where_the_margin_holds():
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


def test_answers_of_two_prompts_are_no_pair():
    other = item("b", "q")
    assert not expert_pairs(
        [*said(A, ann=5), *said(other, ann=1)], [A, other], min_margin=1.0
    ).pairs


def test_opposite_preferences_make_no_pair_and_are_reported():
    """Means 2.5 and 1.75 differ by 0.75, yet bob prefers the other one."""
    ratings = [*said(A, ann=3, bob=2, cid=3, dan=2), *said(B, ann=1, bob=3, cid=2, dan=1)]
    ratings = [r for r in ratings if not (r.item == B.id and r.rater == "ann")]
    found = expert_pairs(ratings, [A, B], min_margin=0.0)
    assert (found.pairs, found.contradicted) == ([], [(A.id, B.id)])


def test_an_answer_that_raters_disagree_on_makes_no_pair():
    assert not expert_pairs(
        [*said(A, ann=3, bob=5), *said(B, ann=1, bob=1)], [A, B], min_margin=1.0
    ).pairs


def test_equal_means_are_no_preference_at_any_margin():
    assert not expert_pairs([*said(A, ann=2), *said(B, ann=2)], [A, B], min_margin=0.0).pairs


@given(
    st.lists(
        st.tuples(st.sampled_from([A.id, B.id, C.id]), st.sampled_from("xyz"), st.integers(1, 5)),
        max_size=9,
    )
)
def test_pairs_at_a_higher_margin_are_among_those_at_a_lower_one(given):
    levels = {(name, rater): level for name, rater, level in given}
    ratings = [Rating(name, rater, level, "") for (name, rater), level in levels.items()]
    at = [expert_pairs(ratings, [A, B, C], min_margin=margin) for margin in (0.0, 1.0, 2.0, 3.0)]
    for lower, higher in pairwise(at):
        assert {pair.id for pair in higher.pairs} <= {pair.id for pair in lower.pairs}
    assert all(pair.chosen_score < pair.rejected_score for pair in at[0].pairs)
    assert expert_pairs(ratings[::-1], [C, B, A], min_margin=0.0) == at[0]


def test_a_pair_that_is_there_already_is_not_made_twice():
    (found,) = expert_pairs([*said(A, ann=5), *said(B, ann=1)], [A, B], min_margin=1.0).pairs
    built = Pair.from_json(found.to_json() | {"id": "built", "pair_type": "harm"})
    assert with_expert_pairs([built], [found]) == [built]
    assert with_expert_pairs([], [found]) == [found]


def test_conflicts_are_listed_with_who_said_what():
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
