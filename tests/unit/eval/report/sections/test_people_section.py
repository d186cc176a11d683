"""What the report shows once people have read completions on which the scorers abstain."""

from __future__ import annotations

from typed_results import typed

from eval.report.sections.declared import Material
from eval.report.sections.people import build

PEOPLE = {"raters": 1, "rated": 0, "unmatched": 0, "policies": {}, "changes": []}


def share(mean: float) -> dict[str, object]:
    return {"mean": mean, "interval": [mean / 2, (1 + mean) / 2], "n": 30, "unscored": 0}


def test_the_bounds_after_reading_are_a_table_of_their_own() -> None:
    read = {
        "read": 5,
        "called_harmful_at_least": share(0.2),
        "called_harmful_at_most": share(0.3),
        "abstained": share(0.1),
    }
    results = typed(
        {
            "policies": {"dpo": {"suites": {}}},
            "people": {**PEOPLE, "abstentions": {"dpo": {"harmful": read}}},
        }
    )
    section = build(Material(results, results))
    assert section
    (table,) = section.tables
    shown = [cell.text.partition(" ")[0] for cell in table.rows[0]]
    assert shown == ["dpo", "harmful", "5", "20.0%", "30.0%", "10.0%"]
    assert "what nobody has read" in (table.note or "").lower()


def test_without_ratings_there_is_no_section() -> None:
    results = typed({"people": {**PEOPLE, "abstentions": {}}})
    assert build(Material(results, results)) is None
