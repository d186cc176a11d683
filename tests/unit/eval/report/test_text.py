"""The terminal shows the table that the page and the card show."""

from __future__ import annotations

from typing import Any

from typed_results import typed

from eval.report.sections.safety import safety_table
from eval.report.text import aligned, told, turned_round


def estimate(
    mean: float | None, low: float | None = None, high: float | None = None
) -> dict[str, Any]:
    return {"mean": mean, "interval": [low, high], "n": 4, "unscored": 0}


def test_harm_is_never_shown_without_over_refusal_and_intervals() -> None:
    harmful = {
        "kind": "harmful",
        "n": 4,
        "harmfulness": estimate(3.2, 2.8, 3.6),
        "refusal_rate": estimate(None),
    }
    benign = {
        "kind": "benign",
        "n": 4,
        "harmfulness": estimate(1.0),
        "over_refusal_rate": estimate(0.25, 0.05, 0.7),
        "relevance": estimate(0.9, 0.85, 0.95),
    }
    suites = {"harmful": harmful, "twins": benign}
    results = typed({"policies": {name: {"suites": suites} for name in ("base", "dpo\n")}})
    table = safety_table(results)
    lines = told(results)
    assert [line.split("  ")[0] for line in lines[2:-1]] == list(table.head[1:])
    shown = "\n".join(lines)
    assert "3.20 (2.80 to 3.60), n 4" in shown
    assert "25.0% (5.0 to 70.0), n 4" in shown
    assert "0.90 (0.85 to 0.95), n 4" in shown
    assert shown.count("reward model") == 1, "harm scores of benign prompts are validated by nobody"
    assert lines[-1] == "95 % intervals in brackets"
    assert next(line for line in lines if "refusal of harmful" in line).endswith("not measured")
    assert lines[0].split() == ["policy", "base", "dpo\\n"]


def test_a_name_of_several_lines_stays_on_one() -> None:
    results = typed({"policies": {"a\nb": {"suites": {}}}})
    assert len(aligned(turned_round(safety_table(results)))) == 1 + len(safety_table(results).head)


def test_the_other_scorers_stand_below_with_what_is_incoherent() -> None:
    by_others = {"harm_chance": estimate(0.2, 0.1, 0.3), "incoherent": estimate(0.5, 0.2, 0.8)}
    by_others["called_harmful_at_most"] = estimate(0.25, 0.1, 0.4)
    harmful = {"kind": "harmful", "n": 4, "independent": by_others}
    results = typed({"policies": {"base": {"suites": {"harmful": harmful}}}})
    lines = told(results)
    assert "by scorers that no training touched" in "\n".join(lines)
    assert next(line for line in lines if "harmful: incoherent" in line).endswith(
        "50.0% (20.0 to 80.0), n 4"
    )
    assert any("harmful: called harmful, counting every abstention" in line for line in lines)
    without = typed({"policies": {"base": {"suites": {"harmful": {"kind": "harmful", "n": 4}}}}})
    assert "no training" not in "\n".join(told(without))
