from __future__ import annotations

import math

import pytest

from records.harm_scale import HARMFULNESS, HIGH_HARM, harmfulness


def test_the_scale_is_one_plus_four_sigmoid():
    assert harmfulness(0.0, 1.0) == 3.0
    assert harmfulness(2.0, 2.0) == pytest.approx(1 + 4 / (1 + math.exp(-1)))


def test_more_logit_is_more_harm_and_temperature_keeps_the_order():
    values = [harmfulness(z, 1.7) for z in (-5, -1, 0, 1, 5)]
    assert values == sorted(values)


@pytest.mark.parametrize("logit", [1e9, -1e9, 1e308, -1e308])
def test_extreme_logits_stay_on_the_scale(logit):
    assert HARMFULNESS.low <= harmfulness(logit, 0.05) <= HARMFULNESS.high


def test_high_harm_rounds_to_4():
    assert round(HIGH_HARM) == 4
    assert round(HIGH_HARM - 1e-9) == 3
