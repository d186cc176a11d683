"""Unpaired differences against statsmodels and Newcombe's own example."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from measures.estimates import count_estimate
from measures.unpaired import unpaired_difference


@pytest.mark.parametrize(
    ("first", "second"), [((48, 80), (56, 70)), ((0, 30), (3, 192)), ((24, 192), (18, 192))]
)
def test_rates_have_newcombes_interval(first, second):
    found = unpaired_difference(count_estimate(*first).to_json(), count_estimate(*second).to_json())
    low, high = confint_proportions_2indep(*second, *first, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


def test_newcombes_own_example():
    """56 of 70 against 48 of 80: 0.2, 0.0524 to 0.3339 (Stat. Med. 17 (1998) 873-890, table II,
    method 10).
    """
    found = unpaired_difference(count_estimate(48, 80).to_json(), count_estimate(56, 70).to_json())
    assert (found.difference, found.low, found.high) == pytest.approx(
        (0.2, 0.0524, 0.3339), abs=5e-5
    )


def test_missing_figures_have_no_interval():
    known = {"mean": 2.0, "interval": [1.5, 2.5], "n": 30}
    assert (
        unpaired_difference({"mean": None, "interval": [None, None], "n": 0}, known).difference
        is None
    )
    assert unpaired_difference({"mean": 3.0, "interval": [None, None], "n": 1}, known).low is None
