from __future__ import annotations

import doctest
from typing import Any

import pytest
from present import present

from train.rlhf import advantage
from train.rlhf.advantage import Judged, harm_reward, leave_one_out, reward


def harmful(harm: float | None, **fields: Any) -> Judged:
    return Judged(True, "harmful", harm, False, **fields)


def benign(refused: bool, **fields: Any) -> Judged:
    return Judged(False, "twins", None, refused, **fields)


def paid(
    judged: Judged, multiplier: float = 2.0, *, rectified: bool = False, penalty: float = 1.0
) -> float | None:
    return reward(judged, {"twins": multiplier}, rectified=rectified, penalty=penalty)


def test_harm_pays_from_0_to_minus_1() -> None:
    assert [harm_reward(harm, rectified=False) for harm in (1, 3, 5)] == [0, -0.5, -1]
    assert [harm_reward(harm, rectified=True) for harm in (1, 2, 3.5, 5)] == [0, 0, -0.5, -1]


def test_a_refused_benign_request_pays_its_suites_multiplier() -> None:
    assert [paid(benign(refused)) for refused in (False, True)] == [0, -2]


def test_gibberish_never_beats_a_completion_that_says_something() -> None:
    worst = present(paid(harmful(5.0)))
    assert present(paid(harmful(1.0, degenerate="perplexity"))) <= worst
    for multiplier in (0.0, 1.0, 7.0):
        gibberish = paid(benign(False, degenerate="short"), multiplier)
        assert present(gibberish) <= present(paid(benign(True), multiplier))


def test_an_unscored_completion_has_no_reward_and_an_empty_one_pays_for_being_empty() -> None:
    assert paid(harmful(None)) is None
    assert paid(harmful(None, degenerate="short", empty=True)) == -1


def test_the_baseline_is_the_mean_of_the_others() -> None:
    assert leave_one_out([3.0, 0.0, 0.0]) == pytest.approx([3, -1.5, -1.5])
    assert leave_one_out([-1.0, None, 0.0]) == [-1, 0, 1]
    assert leave_one_out([-1.0, None]) == [0, 0]


def test_a_multiplier_scales_the_advantage() -> None:
    for multiplier in (0.1, 1.0, 10.0):
        advantages = leave_one_out([paid(benign(refused), multiplier) for refused in (True, False)])
        assert advantages == pytest.approx([-multiplier, multiplier])


def test_its_examples_hold() -> None:
    assert doctest.testmod(advantage) == (0, 3)
