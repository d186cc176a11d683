"""The table of epochs: candidates within an epoch, and the multipliers that held over-refusal."""

from __future__ import annotations

from typing import Any

from typed_results import on_json

from eval.report.epochs import epochs_table as _epochs_table

epochs_table = on_json(_epochs_table)


def row(number: int, **more: Any) -> dict[str, Any]:
    rate = {"mean": 0.1, "interval": [0.0, 0.2], "n": 10}
    apart = {"over_refusal_by_suite": {"twins": rate}}
    return {
        "stage": "dpo",
        "epoch": number,
        "step": 11 * number,
        "harmfulness": rate,
        "share_4_5": rate,
        "refusal_rate": rate,
        **apart,
        **more,
    }


def test_multipliers_stand_beside_the_over_refusal_that_they_hold() -> None:
    table = epochs_table([row(0), row(1, multipliers={"twins": 1.25}, epochs_trained=0.3333)])
    place = list(table.head).index("multiplier: twins")
    assert [cells[place].value for cells in table.rows] == ["", "1.25"]
    assert [cells[1].value for cells in table.rows] == ["0", "candidate 1 (0.33 epochs)"]


def test_a_run_without_a_limit_has_no_column_of_multipliers() -> None:
    assert not any("multiplier" in name for name in epochs_table([row(0), row(1)]).head)
