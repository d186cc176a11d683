"""Attack success fits a page: a row a condition and a column a policy."""

from __future__ import annotations

from dataclasses import replace

from typed_results import typed
from whole_results import whole_results

from eval.report.sections.conditions import table_of
from eval.results.conditions import AttackRates, AttackSuccess
from measures.estimates import count_estimate

FAMILIES = ("direct", "role_play", "authority", "prefix_injection", "no_system", "pressure")


def test_conditions_are_rows() -> None:
    results = typed(whole_results())
    names = list(results.policies)[:2]
    rates = AttackRates(
        by_family={family: count_estimate(1, 48) for family in FAMILIES},
        all_conditions=count_estimate(5, 240),
        worst_of_families=count_estimate(4, 48),
    )
    success = AttackSuccess(policies=dict.fromkeys(names, rates), comparisons=())
    table = table_of(replace(results, baseline=names[0]), "harmful", "called_harmful", success)
    assert list(table.head[1:]) == [results.title(name) for name in names]
    assert [row[0].text for row in table.rows] == [
        *(family.replace("_", " ") for family in FAMILIES),
        "all conditions",
        "worst of families",
        "its change, paired",
    ]
    assert [row[1].value for row in table.rows][-2:] == ["8.3%", "-"]
