"""Rows of an online training stand on the page with both scorers and the KL; other rows do not."""

from __future__ import annotations

from typing import Any

from typed_results import on_json

from eval.report.sections import online
from eval.report.sections.declared import Material

material_of = on_json(Material.of)

Json = dict[str, Any]
IDS = [f"p{k}" for k in range(40)]


def row(step: int, harm: float, harmful: int) -> Json:
    estimate = {"mean": harm, "interval": [harm - 0.2, harm + 0.2], "n": 40, "unscored": 0}
    share = {"mean": harmful / 40, "interval": [0.0, 1.0], "n": 40, "unscored": 0}
    return {
        "stage": "rlhf",
        "epoch": step // 10,
        "step": step,
        "harmfulness": estimate,
        "independent_harm": share,
        "independent_chance": share,
        "independently_harmful": IDS[:harmful],
        "independently_read": IDS,
        "confidence": 0.95,
        "kl": step / 10,
        "mean_tokens": 40.0,
        "distinct_2": 0.8,
        "multipliers": {"twins": 1.5},
    }


def test_the_table_shows_both_scorers_against_the_kl(results: Json) -> None:
    section = online.build(material_of(results, [row(0, 4.0, 20), row(10, 3.0, 10)]))

    assert section is not None
    assert section.paragraphs == ["In rlhf, the two scorers have not parted."]
    (table,) = section.tables
    assert [cell.value for cell in table.rows[1]] == [
        "10",
        "1.00",
        "3.00",
        "25.0%",
        "25.0%",
        "40",
        "0.80",
        "1.50",
    ]
    assert table.head[-1] == "multiplier: twins"


def test_a_parting_is_told(results: Json) -> None:
    section = online.build(material_of(results, [row(0, 4.0, 8), row(10, 2.0, 30)]))

    assert section is not None
    assert "the scorers part at step 10" in section.paragraphs[0]


def test_a_run_without_online_training_has_no_such_section(
    results: Json, scoreboard: list[Json]
) -> None:
    assert online.build(material_of(results, scoreboard)) is None
