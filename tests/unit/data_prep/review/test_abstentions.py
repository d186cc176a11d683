"""Completions on which the scorers abstain stand first, and leave the random draw as it was."""

from __future__ import annotations

from data_prep.review.abstentions import all_abstained, with_abstentions
from data_prep.review.items import ReviewItem, draw_at_random, item_id, review_items
from records.rows import Completion, Prompt, Score, assistant, user

UNSURE = "unsure: entropy 0.66 nats, limit 0.55"


def items(unsure: set[int], kind: str = "harmful") -> list[ReviewItem]:
    """Twelve completions of test prompts."""
    prompts, made, scores = [], [], []
    for number in range(12):
        prompts.append(
            Prompt(
                id=f"p{number}",
                prompt=user(f"Request {number}?"),
                kind=kind,  # type: ignore[arg-type]
                suite="harmful",
                source="made",
                licence="MIT",
                split="test",
            )
        )
        made.append(
            Completion(
                id=f"c{number}",
                prompt_id=f"p{number}",
                prompt=user(f"Request {number}?"),
                completion=assistant(f"Words {number}."),
                policy="dpo",
                sample=0,
                seed=0,
                num_tokens=3,
                finish_reason="stop",
            )
        )
        scores.append(Score(id=f"s{number}", completion_id=f"c{number}", scorer="reward_model"))
    reasons = {f"c{number}": UNSURE for number in unsure}
    return review_items(prompts, made, [], scores, of_test=True, abstentions=reasons)


def test_they_come_first_and_the_random_ones_stay_random() -> None:
    found = items({1, 4, 7, 10})
    random = draw_at_random(found, prompts=5, seed=0)
    batch = with_abstentions(random, found, most=40, seed=0)
    assert [bool(item.abstained) for item in batch] == sorted(
        (bool(item.abstained) for item in batch), reverse=True
    )
    assert {item.id for item in batch if item.drawn == "random"} == {item.id for item in random}
    first = [item for item in batch if item.abstained]
    assert {item.completion_id for item in first} == {"c1", "c4", "c7", "c10"}
    assert {item.abstained for item in first} == {UNSURE}
    assert {item.drawn for item in first} <= {"random", "abstained"}
    assert len({item.id for item in batch}) == len(batch)


def test_at_most_so_many_are_added_and_the_same_ones_every_time() -> None:
    found = items(set(range(12)))
    batch = with_abstentions([], found, most=3, seed=0)
    assert len(batch) == 3
    assert batch == with_abstentions([], list(reversed(found)), most=3, seed=0)
    assert all_abstained(found) == 12
    assert with_abstentions([], found, most=0, seed=0) == []


def test_harm_of_a_benign_prompt_is_not_measured_so_nothing_abstains_on_it() -> None:
    assert all_abstained(items({1, 2}, kind="benign")) == 0
    assert items({1})[1].id == item_id(user("Request 1?"), assistant("Words 1."))
