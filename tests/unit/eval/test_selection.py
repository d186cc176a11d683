"""Which epoch is kept, and what is said where none holds the bound on over-refusal."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from selection_rows import CONFIG, estimate, measured, row
from typed_results import on_json

from eval.config import ScoreboardConfig
from eval.rises import rises as _rises
from eval.selection import Selection
from eval.selection import choose_epoch as _choose_epoch
from eval.selection import selection_of as _selection_of
from measures.estimates import newcombe_interval

selection_of = on_json(_selection_of)

rises = on_json(_rises)

choose_epoch = on_json(_choose_epoch)


def test_the_least_harmful_epoch_is_kept() -> None:
    selection = choose_epoch(
        [row(0, 4, 0.0), row(1, 3, 0.0), row(2, 2, 0.05), row(3, 2.5, 0.0)], CONFIG, row(0, 4, 0.0)
    )
    assert selection.epoch == 2
    assert "least harm (2.00)" in selection.reason


def told_harm(epoch: int, harm: float, half_width: float, refusal: float | None) -> dict[str, Any]:
    """A row whose harm has an interval at 95 %, and so a standard error of half_width / 1.96."""
    interval = [harm - half_width, harm + half_width]
    told = {"harmfulness": {**estimate(harm), "interval": interval}, "confidence": 0.95}
    return {**row(epoch, harm, 0.0), **told, "refusal_rate": estimate(refusal)}


def test_of_epochs_within_a_standard_error_the_one_that_declines_most_is_kept() -> None:
    """The least harm is 1.175 with a standard error of 0.05, so that 1.22 cannot be told apart."""
    rows = [
        told_harm(1, 1.22, 0.098, 0.8125),
        told_harm(2, 1.176, 0.098, 0.5625),
        told_harm(3, 1.175, 0.098, 0.4375),
    ]
    selection = choose_epoch(rows, CONFIG, row(0, 4, 0.0))
    assert selection.epoch == 1
    assert "most refusals of harmful requests (81%)" in selection.reason


def test_more_refusals_do_not_outweigh_a_harm_beyond_a_standard_error() -> None:
    rows = [told_harm(1, 1.23, 0.098, 0.9), told_harm(2, 1.175, 0.098, 0.4)]
    assert choose_epoch(rows, CONFIG, row(0, 4, 0.0)).epoch == 2


def test_refusals_that_were_not_measured_count_as_none() -> None:
    rows = [told_harm(1, 1.17, 0.098, None), told_harm(2, 1.175, 0.098, 0.1)]
    assert choose_epoch(rows, CONFIG, row(0, 4, 0.0)).epoch == 2


def test_an_epoch_that_refuses_everything_is_not_kept_however_harmless() -> None:
    selection = choose_epoch(
        [row(0, 4, 0.02), row(1, 2.5, 0.08), row(2, 1.0, 1.0)], CONFIG, row(0, 4, 0.02)
    )
    assert selection.epoch == 1


def test_the_limit_counts_from_the_base_policy_and_holds_for_the_upper_end_of_the_rise() -> None:
    """A rise of 9.5 points of 1,000 prompts has its upper end above 10."""
    rows = [row(0, 4, 0.3), row(1, 3, 0.2), row(2, 2, 0.28), row(3, 1, 0.295)]
    selection = choose_epoch(rows, CONFIG, row(0, 4, 0.2))
    assert selection.epoch == 2
    assert (
        rises(rows[3], row(0, 4, 0.2), 0.8)["twins"].difference
        < 0.1
        < rises(rows[3], row(0, 4, 0.2), 0.8)["twins"].bound
    )


def test_the_bound_includes_its_end() -> None:
    base, kept = row(0, 4, 0.2), row(1, 3, 0.25)
    end = rises(kept, base, 0.8)["twins"].bound
    assert selection_of(kept, ScoreboardConfig(max_over_refusal=end), base).held is True
    assert selection_of(kept, ScoreboardConfig(max_over_refusal=end - 1e-6), base).held is False


def test_easy_questions_do_not_hide_refused_twins() -> None:
    base = row(0, 4, 0.05, twins=0.1, questions=0.0)
    pooled_within_limit = row(1, 1, 0.15, twins=0.3, questions=0.0)
    selection = choose_epoch(
        [pooled_within_limit, row(2, 2, 0.1, twins=0.15, questions=0.0)], CONFIG, base
    )
    assert selection.epoch == 2


def test_a_tie_goes_to_the_earlier_epoch() -> None:
    assert (
        choose_epoch([row(0, 4, 0), row(1, 2, 0), row(2, 2, 0)], CONFIG, row(0, 4, 0.0)).epoch == 1
    )


def test_the_policy_before_training_is_never_chosen() -> None:
    assert choose_epoch([row(0, 1, 0), row(1, 5, 0)], CONFIG, row(0, 4, 0.0)).epoch == 1


def test_an_epoch_that_could_not_be_scored_is_not_preferred() -> None:
    assert (
        choose_epoch([row(0, 4, 0), row(1, None, 0), row(2, 3, 0)], CONFIG, row(0, 4, 0.0)).epoch
        == 2
    )


def test_a_selection_comes_back_with_its_level_and_the_number_of_candidates() -> None:
    base = measured(0, {"twins": {0, 1}}, 64)
    kept = {**measured(2, {"twins": {0, 1}}, 64), "epochs_trained": 0.6667}
    selection = choose_epoch(
        [
            base,
            measured(1, {"twins": set(range(9))}, 64),
            kept,
            measured(3, {"twins": {5, 6, 7}}, 64),
        ],
        CONFIG,
        base,
    )
    assert (
        selection.epoch,
        selection.epochs_trained,
        selection.candidates,
        selection.confidence,
    ) == (2, 0.6667, 3, 0.8)
    assert Selection.from_json(selection.to_json()) == selection


def test_a_suite_too_small_for_any_unchanged_policy_is_named_with_the_remedy() -> None:
    base = measured(0, {"twins": {0}, "questions": set()}, 10)
    reason = choose_epoch([base, {**base, "epoch": 1}], CONFIG, base).reason
    assert "not even an unchanged policy could show it on questions (n 10), twins (n 10)" in reason
    assert "data.split.val" in reason
    large = measured(0, {"twins": {0}, "questions": set()}, 64)
    assert choose_epoch([large, {**large, "epoch": 1}], CONFIG, large).held is True


def held_rate(rise: float, n: int, candidates: int, simulations: int = 1500) -> float:
    """Share of simulated trainings of which some candidate is taken to hold the bound on one suite:
    the base refuses 10 %, and 5 % of prompts are refused no longer. Candidates are independent,
    which is the worst case."""
    draws = np.random.default_rng(7)
    shares = [0.05, rise + 0.05, 0.05, 0.85 - rise]
    counts = draws.multinomial(n, shares, size=(simulations, candidates)).tolist()

    @cache
    def end(both: int, gained: int, lost: int, neither: int) -> float:
        return newcombe_interval(both, gained, lost, neither, CONFIG.confidence).high

    holds = [any(end(*one) <= CONFIG.max_over_refusal for one in run) for run in counts]
    return sum(holds) / simulations


@pytest.mark.parametrize("n", [32, 64, 128])
def test_operating_characteristics_of_one_candidate(n: int) -> None:
    """At the limit about a tenth is taken to hold it whatever the number of prompts, 10 points over
    hardly any.
    """
    assert held_rate(0.1, n, 1) <= 0.13
    assert held_rate(0.2, n, 1) <= 0.02
    assert held_rate(0.0, n, 1) >= {32: 0.55, 64: 0.8, 128: 0.95}[n]


def test_operating_characteristics_of_three_candidates() -> None:
    """A choice among three raises both: the gate on test prompts, not the choice, keeps a policy at
    the limit back.
    """
    assert 0.15 <= held_rate(0.1, 32, 3) <= 0.3
    assert held_rate(0.2, 32, 3) <= 0.05
    assert held_rate(0.0, 32, 3) >= 0.9


def test_a_bound_on_points_would_hold_a_policy_at_the_limit_in_half_of_runs() -> None:
    """What was decided on before: why the ends decide now."""
    draws = np.random.default_rng(7).multinomial(32, [0.05, 0.15, 0.05, 0.75], size=1500)
    by_points = ((draws[:, 1] - draws[:, 2]) / 32 <= 0.1).mean()
    assert by_points >= 0.45
    assert held_rate(0.1, 32, 1) <= 0.13


@pytest.mark.parametrize("unknown", [None, math.nan])
def test_over_refusal_that_is_not_a_number_does_not_hold(unknown: float | None) -> None:
    base = row(0, 4, 0.0)
    bad = row(1, 1, 0.0)
    bad["over_refusal_by_suite"]["twins"]["mean"] = unknown
    assert selection_of(bad, CONFIG, base).held is False
    assert choose_epoch([base, bad, row(2, 3, 0.05)], CONFIG, base).epoch == 2


def test_a_harm_that_is_not_a_number_is_not_preferred() -> None:
    base = row(0, 4, 0.0)
    assert choose_epoch([base, row(1, math.nan, 0.0), row(2, 3, 0.0)], CONFIG, base).epoch == 2


def test_a_suite_that_the_base_was_not_measured_on_does_not_hold() -> None:
    base = row(0, 4, 0.0)
    kept = row(1, 2, 0.0, twins=0.0, questions=0.0)
    selection = choose_epoch([base, kept], CONFIG, base)
    assert selection.held is False
    assert "questions: not measured" in selection.reason


def test_rows_of_an_earlier_version_have_rises_without_intervals() -> None:
    earlier = [
        {name: value for name, value in made.items() if name != "over_refused"}
        for made in (row(1, 2, 0.3), row(0, 4, 0.1))
    ]
    found = rises(*earlier, 0.8)
    assert found["twins"].difference == pytest.approx(0.2)
    assert found["twins"].interval == (None, None)
    assert selection_of(earlier[0], CONFIG, earlier[1]).held is False
