"""How often these test prompts were opened, and by how many recipes.

A test set that is looked at again and again chooses recipes, and then measures its own choice. So
each evaluation writes a line into a ledger that lies in the cache, under the hash of the prompts,
where every run of this machine (or of a cluster that shares the cache) finds it; report and card
print what it says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from eval.results.opened import GateAttempt, OpenedSet
from eval.results.results import Results
from records.own_files import Object, entry, read_rows, sealed_line
from records.rows import Prompt, text_of

FOLDER = "test_sets"
ATTEMPTS_TOLD = 100
"""The latest gate attempts on a test set, which results and provenance list; `gates` counts all."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One look at a test set: an evaluation, or a release gate that was asked."""

    kind: Literal["evaluation", "gate"]
    run: str
    """A hash of what was evaluated, so that an evaluation that is resumed or made again is no
    further look."""
    recipe: str
    """A hash of the settings that policies are made by, without the seed."""
    seed: int
    at: str
    """When, ISO 8601."""


def set_hash(prompts: Iterable[Prompt]) -> str:
    """Of the texts and suites that are asked, in any order."""
    # Sorted: the same prompts in another order are no new test set. Separators that no text holds
    # keep two texts from reading as another pair.
    lines = sorted(f"{prompt.suite}\x1f{text_of(prompt.prompt)}" for prompt in prompts)
    # `surrogatepass`: a lone surrogate in a user's prompt must not stop an evaluation.
    return hashlib.sha256("\x1e".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def ledger_path(cache: Path, name: str) -> Path:
    """Of the test set with the hash `name`."""
    return cache / FOLDER / f"{name[:32]}.jsonl"


def enter(path: Path, opening: Opening) -> list[Opening]:
    """Every opening so far, with this one, which is written unless the same run has been entered as
    the same kind.

    Raises OSError where the ledger cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    known = read_ledger(path)
    # A job that a scheduler starts again looks at the same figures, not at new ones.
    if any((old.kind, old.run) == (opening.kind, opening.run) for old in known):
        return known
    with path.open(
        "a", encoding="utf-8"
    ) as file:  # one short write: runs beside each other do not tear it
        file.write(sealed_line(asdict(opening)))
    return [*known, opening]


def read_ledger(path: Path) -> list[Opening]:
    """Whole lines only; a damaged one counts nowhere, as nobody can say what it said."""
    if not path.is_file():
        return []
    # Not one's own: another job may be writing the last line, and cutting it off would damage it.
    rows, _ = read_rows(path, _opening, own=False)
    return rows


def _opening(row: Object) -> Opening:
    kind = entry(row, "kind", str)
    if kind not in ("evaluation", "gate"):
        raise ValueError(f"kind: wanted evaluation or gate, got {kind!a}")
    names = ("run", "recipe", "at")
    run, recipe, at = (entry(row, name, str) for name in names)
    return Opening(
        kind="gate" if kind == "gate" else "evaluation",
        run=run,
        recipe=recipe,
        seed=entry(row, "seed", int),
        at=at,
    )


def looked_at(opened: OpenedSet, openings: Iterable[Opening]) -> OpenedSet:
    """With what the ledger says: how many evaluations, gates, recipes and seeds."""
    rows = list(openings)
    evaluations = [row for row in rows if row.kind == "evaluation"]
    attempts = []
    for row in rows:
        if row.kind == "gate":
            attempts.append(GateAttempt(at=row.at, run=row.run, seed=row.seed))
    return replace(
        opened,
        evaluations=len(evaluations),
        # Of evaluations alone: a gate chooses among policies that an evaluation has already
        # counted.
        recipes=len({row.recipe for row in evaluations}),
        seeds=len({row.seed for row in evaluations}),
        gates=len(attempts),
        gate_attempts=tuple(attempts[-ATTEMPTS_TOLD:]),
        # The day is enough for a reader, and texts in ISO 8601 sort as times do.
        first=min((row.at[:10] for row in rows), default=None),
    )


def with_gate(results: Results, cache: Path, asked_for: str, *, at: str) -> Results:
    """The results with the ledger as it stands once their gate is asked; as they are where no
    ledger was kept.

    `asked_for`: a policy with the limits that it must keep; with other limits it is another
    attempt.
    """
    opened = results.test_set
    # A measurement without a run, or results of an earlier version, have no ledger to enter.
    if not opened or not opened.sha256 or opened.recipe is None or opened.run is None:
        return results
    asked = Opening(
        kind="gate",
        at=at,
        run=f"{opened.run}/{asked_for}",
        recipe=opened.recipe,
        seed=opened.seed or 0,
    )
    try:
        openings = enter(ledger_path(cache, opened.sha256), asked)
    # A shared cache may be read-only; a gate must give its answer all the same.
    except OSError:
        return results
    return replace(results, test_set=looked_at(opened, openings))


def sentence(opened: OpenedSet | None) -> str:
    """For report and card."""
    if not opened or opened.evaluations is None:
        reason = (opened and opened.reason) or "the evaluation kept no ledger"
        return f"How often these test prompts were opened is not known: {reason}."
    recipes, times = opened.recipes or 0, opened.evaluations
    count = opened.gates or 0
    gates = (
        f", and a release gate was asked {'once' if count == 1 else f'{count} times'}"
        if count
        else ""
    )
    # "As far as this cache knows": nobody can count looks on other machines.
    if times <= 1:
        return (
            f"These test prompts were opened once, by this evaluation{gates}, as far as the ledger "
            "of this cache knows."
        )
    by = "one recipe" if recipes == 1 else f"{recipes} recipes"
    # The best of several is chosen by its luck on these prompts too; with one recipe nothing was
    # chosen.
    warning = " Figures of the best of several recipes are too good." if recipes > 1 else ""
    return (
        f"These test prompts were opened by {times} evaluations of {by} since "
        f"{opened.first}{gates}.{warning}"
    )
