"""The report on how each epoch was chosen: every suite apart, and the reason above the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eval.report.tables import Cell, Table, rate_cell, score_cell, spoken
from eval.results.results import Results
from eval.results.scoreboard_row import ScoreboardRow
from eval.selection import Selection

NOTE = (
    "Validation prompts: epochs are chosen on these rows. Settings of the recipe may have been "
    "chosen on earlier runs' test prompts; a run cannot tell."
)


def epochs_table(scoreboard: Sequence[ScoreboardRow]) -> Table:
    """One row an epoch; over-refusal in a column a suite, never pooled."""
    suites = benign_suites(scoreboard)
    harm = ["mean harmfulness (1-5)", "share scored 4-5", "refusal of harmful"]
    over_refusal = [f"over-refusal: {spoken(suite)}" for suite in suites]
    held = multiplied_suites(scoreboard)
    multipliers = [f"multiplier: {spoken(suite)}" for suite in held]
    rows = [_cells(row, suites, held) for row in scoreboard]
    return Table(["stage", "epoch", "step", *harm, *over_refusal, *multipliers, "kept"], rows, NOTE)


def selection_lines(results: Results) -> list[str]:
    """One sentence a trained policy: the epoch kept, and why."""
    made: list[str] = []
    for policy in results.policies.values():
        if policy.selection:
            made.append(_line(policy.title, policy.selection))
    return made


def unheld(results: Results) -> list[str]:
    """What must be said beside the verdict: policies whose epoch is out of bounds."""
    found: list[str] = []
    for policy in results.policies.values():
        if policy.selection and not policy.selection.held:
            line = _line(policy.title, policy.selection)
            # By name: read as a word on what is released, it would be wrong of every other policy.
            found.append(
                f"Over-refusal of {policy.title} is out of bounds on validation prompts. {line}"
            )
    return found


def benign_suites(scoreboard: Sequence[ScoreboardRow]) -> list[str]:
    """Suites that any epoch was measured on, in their order."""
    # In the order of the epochs, which a set would lose.
    return list(dict.fromkeys(_suites_of(scoreboard)))


def multiplied_suites(scoreboard: Sequence[ScoreboardRow]) -> list[str]:
    """Suites whose over-refusal a multiplier held to a limit in any epoch, in their order."""
    return list(dict.fromkeys(suite for row in scoreboard for suite in row.multipliers or {}))


def _suites_of(scoreboard: Sequence[ScoreboardRow]) -> Iterator[str]:
    for row in scoreboard:
        yield from row.over_refusal_by_suite


def _cells(row: ScoreboardRow, suites: Sequence[str], held: Sequence[str]) -> list[Cell]:
    kept = Cell("kept" if row.chosen else "")
    return [*_measured(row), *_apart(row, suites), *_multipliers(row, held), kept]


def _multipliers(row: ScoreboardRow, suites: Sequence[str]) -> list[Cell]:
    """What each suite's over-refusal pairs weigh from this row on."""
    known = row.multipliers or {}
    return [Cell(f"{known[suite]:.2f}" if suite in known else "") for suite in suites]


def _measured(row: ScoreboardRow) -> list[Cell]:
    place = [Cell(row.stage), Cell(_number(row)), Cell(str(row.step))]
    rates = [rate_cell(row.share_4_5), rate_cell(row.refusal_rate)]
    return [*place, score_cell(row.harmfulness), *rates]


def _number(row: ScoreboardRow) -> str:
    """An epoch's number; of a candidate within one, its number and the epochs it was trained
    for.
    """
    trained = row.epochs_trained
    return str(row.epoch) if trained is None else f"candidate {row.epoch} ({trained:.2f} epochs)"


def _apart(row: ScoreboardRow, suites: Sequence[str]) -> list[Cell]:
    return [rate_cell(row.over_refusal_by_suite.get(suite)) for suite in suites]


def _line(title: str, selection: Selection) -> str:
    word = "epoch" if selection.epochs_trained is None else "candidate"
    return f"{title}, {word} {selection.epoch} kept: {selection.reason}."
