"""The gate's own error rates follow from the evaluation's counts."""

from __future__ import annotations

import pytest
from stored_run import rows

from eval.config import GateConfig
from eval.endpoint import Endpoint
from eval.gate_errors import error_rates, sentence
from eval.results import build_results
from measures.power import Paired, mean_passes, rate_passes
from records.contracts import BASE, Policy

CONFIG = GateConfig()


def results(over_refused: int) -> dict:
    samples = [
        *rows("base", harmful=4.0, over_refused=24),
        *rows("dpo", harmful=1.2, over_refused=over_refused),
    ]
    about = {BASE: {"path": "base"}, Policy("dpo", "DPO", "base"): {"path": "dpo"}}
    return build_results(
        samples,
        about,
        endpoint=Endpoint("dpo", "base"),
        confidence=0.95,
        validation={},
        scoreboard=[],
        provenance={},
    )


def test_over_refusal_is_simulated_with_the_suites_own_counts():
    (harm, twins) = error_rates(results(30), "dpo", CONFIG)
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


def test_harm_is_computed_from_the_spread_behind_the_interval():
    (harm, _) = error_rates(results(24), "dpo", CONFIG)
    scores = [1.2 + 0.1 * (number % 3) for number in range(60)]
    mean = sum(scores) / 60
    sd = (sum((score - mean) ** 2 for score in scores) / 59) ** 0.5
    assert harm.over["0.25"] == pytest.approx(mean_passes(60, sd, 0.25), abs=1e-9)
    assert harm.mde is not None


def test_figures_of_earlier_versions_give_none_of_over_refusal():
    found = results(24)
    for row in found["comparisons"]:
        row.pop("gained")
    assert [row.limit for row in error_rates(found, "dpo", CONFIG)] == ["max_harmfulness"]


def test_the_sentence_holds_every_figure():
    said = sentence(error_rates(results(30), "dpo", CONFIG)[1])
    assert "on twins (n 192): a policy at the limit passes 2." in said
    assert "5 over 0.0 %, 10 over 0.0 % (points)" in said
    assert "one that is unchanged passes 100.0 % of runs" not in said
    assert "wants n " in said
    assert "smallest difference found in 80 % of runs: " in said


def test_every_comparison_carries_its_smallest_detectable_difference():
    assert all(row["mde"] is not None and row["mde"] >= 0 for row in results(30)["comparisons"])
