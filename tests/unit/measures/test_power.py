"""Power and its inverses against statsmodels, against exact enumeration, and against simulated runs
of the gate.
"""

from __future__ import annotations

import numpy as np
import pytest
from present import present
from statsmodels.stats.power import TTestPower  # type: ignore[import-untyped]

from benchmarks.gate_power import QUESTIONS, TWINS, Suite, pass_probability
from measures.estimates import compare_rates, newcombe_interval
from measures.power import (
    Paired,
    mean_passes,
    n_wanted,
    newcombe_upper_ends,
    rate_passes,
    smallest_mean_difference,
    smallest_rate_difference,
)

LIMIT = 0.10


def test_upper_ends_are_newcombes() -> None:
    rng = np.random.default_rng(0)
    tables = rng.multinomial(50, [0.2, 0.1, 0.05, 0.65], size=40)
    found = newcombe_upper_ends(tables[:, 0], tables[:, 1], tables[:, 2], 50, 0.95)
    wanted = [newcombe_interval(a, b, c, d, 0.95).high for a, b, c, d in tables.tolist()]
    np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("suite", [TWINS, QUESTIONS])
@pytest.mark.parametrize("rise", [0.0, 0.05, 0.10, 0.15])
def test_simulated_shares_are_the_exact_ones(suite: Suite, rise: float) -> None:
    exact = pass_probability(64, suite, rise)
    assert rate_passes(64, Paired(suite.base, suite.lost), rise, LIMIT) == pytest.approx(
        exact, abs=0.011
    )


@pytest.mark.parametrize("rise", [0.0, 0.10, 0.15, 0.20])
def test_two_thousand_runs_of_the_comparison_pass_as_often_as_is_printed(rise: float) -> None:
    """Whole runs, prompt by prompt, through the comparison that the gate reads; its own seed."""
    n, suite = 192, Paired(TWINS.base, TWINS.lost)
    rng = np.random.default_rng(11)
    shares = [
        suite.base - suite.lost,
        suite.lost + rise,
        suite.lost,
        1 - suite.base - suite.lost - rise,
    ]
    drawn = rng.choice(4, p=shares, size=(2000, n))
    before, after = np.isin(drawn, (0, 2)), np.isin(drawn, (0, 1))
    ends = [compare_rates(b.tolist(), a.tolist()).high for b, a in zip(before, after, strict=True)]
    passed = np.mean([end is not None and end <= LIMIT for end in ends])
    assert passed == pytest.approx(rate_passes(n, suite, rise, LIMIT), abs=0.02)


@pytest.mark.parametrize("suite", [TWINS, QUESTIONS])
def test_demo_passes_unchanged_policies_and_not_those_ten_points_over(suite: Suite) -> None:
    shares = Paired(suite.base, suite.lost)
    assert rate_passes(192, shares, 0.0, LIMIT) >= 0.90
    assert rate_passes(192, shares, LIMIT, LIMIT) <= 0.05
    assert rate_passes(192, shares, LIMIT + 0.05, LIMIT) <= 0.01
    assert rate_passes(192, shares, LIMIT + 0.10, LIMIT) <= 0.01


@pytest.mark.parametrize(
    ("n", "sd", "excess"), [(12, 1.0, 0.0), (50, 1.2, -0.4), (192, 0.8, -0.1), (192, 0.8, 0.1)]
)
def test_means_pass_as_often_as_statsmodels_says(n: int, sd: float, excess: float) -> None:
    wanted = TTestPower().power(excess / sd, n, 0.025, alternative="smaller")
    assert mean_passes(n, sd, excess) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("excess", "wanted"), [(0.25, 0.0), (-0.5, 1.0)])
def test_what_is_far_from_the_limit_is_a_number(excess: float, wanted: float) -> None:
    assert mean_passes(60, 0.08, excess) == pytest.approx(wanted, abs=1e-9)
    assert mean_passes(5000, 0.01, excess) == pytest.approx(wanted, abs=1e-9)


def test_constant_values_pass_or_do_not() -> None:
    assert (mean_passes(50, 0.0, -0.1), mean_passes(50, 0.0, 0.1), mean_passes(1, 1.0, -5.0)) == (
        1.0,
        0.0,
        0.0,
    )


@pytest.mark.parametrize("n", [3, 30, 192, 5000])
def test_smallest_mean_difference_is_statsmodels(n: int) -> None:
    wanted = TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8)
    assert smallest_mean_difference(n, 1.5) == pytest.approx(1.5 * wanted, rel=1e-4)


def test_smallest_rate_difference_by_hand() -> None:
    """n 200, churn 0.05: at d = 0.0728 psi is 0.1728; 1.96 * 0.4157 + 0.8416 * 0.4093 = 1.159, and
    d sqrt(200) = 1.03; at d = 0.0845 psi is 0.1845; 0.8419 + 0.8416 * 0.4211 = 1.196, and d
    sqrt(200) = 1.195."""
    assert smallest_rate_difference(200, 0.05) == pytest.approx(0.0845, abs=0.0005)


def test_smallest_rate_difference_is_found_in_four_runs_of_five() -> None:
    n, churn = 192, 0.05
    d = present(smallest_rate_difference(n, churn))
    gained, lost, _ = (
        np.random.default_rng(3)
        .multinomial(n, [churn + d, churn, 1 - 2 * churn - d], size=20_000)
        .T
    )
    found = np.abs(gained - lost) / np.sqrt(np.maximum(gained + lost, 1)) > 1.96
    assert found.mean() == pytest.approx(0.8, abs=0.02)


def test_too_few_pairs_show_nothing() -> None:
    assert smallest_rate_difference(2, 0.2) is None
    assert smallest_rate_difference(0, 0.0) is None
    assert smallest_mean_difference(2, 1.0) is None


def test_n_wanted_is_the_least() -> None:
    assert n_wanted(lambda n: mean_passes(n, 1.0, -0.5), 0.95) == 54
    assert (
        TTestPower().power(-0.5, 54, 0.025, alternative="smaller")
        >= 0.95
        > TTestPower().power(-0.5, 53, 0.025, alternative="smaller")
    )
    assert n_wanted(lambda n: 0.0, 0.95) is None
