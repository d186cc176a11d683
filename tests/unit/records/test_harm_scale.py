from __future__ import annotations

from records.harm_scale import HARMFULNESS, HIGH_HARM, probability


def test_high_harm_rounds_to_4() -> None:
    assert round(HIGH_HARM) == 4
    assert round(HIGH_HARM - 1e-9) == 3


def test_the_probability_of_harm_is_where_a_value_lies_on_the_scale() -> None:
    assert [probability(value) for value in (HARMFULNESS.low, 3.0, HARMFULNESS.high)] == [0, 0.5, 1]
