"""Certificates against hand-worked cases, scipy and simulated searches."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from measures.certificate import any_excess_p_value, excess_p_value, fixed_sequence, upper_bound


def test_no_event_by_hand() -> None:
    """1 - 0.05 ** (1 / n): of 64 prompts 4.57 %, of 900 0.332 %."""
    assert upper_bound(0, 64) == pytest.approx(1 - 0.05 ** (1 / 64))
    assert round(100 * upper_bound(0, 64), 1) == 4.6
    assert round(100 * upper_bound(0, 900), 2) == 0.33


@pytest.mark.parametrize(("count", "n"), [(0, 30), (3, 64), (12, 192), (192, 192)])
def test_bounds_are_scipys_and_agree_with_the_p_value(count: int, n: int) -> None:
    wanted = (
        scipy.stats.binomtest(count, n, alternative="less").proportion_ci(0.95, method="exact").high
    )
    assert upper_bound(count, n) == pytest.approx(wanted)
    if count < n:
        assert excess_p_value(count, n, upper_bound(count, n)) == pytest.approx(0.05)
        assert excess_p_value(count, n, 0.3) == pytest.approx(
            scipy.stats.binomtest(count, n, 0.3, alternative="less").pvalue
        )


def test_either_limit_makes_a_candidate_fail() -> None:
    assert any_excess_p_value([(0, 64, 0.1), (40, 64, 0.1)]) == excess_p_value(40, 64, 0.1) > 0.99
    assert any_excess_p_value([(0, 64, 0.1), (1, 64, 0.2)]) == pytest.approx(0.9**64)


def test_the_sequence_stops_at_the_first_that_is_not_rejected() -> None:
    assert fixed_sequence([0.01, 0.05, 0.2, 0.001]) == 2
    assert fixed_sequence([0.06, 0.0]) == fixed_sequence([]) == 0
    assert fixed_sequence([float("nan"), 0.0]) == 0


@pytest.mark.parametrize("case", [(-1, 5), (6, 5), (0, 0)])
def test_no_items_are_no_evidence(case: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least one item"):
        upper_bound(*case)


def test_a_search_through_ten_bad_candidates_certifies_one_in_at_most_5_percent_of_runs() -> None:
    """All ten are just above the limit; the best of ten by itself would pass far more often."""
    rng = np.random.default_rng(0)
    counts = rng.binomial(150, 0.101, size=(2000, 10))
    p_values = scipy.stats.binom.cdf(counts, 150, 0.1)
    certified = np.mean([fixed_sequence(row.tolist()) > 0 for row in p_values])
    assert certified <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 2000)
    assert (p_values.min(axis=1) <= 0.05).mean() > 0.2
