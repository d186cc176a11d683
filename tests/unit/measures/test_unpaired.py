"""Unpaired differences against statsmodels and Newcombe's own example."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import confint_proportions_2indep  # type: ignore[import-untyped]

from measures.estimates import Estimate, count_estimate
from measures.unpaired import unpaired_difference


@pytest.mark.parametrize(
    ("first", "second"), [((48, 80), (56, 70)), ((0, 30), (3, 192)), ((24, 192), (18, 192))]
)
def test_rates_have_newcombes_interval(first: tuple[int, int], second: tuple[int, int]) -> None:
    found = unpaired_difference(count_estimate(*first), count_estimate(*second))
    low, high = confint_proportions_2indep(*second, *first, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


def test_newcombes_own_example() -> None:
    """56 of 70 against 48 of 80: 0.2, 0.0524 to 0.3339 (Stat. Med. 17 (1998) 873-890, table II,
    method 10).
    """
    found = unpaired_difference(count_estimate(48, 80), count_estimate(56, 70))
    assert (found.difference, found.low, found.high) == pytest.approx(
        (0.2, 0.0524, 0.3339), abs=5e-5
    )


def test_missing_figures_have_no_interval() -> None:
    known = Estimate(2.0, 1.5, 2.5, 30)
    assert unpaired_difference(Estimate(None, None, None, 0), known).difference is None
    assert unpaired_difference(None, known).difference is None
    assert unpaired_difference(Estimate(3.0, None, None, 1), known).low is None
