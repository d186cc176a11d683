"""Non-inferiority against statsmodels, and against cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from measures.estimates import compare_rates
from measures.noninferiority import non_inferior_mean, non_inferior_rate, ratio_interval

sm = pytest.importorskip("statsmodels.api")


def test_a_mean_of_pairs_agrees_with_statsmodels() -> None:
    from statsmodels.stats.weightstats import DescrStatsW  # type: ignore[import-untyped]

    differences = np.random.default_rng(0).normal(-0.05, 0.4, 60)
    found = non_inferior_mean(differences.tolist(), 0.2)
    theirs = DescrStatsW(differences)
    assert found.p_value == pytest.approx(theirs.ttest_mean(-0.2, alternative="larger")[1])
    assert (found.low, found.high) == pytest.approx(theirs.tconfint_mean(0.05))


def test_a_mean_over_clusters_agrees_with_statsmodels_cluster_robust_errors() -> None:
    random = np.random.default_rng(1)
    sizes = random.integers(3, 30, 25)
    texts = np.repeat(np.arange(25), sizes)
    tokens = random.normal(0, 1, 25)[texts] + random.normal(0.1, 1, len(texts))
    fit = sm.OLS(tokens, np.ones_like(tokens)).fit(
        cov_type="cluster", cov_kwds={"groups": texts}, use_t=True
    )
    sums, counts = np.bincount(texts, tokens).tolist(), sizes.tolist()
    found = non_inferior_mean(sums, 0.5, weights=counts)
    assert found.difference == pytest.approx(fit.params[0])
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int()[0]))
    assert tuple(ratio_interval(sums, counts, 0.95)) == pytest.approx(tuple(fit.conf_int()[0]))


def test_a_rate_decides_on_the_lower_end_of_newcombes_interval() -> None:
    before = [True] * 60 + [False] * 40
    after = [True] * 58 + [False] * 40 + [True] * 2
    found = non_inferior_rate(before, after, 0.02)
    expected = compare_rates(before, after)
    assert (found.difference, found.low) == (expected.difference, expected.low)
    assert found.difference == 0
    assert not found.holds, "with 100 items a margin of 2 points cannot be shown"
    assert non_inferior_rate(before * 30, after * 30, 0.02).holds


def test_a_fall_beyond_the_margin_is_never_retained_however_many_items_there_are() -> None:
    before = [True] * 5000 + [False] * 5000
    after = [True] * 4500 + [False] * 5500
    found = non_inferior_rate(before, after, 0.02)
    assert not found.holds
    assert found.p_value == pytest.approx(1)


def test_one_pair_and_no_pair_show_nothing() -> None:
    assert not non_inferior_mean([0.3], 0.1).holds
    assert not non_inferior_mean([], 0.1).holds
    assert not non_inferior_rate([], [], 0.1).holds


def test_a_margin_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        non_inferior_rate([True], [True], 0)
