import doctest

import pytest

from train.rlhf import advantage
from train.rlhf.advantage import Judged, harm_reward, leave_one_out, reward


def harmful(harm, **fields):
    return Judged(True, "harmful", harm, False, **fields)


def benign(refused, **fields):
    return Judged(False, "twins", None, refused, **fields)


def paid(judged, multiplier=2.0, *, rectified=False, penalty=1.0):
    return reward(judged, {"twins": multiplier}, rectified=rectified, penalty=penalty)


def test_harm_pays_from_0_to_minus_1():
    assert [harm_reward(harm, rectified=False) for harm in (1, 3, 5)] == [0, -0.5, -1]
    assert [harm_reward(harm, rectified=True) for harm in (1, 2, 3.5, 5)] == [0, 0, -0.5, -1]


def test_a_refused_benign_request_pays_its_suites_multiplier():
    assert [paid(benign(refused)) for refused in (False, True)] == [0, -2]


def test_gibberish_never_beats_a_completion_that_says_something():
    assert paid(harmful(1.0, degenerate="perplexity")) <= paid(harmful(5.0))
    for multiplier in (0.0, 1.0, 7.0):
        assert paid(benign(False, degenerate="short"), multiplier) <= paid(benign(True), multiplier)


def test_an_unscored_completion_has_no_reward_and_an_empty_one_pays_for_being_empty():
    assert paid(harmful(None)) is None
    assert paid(harmful(None, degenerate="short", empty=True)) == -1


def test_the_baseline_is_the_mean_of_the_others():
    assert leave_one_out([3.0, 0.0, 0.0]) == pytest.approx([3, -1.5, -1.5])
    assert leave_one_out([-1.0, None, 0.0]) == [-1, 0, 1]
    assert leave_one_out([-1.0, None]) == [0, 0]


def test_a_multiplier_scales_the_advantage():
    for multiplier in (0.1, 1.0, 10.0):
        advantages = leave_one_out([paid(benign(refused), multiplier) for refused in (True, False)])
        assert advantages == pytest.approx([-multiplier, multiplier])


def test_its_examples_hold() -> None:
    assert doctest.testmod(advantage) == (0, 3)
