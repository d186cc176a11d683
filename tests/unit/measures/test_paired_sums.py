"""The standardised difference from sums is that from the numbers, whatever was added and taken
away.
"""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measures.paired_sums import PairedSums

NUMBERS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=2, max_size=30)


def sums_of(pairs: list[tuple[int, int]]) -> PairedSums:
    sums = PairedSums()
    for first, second in pairs:
        sums.add(first, second)
    return sums


@given(pairs=NUMBERS, others=NUMBERS)
def test_the_difference_is_the_textbooks_and_what_is_taken_away_leaves_no_trace(
    pairs: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    """d = mean(a - b) / s, s^2 = (var(a) + var(b)) / 2 with n - 1 in both variances."""
    sums = sums_of([*pairs, *others])
    for first, second in others:
        sums.add(first, second, times=-1)
    ours, theirs = zip(*pairs, strict=True)
    scale = max(1.0, ((statistics.variance(ours) + statistics.variance(theirs)) / 2) ** 0.5)
    assert sums == sums_of(pairs)
    assert sums.standardised_difference == pytest.approx(
        (statistics.mean(ours) - statistics.mean(theirs)) / scale, rel=1e-9, abs=1e-9
    )


def test_numbers_that_never_vary_leave_a_finite_difference() -> None:
    assert sums_of([(9, 4)] * 3).standardised_difference == 5.0
    assert sums_of([(9, 4)]).standardised_difference == 5.0
    assert PairedSums().standardised_difference == 0.0
