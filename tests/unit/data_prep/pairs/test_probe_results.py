"""How well a probe tells pairs apart, its interval, and what follows at a limit."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import proportion_confint  # type: ignore[import-untyped]

from data_prep.pairs.probe_results import accuracy, held_to, wins
from records.errors import RecordError


def test_a_tie_is_half_a_win() -> None:
    assert wins([0.2, 0.0, -3.0]) == [1.0, 0.5, 0.0]


def test_the_interval_is_wilsons_and_has_no_width_where_nothing_could_be_told() -> None:
    alone = [str(number) for number in range(40)]
    found = accuracy([1.0] * 30 + [0.0] * 10, alone)
    assert found["interval"] == pytest.approx(proportion_confint(30, 40, method="wilson"))
    assert (found["accuracy"], found["n"]) == (0.75, 40)
    assert accuracy([0.5] * 40, alone, told=False)["interval"] == [0.5, 0.5]


def test_pairs_of_one_prompt_count_as_one_where_they_agree() -> None:
    """Two pairs a prompt that always agree know no more than one a prompt."""
    won = [1.0, 1.0] * 30 + [0.0, 0.0] * 10
    clusters = [str(number // 2) for number in range(80)]
    low, high = accuracy(won, clusters)["interval"]
    half, whole = (proportion_confint(30 * k, 40 * k, method="wilson") for k in (1, 2))
    assert high - low == pytest.approx(half[1] - half[0], abs=0.03)
    assert low <= whole[0]
    assert high >= whole[1]


def test_where_all_agree_the_width_is_that_of_the_clusters() -> None:
    clusters = [str(number // 4) for number in range(40)]
    wanted = proportion_confint(10, 10, method="wilson")
    assert accuracy([1.0] * 40, clusters)["interval"] == pytest.approx(wanted)


def test_pairs_of_one_prompt_alone_say_nothing_of_others() -> None:
    assert accuracy([1.0, 0.0, 1.0], ["p"] * 3)["interval"] == [0.0, 1.0]


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
