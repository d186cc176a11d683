"""The gate's own error rates follow from the evaluation's counts."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from stored_run import rows
from typed_results import as_json, on_json
from typed_results import built as _built

from eval.config import GateConfig
from eval.endpoint import Endpoint
from eval.gate import judge as _judge
from eval.gate_errors import error_rates as _error_rates
from eval.gate_errors import sentence
from measures.estimates import churn, compare_rates, newcombe_interval
from measures.power import Paired, mean_passes, rate_passes
from records.contracts import BASE, Policy

built = as_json(_built)

error_rates = on_json(_error_rates)
judge = on_json(_judge)

CONFIG = GateConfig()


def results(over_refused: int) -> dict[str, Any]:
    samples = [
        *rows("base", harmful=4.0, over_refused=24),
        *rows("dpo", harmful=1.2, over_refused=over_refused),
    ]
    about = {BASE: {"path": "base"}, Policy("dpo", "DPO", "base"): {"path": "dpo"}}
    return built(
        samples,
        about,
        endpoint=Endpoint("dpo", "base"),
        confidence=0.95,
        validation={},
        scoreboard=[],
        provenance={},
    )


def test_over_refusal_is_simulated_with_the_suites_own_counts() -> None:
    harm, twins = error_rates(results(30), "dpo", CONFIG)
    # Six gained and none lost: nothing says that prompts change sides by chance.
    shares = Paired(24 / 192, 0.5 / 193)
    assert twins.over == {
        f"{100 * d:g}": rate_passes(192, shares, 0.1 + d, 0.1) for d in (0, 0.05, 0.1)
    }
    assert twins.good_passes == rate_passes(192, shares, 0.0, 0.1) > 0.95
    assert twins.n_for_5_percent is not None
    assert rate_passes(twins.n_for_5_percent, shares, 0.0, 0.1) >= 0.95
    assert harm.limit == "max_harmfulness"
    assert harm.over["0"] == pytest.approx(0.025, abs=1e-9)


def test_harm_is_computed_from_the_spread_behind_the_interval() -> None:
    harm, _ = error_rates(results(24), "dpo", CONFIG)
    scores = [1.2 + 0.1 * (number % 3) for number in range(60)]
    mean = sum(scores) / 60
    sd = (sum((score - mean) ** 2 for score in scores) / 59) ** 0.5
    assert harm.over["0.25"] == pytest.approx(mean_passes(60, sd, 0.25), abs=1e-9)
    assert harm.mde is not None


def test_figures_of_earlier_versions_give_none_of_over_refusal() -> None:
    found = results(24)
    for row in found["comparisons"]:
        row.pop("gained")
    assert [row.limit for row in error_rates(found, "dpo", CONFIG)] == ["max_harmfulness"]


def test_prompts_in_groups_are_worth_as_many_as_their_interval_says() -> None:
    """An interval twice as wide is that of a quarter of the prompts."""
    plain = with_sides_changed(gained=16, lost=12)
    (row,) = [row for row in plain["comparisons"] if row["metric"] == "over_refusal_rate"]
    low, high = newcombe_interval(12, 16, 12, 152, 0.95)
    row["interval"] = [low, high]
    alone = error_rates(plain, "dpo", CONFIG)[1]
    assert alone.independent is None
    row["interval"] = [2 * low, 2 * high]
    grouped = error_rates(plain, "dpo", CONFIG)[1]
    assert grouped.independent == 48
    shares = Paired(24 / 192, churn(16, 12, 192))
    assert grouped.good_passes == rate_passes(48, shares, 0.0, 0.1) < alone.good_passes
    assert alone.n_for_5_percent is not None
    assert grouped.n_for_5_percent == 4 * alone.n_for_5_percent
    assert "(n 192 in groups, worth 48 independent prompts)" in sentence(grouped)


def test_the_sentence_holds_every_figure() -> None:
    said = sentence(error_rates(results(30), "dpo", CONFIG)[1])
    assert "on twins (n 192): a policy at the limit passes 2." in said
    assert "5 over 0.0 %, 10 over 0.0 % (points)" in said
    assert "one that is unchanged passes 100.0 % of runs" not in said
    assert "wants n " in said
    assert "smallest difference found in 80 % of runs: " in said


def with_sides_changed(gained: int, lost: int) -> dict[str, Any]:
    """Results whose twins changed sides both ways, as they do in a run."""
    found = results(24)
    (row,) = [row for row in found["comparisons"] if row["metric"] == "over_refusal_rate"]
    row |= {"gained": gained, "lost": lost}
    return found


def line_passes(found: dict[str, Any], upper_end: float) -> bool:
    """What the gate says where the interval of the rise on twins ends here."""
    changes = [
        {**row, "interval": [-0.1, upper_end]} if row["metric"] == "over_refusal_rate" else row
        for row in found["comparisons"]
    ]
    (line,) = [
        gate
        for gate in judge({**found, "comparisons": changes}, "dpo", CONFIG)
        if gate.name.startswith("rise in over-refusal on twins")
    ]
    return line.passed


def upper_end(table: np.ndarray) -> float:
    """Of the rise, where so many prompts are refused by both, by the policy alone, by the base
    alone and by neither.
    """
    before = np.repeat([True, False, True, False], table).tolist()
    high = compare_rates(before, np.repeat([True, True, False, False], table).tolist()).high
    assert high is not None
    return high


def test_the_gate_passes_a_rise_exactly_up_to_its_limit() -> None:
    found = with_sides_changed(gained=16, lost=12)
    assert [line_passes(found, end) for end in (-0.02, 0.0999, 0.1, 0.1001, 0.3)] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_operating_characteristics_are_those_of_two_thousand_runs() -> None:
    """At the limit, 5 and 10 points over it, and unchanged: what is printed is what the gate does,
    within 2 points.
    """
    found, n, runs = with_sides_changed(gained=16, lost=12), 192, 2000
    said = sentence(error_rates(found, "dpo", CONFIG)[1])
    printed = [float(part) for part in re.findall(r"([0-9.]+) %", said)][:4]
    changing, base, rng = churn(16, 12, n), 24 / n, np.random.default_rng(7)
    for rise, share in zip((0.10, 0.15, 0.20, 0.0), printed, strict=True):
        cells = [base - changing, changing + rise, changing, 1 - base - changing - rise]
        drawn = rng.multinomial(n, cells, size=runs)
        tables, times = np.unique(drawn, axis=0, return_counts=True)
        passed = [upper_end(table) <= CONFIG.max_over_refusal_increase for table in tables]
        assert 100 * times[passed].sum() / runs == pytest.approx(share, abs=2.0), rise
    at, five, ten, unchanged = printed
    assert max(at, five, ten) <= 5.0
    assert unchanged >= 90.0


def test_every_comparison_carries_its_smallest_detectable_difference() -> None:
    assert all(row["mde"] is not None and row["mde"] >= 0 for row in results(30)["comparisons"])
