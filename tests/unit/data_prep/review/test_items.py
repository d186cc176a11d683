"""A review batch: spread evenly, blind, safe in a spreadsheet, and what Label Studio itself takes
for its own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from review_batch import completion, demonstration, drawn, run_items, scores

from data_prep.review.items import batch_id, item_id, review_items
from records.rows import assistant, user

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")


def test_test_prompts_empty_answers_and_unscored_texts_are_not_asked_about() -> None:
    demos = [
        demonstration(1, principle=1),
        demonstration(2, principle=1, split="test"),
        demonstration(3, principle=1),
    ]
    made = [
        completion("p1", " "),
        completion("p2", "kept from training"),
        completion("p3", "Do this."),
    ]
    found = [score for c in made for score in scores(c.id, 4.0)]
    (item,) = drawn(review_items(demos, made, demos, found))
    assert (item.completion_id, item.scores, item.refusal) == (
        "p3/base/0",
        {"reward_model": 4.0},
        "none",
    )


def test_an_items_id_tells_the_texts_apart_and_nothing_else() -> None:
    assert item_id(user("a"), assistant("b")) == item_id(user("a"), assistant("b"))
    assert len({item_id(user(a), assistant(b)) for a in "xy" for b in "xy"}) == 4
    one, other = (
        review_items(
            [demonstration(1, principle=1)], [completion("p1", "Do this.", policy=p)], [], []
        )
        for p in ("base", "dpo")
    )
    assert one[0].id == other[0].id
    assert one[0].source != other[0].source


def test_equal_texts_are_asked_about_once() -> None:
    demos = [demonstration(1, principle=1)]
    made = [completion("p1", "Do this.", sample) for sample in range(3)]
    items = review_items(demos, made, [], [s for c in made for s in scores(c.id, 4.0)])
    assert len(items) == 3
    assert [item.completion_id for item in drawn(items)] == ["p1/base/0"]


@pytest.mark.parametrize("uncertain", [0.0, 0.5, 1.0])
def test_a_batch_is_even_over_principles_and_holds_all_answers_of_a_prompt_together(
    uncertain: float,
) -> None:
    batch = drawn(run_items(), uncertain=uncertain)
    asked = {item.prompt_id: item for item in batch}
    assert Counter(item.principle for item in asked.values()) == {None: 2, 1: 2, 2: 2, 3: 2}
    assert Counter(item.drawn for item in asked.values()) == Counter(
        {"uncertain": round(8 * uncertain), "random": 8 - round(8 * uncertain)}
    )
    assert [item.prompt_id for item in batch] == [
        name for name in dict.fromkeys(item.prompt_id for item in batch) for _ in range(2)
    ]


def test_the_seed_decides_all_and_another_one_asks_about_others() -> None:
    assert drawn(run_items(), seed=1) == drawn(run_items()[::-1], seed=1)
    assert batch_id(drawn(run_items(), seed=1)) != batch_id(drawn(run_items(), seed=2))
    first = {batch[0].source for seed in range(10) if (batch := drawn(run_items(), seed=seed))}
    assert first == {"base", "demonstration"}, "the order of a prompt's answers says who wrote them"


def test_uncertain_prompts_are_those_nearest_to_the_threshold() -> None:
    """One principle; policy completions at 1.1, 3.4, 4.9, 3.9: |v - 3.5| is 2.4, 0.1, 1.4, 0.4.

    A prompt is as near as its nearest answer.
    """
    demos = [demonstration(n, principle=1) for n in range(4)]
    made = [completion(f"p{n}", "Do this.") for n in range(4)]
    values = [1.1, 3.4, 4.9, 3.9]
    items = review_items(
        demos, made, [], [s for c, v in zip(made, values, strict=True) for s in scores(c.id, v)]
    )
    assert {item.prompt_id for item in drawn(items, prompts=2, uncertain=1.0)} == {"p1", "p3"}
    unscored = [
        replace(item, scores={"reward_model": None}) if item.prompt_id == "p1" else item
        for item in items
    ]
    assert {item.prompt_id for item in drawn(unscored, prompts=2, uncertain=1.0)} == {"p2", "p3"}


def test_the_random_part_does_not_depend_on_the_scores() -> None:
    """The agreement with a scorer is then not biased by the choice of prompts."""
    parts = [
        {item.prompt_id for item in drawn(run_items(values=values)) if item.drawn == "random"}
        for values in (lambda n: 1 + n % 5, lambda n: 5 - n % 5, lambda n: 3.5)
    ]
    assert parts[0] == parts[1] == parts[2]


def test_a_run_with_fewer_prompts_gives_them_all() -> None:
    assert len(drawn(run_items(8), prompts=100)) == 16
    assert drawn([]) == []
