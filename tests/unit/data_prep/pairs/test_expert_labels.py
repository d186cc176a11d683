"""What experts said becomes scores and preferences, bound to the texts they read; where they
disagree they have no common word.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from expert_words import A, B, C, item, said

from data_prep.pairs.candidates import candidates
from data_prep.pairs.expert_labels import (
    ExpertLabel,
    common_word,
    hash_labels,
    labels_of,
    majority,
    read_labels,
    with_expert_scores,
)
from data_prep.review.items import ReviewItem
from data_prep.review.ratings import Rating
from records.errors import RecordError
from records.rows import Completion, Demonstration, Score, read_records
from records.stage_folder import write_records


def test_labels_hold_each_raters_word_and_then_that_of_all() -> None:
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


def test_labels_are_scores_that_say_why_they_have_no_value() -> None:
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
def test_raters_two_levels_apart_have_no_common_word(values: list[int], word: float | None) -> None:
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
def test_a_majority_is_more_than_any_other(labels: list[str], word: str) -> None:
    assert majority(labels) == word


def test_labels_survive_their_file(tmp_path: Path) -> None:
    ratings = [*said(A, ann=4, bob=5), Rating(B.id, "ann", None, "partial", "odd")]
    write_records(tmp_path / "labels.jsonl", labels_of(ratings, [A, B]))
    assert read_labels([str(tmp_path / "labels.jsonl")]) == ratings
    assert len(read_records(tmp_path / "labels.jsonl", ExpertLabel)) == 5


def test_a_rater_who_says_two_things_in_two_files_is_named(tmp_path: Path) -> None:
    for name, level in (("one", 4), ("two", 5)):
        write_records(
            tmp_path / f"{name}.jsonl", labels_of([*said(A, ann=level), *said(B, ann=1)], [A, B])
        )
    with pytest.raises(RecordError) as caught:
        read_labels([str(tmp_path / "one.jsonl"), str(tmp_path / "two.jsonl")])
    (fault,) = caught.value.faults
    assert fault.startswith(str(tmp_path / "two.jsonl"))
    assert f"ann has rated {A.id} otherwise" in fault


def test_files_that_are_not_there_are_all_named_before_the_stage_works(tmp_path: Path) -> None:
    with pytest.raises(RecordError) as caught:
        hash_labels([str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")])
    assert len(caught.value.faults) == 2


def scored(one: ReviewItem, value: float, refusal: str = "none") -> list[Score]:
    name = one.completion_id
    return [
        Score(id=f"{name}/{scorer}", completion_id=name, scorer=scorer, value=value)
        for scorer in ("reward_model", "another_model")
    ] + [Score(id=f"{name}/refusal", completion_id=name, scorer="refusal", label=refusal)]


def test_experts_word_replaces_every_scorers_and_nothing_else_changes() -> None:
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


def test_the_pair_builder_reads_the_experts_word() -> None:
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


def test_experts_who_disagree_leave_an_answer_unscored() -> None:
    result = with_expert_scores(scored(A, 2.0), said(A, ann=1, bob=5), [A])
    (score,) = (score for score in result if score.scorer == "experts")
    assert score.value is None
    assert score.reason == "raters disagree: 1 to 5"


def test_without_a_majority_the_detectors_word_on_refusal_stays() -> None:
    ratings = [Rating(A.id, "ann", 2, "full"), Rating(A.id, "bob", 2, "partial")]
    result = with_expert_scores(scored(A, 2.0, "none"), ratings, [A])
    assert [score.label for score in result if score.scorer == "refusal"] == ["none"]


def test_a_rating_belongs_to_the_text_whichever_policy_writes_it_again() -> None:
    again, changed = item("a", run="round_2"), item("other")
    scores = with_expert_scores(
        [*scored(again, 2.0), *scored(changed, 2.0)], said(A, ann=5), [again, changed]
    )
    assert {score.completion_id: score.value for score in scores if score.scorer == "experts"} == {
        again.completion_id: 5.0
    }


def test_labels_of_no_answer_of_the_run_are_refused() -> None:
    """The same completion id with another text must not take the rating."""
    elsewhere = item("new words")
    with pytest.raises(RecordError, match="none of the rated completions is in this run"):
        with_expert_scores(scored(elsewhere, 2.0), said(A, ann=5), [elsewhere])
