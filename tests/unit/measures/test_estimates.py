"""Every number against scipy, statsmodels or scikit-learn, or against arithmetic in the test."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar  # type: ignore[import-untyped]
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]
from statsmodels.stats.proportion import proportion_confint  # type: ignore[import-untyped]
from statsmodels.stats.weightstats import DescrStatsW  # type: ignore[import-untyped]

from measures.estimates import (
    compare_rates,
    compare_scores,
    count_estimate,
    holm,
    mean_estimate,
    newcombe_interval,
    rate_estimate,
    wilson_interval,
)

scores = st.lists(st.one_of(st.none(), st.floats(1, 5)), max_size=30)
probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def table(both: int, lost: int, gained: int, neither: int) -> tuple[list[bool], list[bool]]:
    """(before, after) flags with these counts."""
    before = [True] * (both + lost) + [False] * (gained + neither)
    return before, [True] * both + [False] * lost + [True] * gained + [False] * neither


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_mean_interval_is_that_of_statsmodels(confidence: float) -> None:
    values = [1.0, 4.5, 2.25, 3.0, 3.0, 5.0, 1.75]
    estimate = mean_estimate(values, confidence)
    assert (estimate.low, estimate.high) == pytest.approx(
        DescrStatsW(values).tconfint_mean(alpha=1 - confidence)
    )


def test_mean_of_1_2_3_is_2_with_half_width_4_303_over_root_3() -> None:
    """sd = 1, t(0.975, 2) = 4.3027, so 2 -+ 2.4841."""
    estimate = mean_estimate([1, 2, 3])
    assert (estimate.mean, estimate.low, estimate.high) == pytest.approx(
        (2, -0.4841, 4.4841), abs=1e-4
    )


def test_interval_stays_within_the_scale() -> None:
    estimate = mean_estimate([1, 1, 5], clamp=(1, 5))
    assert (estimate.low, estimate.high) == (1, 5)


def test_unscored_is_counted_and_never_a_zero() -> None:
    estimate = mean_estimate([2.0, None, 4.0, None])
    assert (estimate.mean, estimate.n, estimate.unscored) == (3.0, 2, 2)
    assert rate_estimate([True, None, False]).to_json() | {"interval": []} == {
        "mean": 0.5,
        "interval": [],
        "n": 2,
        "unscored": 1,
    }


def test_one_score_has_no_interval_and_none_has_no_mean() -> None:
    assert mean_estimate([3.0, None]).to_json() == {
        "mean": 3.0,
        "interval": [None, None],
        "n": 1,
        "unscored": 1,
    }
    assert mean_estimate([None]).to_json() == {
        "mean": None,
        "interval": [None, None],
        "n": 0,
        "unscored": 1,
    }
    assert rate_estimate([]).to_json() == {
        "mean": None,
        "interval": [None, None],
        "n": 0,
        "unscored": 0,
    }


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="nan"):
        mean_estimate([1.0, math.nan])


@settings(deadline=None, max_examples=30)
@given(scores)
def test_mean_lies_in_its_interval(values: list[float | None]) -> None:
    estimate = mean_estimate(values)
    assert estimate.n + estimate.unscored == len(values)
    if estimate.mean is not None and estimate.low is not None and estimate.high is not None:
        assert estimate.low <= estimate.mean <= estimate.high


@pytest.mark.parametrize(("count", "n"), [(0, 90), (1, 30), (45, 90), (90, 90), (3, 3)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_interval_is_that_of_statsmodels(count: int, n: int, confidence: float) -> None:
    expected = proportion_confint(count, n, alpha=1 - confidence, method="wilson")
    assert wilson_interval(count, n, confidence) == pytest.approx(expected, abs=1e-12)


def test_no_events_still_have_an_upper_end() -> None:
    """0 of 90: z^2 / (n + z^2) = 3.8415 / 93.8415 = 0.0409."""
    assert rate_estimate([False] * 90).high == pytest.approx(0.0409, abs=1e-4)
    assert rate_estimate([False] * 90) == count_estimate(0, 90)


@pytest.mark.parametrize(
    ("both", "first", "second", "neither", "low", "high"),
    [
        (14, 5, 0, 22, 0.011, 0.226),  # Altman et al., Statistics with Confidence (2000), table 6.2
        # Airway hyper-responsiveness, Bentur et al. 2009, in Fagerland et al., Stat. Med. 33
        # (2014).
        (
            1,
            1,
            7,
            12,
            -0.507,
            -0.026,
        ),
    ],
)
def test_newcombe_interval_is_the_published_one(
    both: int, first: int, second: int, neither: int, low: float, high: float
) -> None:
    assert newcombe_interval(both, first, second, neither, 0.95) == pytest.approx(
        (low, high), abs=5e-4
    )


def test_newcombe_interval_by_hand() -> None:
    """n = 10, all pairs differ: phi = (0*0 - 5*5) / 25 = -1, margins 1/2 each with Wilson 0.2366 to
    0.7634: -+ 2 * 0.2634.
    """
    assert newcombe_interval(0, 5, 5, 0, 0.95) == pytest.approx((-0.5268, 0.5268), abs=1e-4)


def test_newcombe_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    # Both, before only, after only, neither: the difference is -0.15.
    cells = np.array([0.30, 0.25, 0.10, 0.35])
    draws = rng.multinomial(60, cells, size=2000)
    intervals = [
        newcombe_interval(int(b), int(g), int(lost), int(n), 0.95) for b, lost, g, n in draws
    ]
    assert 0.935 < np.mean([low <= -0.15 <= high for low, high in intervals]) < 0.975


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_swapping_sides_mirrors_the_change(both: int, lost: int, gained: int, neither: int) -> None:
    before, after = table(both, lost, gained, neither)
    there, back = compare_rates(before, after), compare_rates(after, before)
    if not before:
        assert there.difference is None
        return
    assert there.difference is not None
    assert back.difference == pytest.approx(-there.difference)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))  # type: ignore[operator]
    assert there.p_value == pytest.approx(back.p_value)
    assert there.low - 1e-12 <= there.difference <= there.high + 1e-12  # type: ignore[operator]


@pytest.mark.parametrize("counts", [(10, 2, 9, 20), (0, 0, 5, 5), (7, 6, 6, 1)])
def test_mcnemar_is_that_of_statsmodels(counts: tuple[int, int, int, int]) -> None:
    both, lost, gained, neither = counts
    comparison = compare_rates(*table(*counts))
    assert comparison.p_value == pytest.approx(
        mcnemar([[both, lost], [gained, neither]], exact=True).pvalue
    )
    assert comparison.difference == pytest.approx((gained - lost) / sum(counts))


def test_no_pair_that_changed_gives_p_1() -> None:
    comparison = compare_rates([True, False], [True, False])
    assert (comparison.difference, comparison.p_value) == (0.0, 1.0)


def test_pairs_with_an_unscored_side_are_left_out_and_counted() -> None:
    scored = compare_scores([3, None, 4, 5], [1, 2, None, 4])
    assert (scored.difference, scored.n, scored.unscored) == (-1.5, 2, 2)
    rated = compare_rates([True, None, False], [False, True, None])
    assert (rated.difference, rated.n, rated.unscored) == (-1.0, 1, 2)


def test_score_interval_is_that_of_the_paired_t_test() -> None:
    before, after = [3.0, 4.5, 2.0, 5.0, 3.5], [1.5, 4.0, 1.0, 2.0, 3.0]
    expected = stats.ttest_rel(after, before).confidence_interval(0.95)
    comparison = compare_scores(before, after)
    assert (comparison.low, comparison.high) == pytest.approx((expected.low, expected.high))


def test_sign_flip_p_is_the_share_of_all_sign_patterns_as_far_out() -> None:
    """Differences -2, -1, -3, 0.5: of 16 patterns 4 reach |sum| >= 5.5, so p = 1/4."""
    before, after = [4.0, 3.0, 5.0, 1.0], [2.0, 2.0, 2.0, 1.5]
    differences = np.subtract(after, before)
    patterns = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=4)]
    assert np.mean(np.array(patterns) >= abs(differences.sum()) - 1e-12) == 0.25
    assert compare_scores(before, after).p_value == pytest.approx(0.25)


def test_permutation_p_is_repeatable_and_near_the_t_test() -> None:
    rng = np.random.default_rng(3)
    before = rng.normal(3, 1, 60)
    after = before - rng.normal(0.25, 1, 60)
    first, second = (
        compare_scores(before.tolist(), after.tolist()),
        compare_scores(before.tolist(), after.tolist()),
    )
    assert first == second
    assert first.p_value == pytest.approx(stats.ttest_rel(after, before).pvalue, abs=0.02)


def test_identical_policies_show_no_change() -> None:
    comparison = compare_scores([2.0] * 20, [2.0] * 20)
    assert (comparison.difference, comparison.low, comparison.high, comparison.p_value) == (
        0.0,
        0.0,
        0.0,
        1.0,
    )


def test_sides_of_unlike_length_are_refused() -> None:
    with pytest.raises(ValueError, match="same prompts"):
        compare_scores([1.0], [1.0, 2.0])


def test_too_few_pairs_have_no_test() -> None:
    assert compare_scores([3.0], [1.0]).p_value is None
    assert compare_scores([], []).difference is None
    assert compare_rates([None], [True]).to_json()["interval"] == [None, None]


def test_holm_by_hand() -> None:
    """0.01 * 3, then 0.02 * 2 = 0.04, then max(0.04, 0.03 * 1) = 0.04; what was not tested costs
    nothing.
    """
    assert holm([0.03, None, 0.01, 0.02]) == pytest.approx([0.04, None, 0.03, 0.04])


@settings(deadline=None, max_examples=30)
@given(probabilities)
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)
