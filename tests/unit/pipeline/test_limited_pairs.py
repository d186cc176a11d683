"""Which pairs a limit on over-refusal weighs, what its multipliers follow, and what is said where
it cannot be held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import pytest
from present import present
from typed_results import rows_of

from eval.results.scoreboard_row import ScoreboardRow
from eval.rises import rises
from pipeline.limited_pairs import FollowedLimit, limit_of, pair_groups
from records.errors import RecordError
from records.rows import Kind, Pair, Prompt, assistant, user
from train.config import DpoConfig, MultiplierConfig

GROUPS = ["harm", "harm", "twins", "twins", "questions"]


def pair(prompt_id: str, kind: Kind) -> Pair:
    return Pair(
        id=prompt_id,
        prompt=user("q"),
        chosen=assistant("a"),
        rejected=assistant("b"),
        prompt_id=prompt_id,
        pair_type="expert",
        kind=kind,
        split="train",
        chosen_source="s",
        rejected_source="s",
        chosen_score=1.0,
        rejected_score=4.0,
        margin=3.0,
    )


def row(**refused: int) -> ScoreboardRow:
    n = 40
    apart = {suite: {"mean": count / n, "n": n} for suite, count in refused.items()}
    over_refused = {s: [str(i) for i in range(c)] for s, c in refused.items()}
    told = {"epoch": 0, "step": 0, "over_refusal_by_suite": apart, "over_refused": over_refused}
    return rows_of([told])[0]


def limited(
    base: ScoreboardRow,
    follows: Literal["difference", "upper_end"] = "difference",
    groups: Sequence[str] = GROUPS,
) -> tuple[FollowedLimit, list[str]]:
    said: list[str] = []
    config = DpoConfig(over_refusal_limit=0.1, multipliers=MultiplierConfig(follows=follows))
    return limit_of(groups, base, config, 0.8, said.append), said


def test_a_benign_pair_belongs_to_the_suite_of_its_prompt_whoever_made_the_pair() -> None:
    prompts = [
        Prompt(id="b", prompt=user("q"), kind="benign", suite="twins", source="s", licence="MIT")
    ]
    assert pair_groups(
        [pair("a", "harmful"), pair("b", "benign"), pair("c", "benign")], prompts
    ) == ["harm", "twins", "benign"]


def test_multipliers_follow_the_rise_above_the_base_or_the_upper_end_of_its_interval() -> None:
    base, after = row(twins=4, questions=2), row(twins=8, questions=2)
    by_point, _ = limited(base)
    by_end, _ = limited(base, "upper_end")
    assert by_point.followed(after).multipliers == pytest.approx({"questions": 0.5, "twins": 1.0})
    ends = {suite: rise.bound for suite, rise in rises(after, base, 0.8).items()}
    assert by_end.followed(after).multipliers == pytest.approx(
        {s: 1 + 5 * (end - 0.1) for s, end in ends.items()}
    )
    assert by_end.limit.values["twins"] > 1.0


def test_a_rise_without_an_interval_moves_no_multiplier_that_follows_its_end() -> None:
    base = replace(row(twins=4, questions=2), over_refused=None)
    limit, _ = limited(base, "upper_end")
    assert limit.followed(row(twins=20, questions=2)).multipliers == {
        "questions": 1.0,
        "twins": 1.0,
    }


def test_a_later_round_goes_on_with_the_multipliers_of_the_epoch_that_was_kept() -> None:
    followed, _ = limited(row(twins=0, questions=0))
    after = replace(row(twins=36), multipliers={"twins": 2.5})
    assert present(followed.followed(after).multipliers)["twins"] == 2.5


def test_suites_that_cannot_be_held_are_named() -> None:
    _, said = limited(row(twins=4, others=1))
    assert [line for line in said if "no over-refusal pair of others" in line]
    assert [
        line
        for line in said
        if "no validation prompt of questions: the multiplier of its pairs stays at 1" in line
    ]


@pytest.mark.parametrize(
    ("groups", "base"), [(["harm"], row(twins=1)), (GROUPS, row()), (GROUPS, row(others=1))]
)
def test_a_limit_that_no_suite_can_be_held_to_is_an_error_with_a_remedy(
    groups: list[str], base: ScoreboardRow
) -> None:
    with pytest.raises(
        RecordError,
        match=(
            r"dpo\.over_refusal_limit=0\.1 needs over-refusal pairs .* data\.split.* set"
            r" dpo\.over_refusal_limit=null"
        ),
    ):
        limited(base, groups=groups)
