"""How well a probe tells pairs apart, its interval, and what follows at a limit."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import proportion_confint  # type: ignore[import-untyped]

from data_prep.pairs.probe_results import accuracy, held_to, wins
from records.errors import RecordError


def test_a_tie_is_half_a_win() -> None:
    assert wins([0.2, 0.0, -3.0]) == [1.0, 0.5, 0.0]


def test_the_interval_is_wilsons_and_has_no_width_where_nothing_could_be_told() -> None:
    found = accuracy([1.0] * 30 + [0.0] * 10)
    assert found["interval"] == pytest.approx(proportion_confint(30, 40, method="wilson"))
    assert (found["accuracy"], found["n"]) == (0.75, 40)
    assert accuracy([0.5] * 40, told=False)["interval"] == [0.5, 0.5]


def test_a_lower_end_above_the_limit_is_a_shortcut_and_an_upper_end_is_not_known() -> None:
    sure = {"accuracy": 0.9, "interval": [0.8, 0.95], "n": 90}
    open_ = {"accuracy": 0.7, "interval": [0.55, 0.82], "n": 30}
    none = {"accuracy": 0.5, "interval": [0.42, 0.58], "n": 150}
    (said,) = held_to(0.7, {"length": open_, "prefix": none}, "Do this")
    assert said.startswith("not enough pairs to know")
    assert "length reaches 0.70 (0.55 to 0.82, n 30), wanted 0.7 at the upper end" in said
    with pytest.raises(RecordError, match=r"prefix reaches 0\.90 .* Do this") as caught:
        held_to(0.7, {"length": open_, "prefix": sure}, "Do this")
    assert "length" not in str(caught.value)
