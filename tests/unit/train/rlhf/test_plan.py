from __future__ import annotations

from typing import Any

import pytest

from models.layout.collation import padded
from records.errors import ConfigError
from records.rows import Prompt, user
from train.rlhf.plan import Asked, RolloutPlan, RolloutRows, shares


def plan_of(world_size: int = 1, tokens: int = 100, **fields: Any) -> RolloutPlan:
    kinds = {"harmful": range(10), "twins": range(10, 16), "questions": range(16, 20)}
    settings: dict[str, Any] = {
        "lengths": [20 + place % 7 for place in range(20)],
        "weights": [1] * 20,
        "padded": False,
        "global_batch_size": 6,
        "micro_batch_tokens": tokens,
        "world_size": world_size,
        "epochs": 2,
        "seed": 0,
        "kinds": {kind: list(places) for kind, places in kinds.items()},
        "shares": {"harmful": 3, "twins": 2, "questions": 1},
        "steps_in_epoch": 5,
    }
    return RolloutPlan(**(settings | fields))


def test_every_step_has_the_stated_mix_and_no_prompt_twice() -> None:
    plan = plan_of()
    for step in range(10):
        places = plan.step(step)
        assert [
            sum(low <= place < high for place in places)
            for low, high in ((0, 10), (10, 16), (16, 20))
        ] == [3, 2, 1]
        assert len(set(places)) == 6


def test_a_kind_is_gone_through_before_it_comes_again() -> None:
    plan = plan_of()
    twins = [place for step in range(3) for place in plan.step(step) if 10 <= place < 16]
    assert sorted(twins) == list(range(10, 16))
    assert [plan.step(step) for step in range(3)] != [plan.step(step) for step in range(3, 6)]


@pytest.mark.parametrize(("world_size", "tokens"), [(1, 1000), (2, 60), (3, 30)])
def test_ranks_and_micro_batches_share_a_steps_prompts(world_size: int, tokens: int) -> None:
    plan = plan_of(world_size, tokens)
    for step in (0, 4, 5, 9):
        parts = [part for rank in range(world_size) for part in plan.of_step(step, rank)]
        assert sorted(place for part in parts if part.scale for place in part.places) == sorted(
            plan.step(step)
        )
        assert all(plan.of_step(step, rank)[0].scale for rank in range(world_size))


def test_a_step_with_fewer_prompts_than_ranks_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"rlhf\.prompts_per_step=6: fewer prompts a step than the 7 ranks"
    ):
        plan_of(7)


def test_shares_follow_the_parts_over_what_there_is() -> None:
    parts, many = (
        {"harmful": 2, "twins": 1, "questions": 1},
        {"harmful": 99, "twins": 99, "questions": 99},
    )
    assert shares(parts, many, 16) == {"harmful": 8, "twins": 4, "questions": 4}
    assert shares(parts, many, 7) == {"harmful": 3, "twins": 2, "questions": 2}
    assert shares(parts, many | {"questions": 0}, 9) == {"harmful": 6, "twins": 3}
    with pytest.raises(ConfigError, match="takes 8 prompts of the kind harmful and there are 5"):
        shares(parts, many | {"harmful": 5}, 16)


def test_a_row_takes_its_prompt_once_where_rows_are_packed() -> None:
    asked = [
        Asked(
            Prompt(id="a", prompt=user("?"), kind="harmful", suite="s", source="m", licence="MIT"),
            [1, 2, 3],
        )
    ]
    packed = padded(0)._replace(why_padded=None)
    assert RolloutRows(asked, padded(0), num_generations=4, max_new_tokens=5).lengths == [4 * 8]
    assert RolloutRows(asked, packed, num_generations=4, max_new_tokens=5).lengths == [3 + 4 * 5]
