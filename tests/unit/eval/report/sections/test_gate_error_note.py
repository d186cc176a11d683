"""The note on the gate's own errors has the level of the evaluation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typed_results import typed
from whole_results import whole_results

from eval.report.sections.declared import Material
from eval.report.sections.gate_errors import build
from eval.results.error_rates import ErrorRates

ROW = ErrorRates(
    suite="twins",
    limit="max_over_refusal_increase",
    unit="points",
    n=192,
    good="unchanged",
    good_passes=0.99,
    over={"0": 0.05},
    mde=0.08,
    n_for_5_percent=100,
)


@pytest.mark.parametrize(("confidence", "share"), [(0.95, "2.5"), (0.9, "5"), (0.99, "0.5")])
def test_a_policy_at_the_limit_passes_as_often_as_one_tail_of_the_interval(
    confidence: float, share: str
) -> None:
    results = replace(typed(whole_results()), confidence=confidence, gate_error_rates=(ROW,))
    section = build(Material.of(results, []))
    assert section is not None
    assert f"passes in about {share} % of runs" in section.tables[0].note


def test_prompts_in_groups_are_told_with_what_they_are_worth() -> None:
    rows = (ROW, replace(ROW, independent=120))
    section = build(Material.of(replace(typed(whole_results()), gate_error_rates=rows), []))
    assert section is not None
    assert [row[2].text for row in section.tables[0].rows] == ["192", "192 (worth 120)"]
