"""The report on how each epoch was chosen: every suite apart, and the reason above the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from eval.report.tables import Cell, Table, rate_cell, score_cell, spoken

Json = dict[str, Any]
NOTE = (
    "Validation prompts: epochs are chosen on these rows. Settings of the recipe may have been "
    "chosen on earlier runs' test prompts; a run cannot tell."
)


def epochs_table(scoreboard: Sequence[Json]) -> Table:
    """One row an epoch; over-refusal in a column a suite, never pooled."""
    suites = benign_suites(scoreboard)
    harm = ["mean harmfulness (1-5)", "share scored 4-5", "refusal of harmful"]
    over_refusal = [f"over-refusal: {spoken(suite)}" for suite in suites]
    held = multiplied_suites(scoreboard)
    multipliers = [f"multiplier: {spoken(suite)}" for suite in held]
    rows = [_cells(row, suites, held) for row in scoreboard]
    return Table(["stage", "epoch", "step", *harm, *over_refusal, *multipliers, "kept"], rows, NOTE)


def selection_lines(results: Json) -> list[str]:
    """One sentence a trained policy: the epoch kept, and why."""
    made: list[str] = []
    for policy in results["policies"].values():
        if policy.get("selection"):
            made.append(_line(policy))
    return made


def unheld(results: Json) -> list[str]:
    """What must be said beside the verdict: policies whose epoch is out of bounds."""
    found: list[str] = []
    for policy in results["policies"].values():
        if policy.get("selection") and not policy["selection"]["held"]:
            found.append(f"Over-refusal is out of bounds on validation prompts. {_line(policy)}")
    return found


def benign_suites(scoreboard: Sequence[Json]) -> list[str]:
    """Suites that any epoch was measured on, in their order."""
    return list(dict.fromkeys(_suites_of(scoreboard)))


def multiplied_suites(scoreboard: Sequence[Json]) -> list[str]:
    """Suites whose over-refusal a multiplier held to a limit in any epoch, in their order."""
    return list(
        dict.fromkeys(suite for row in scoreboard for suite in row.get("multipliers") or {})
    )


def _suites_of(scoreboard: Sequence[Json]) -> Iterator[str]:
    for row in scoreboard:
        yield from row.get("over_refusal_by_suite") or {}


def _cells(row: Json, suites: Sequence[str], held: Sequence[str]) -> list[Cell]:
    kept = Cell("kept" if row.get("chosen") else "")
    return [*_measured(row), *_apart(row, suites), *_multipliers(row, held), kept]


def _multipliers(row: Json, suites: Sequence[str]) -> list[Cell]:
    """What each suite's over-refusal pairs weigh from this row on."""
    known = row.get("multipliers") or {}
    return [Cell(f"{known[suite]:.2f}" if suite in known else "") for suite in suites]


def _measured(row: Json) -> list[Cell]:
    place = [Cell(str(row["stage"])), Cell(_number(row)), Cell(str(row["step"]))]
    rates = [rate_cell(row.get(key)) for key in ("share_4_5", "refusal_rate")]
    return [*place, score_cell(row.get("harmfulness")), *rates]


def _number(row: Json) -> str:
    """An epoch's number; of a candidate within one, its number and the epochs it was trained
    for.
    """
    trained = row.get("epochs_trained")
    return (
        str(row["epoch"]) if trained is None else f"candidate {row['epoch']} ({trained:.2f} epochs)"
    )


def _apart(row: Json, suites: Sequence[str]) -> list[Cell]:
    known = row.get("over_refusal_by_suite") or {}
    return [rate_cell(known.get(suite)) for suite in suites]


def _line(policy: Json) -> str:
    selection = policy["selection"]
    word = "epoch" if selection.get("epochs_trained") is None else "candidate"
    return f"{policy['title']}, {word} {selection['epoch']} kept: {selection['reason']}."
