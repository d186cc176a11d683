"""Rows at even distances."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from records.choice import at_even_distances


@given(rows=st.integers(0, 300), count=st.integers(1, 300))
def test_rows_come_once_in_order_with_gaps_that_differ_by_one_at_most(
    rows: int, count: int
) -> None:
    chosen = at_even_distances(range(rows), count)
    assert len(chosen) == min(rows, count)
    assert chosen == sorted(set(chosen))
    gaps = {after - before for before, after in pairwise(chosen)}
    assert len(gaps) <= 1 or max(gaps) - min(gaps) == 1


def test_the_first_row_is_always_there() -> None:
    assert at_even_distances("abcdefgh", 3) == ["a", "c", "f"]
