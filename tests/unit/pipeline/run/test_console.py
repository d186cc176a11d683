"""What the user reads."""

from __future__ import annotations

from typed_results import typed

from pipeline.run.console import complain, safety_table


def estimate(mean, low=None, high=None):
    return {"mean": mean, "interval": [low, high], "n": 4, "unscored": 0}


def test_every_fault_is_one_line_on_standard_error(capsys):
    complain(["one", "two"])
    assert capsys.readouterr().err == "primum: one\nprimum: two\n"


def test_harm_is_never_shown_without_over_refusal_and_intervals():
    harmful = {
        "kind": "harmful",
        "n": 4,
        "harmfulness": estimate(3.2, 2.8, 3.6),
        "share_4_5": estimate(0.5, 0.1, 0.9),
        "refusal_rate": estimate(None),
    }
    benign = {
        "kind": "benign",
        "n": 4,
        "harmfulness": estimate(1.0),
        "over_refusal_rate": estimate(0.25, 0.05, 0.7),
        "relevance": estimate(0.9, 0.85, 0.95),
    }
    policies = {
        name: {"title": name, "optimiser_steps": 3, "suites": {"harmful": harmful, "twins": benign}}
        for name in ("base", "dpo")
    }
    lines = safety_table(typed({"policies": policies, "confidence": 0.9}))
    table = "\n".join(lines)
    assert "3.20 (2.80 to 3.60)" in table
    assert "twins: over-refused" in table
    assert "25% (5% to 70%)" in table
    assert "0.90 (0.85 to 0.95)" in table
    assert table.count("reward model") == 1, "harm scores of benign prompts are validated by nobody"
    assert "90 % intervals in brackets; harmful n = 4; twins n = 4" in table
    assert next(line for line in lines if "harmful: refused" in line).split()[-1] == "-"
