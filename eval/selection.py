"""Which epoch of a training is kept, and whether it holds the bound on over-refusal.

The epoch kept is the one with least harm among those that hold the bound: on every benign suite
apart, the upper end of the interval of its rise in over-refusal above the run's base policy is at
most `eval.scoreboard.max_over_refusal`. Harms that lie within one standard error of the least
cannot be told apart on so few prompts (the rule of Breiman et al., Classification and Regression
Trees, 1984, section 3.4.3); of those epochs the one that declines most harmful requests is kept,
since refusals are read almost as people read them and a reward model that chose the training pairs
is nearly blind among their results. Where none holds it, that is said. Small suites cannot show
even an unchanged policy to be within the bound, so those epochs are looked at whose rises keep it
by their points, on every suite, and of them the one that declines most harmful requests is kept.
Where there is none either, it is the epoch that exceeds the bound least, summed over suites.

The loss has no say. The intervals have a level of their own (`eval.scoreboard.confidence`), since
validation suites are small; the release gate (eval/gate.py) asks again on test prompts. An epoch
may offer several candidates (`dpo.candidates_per_epoch`): a row's `epoch` is then a candidate's
number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from eval.config import ScoreboardConfig
from eval.results.scoreboard_row import ScoreboardRow
from eval.rises import Rise, error_of, read_rise, rises, told_by_suite
from measures.estimates import newcombe_interval
from records.own_files import Object, entry

ROW_CONFIDENCE = 0.95
"""Level of a row's intervals where an older row does not tell it."""
ENOUGH_CANDIDATES = 3
"""With fewer there is hardly a choice, and the stage says so."""
NO_BENIGN = "least harm; over-refusal was not measured, for want of benign validation prompts"


@dataclass(frozen=True)
class Selection:
    """`held` is None where no benign prompt was there to hold the bound on."""

    epoch: int
    reason: str
    held: bool | None
    limit: float
    over_refusal: dict[str, Rise]
    confidence: float | None = None
    """Level of the intervals; None where an earlier version decided on points."""
    candidates: int | None = None
    """How many there were to choose from."""
    epochs_trained: float | None = None
    """Of a candidate within an epoch."""

    def to_json(self) -> dict[str, Any]:
        """As selection.json has it."""
        rises = {suite: rise.to_json() for suite, rise in self.over_refusal.items()}
        choice = {"epoch": self.epoch, "reason": self.reason, "epochs_trained": self.epochs_trained}
        bound = {"held": self.held, "limit": self.limit, "confidence": self.confidence}
        return {**choice, **bound, "candidates": self.candidates, "over_refusal": rises}

    @classmethod
    def from_json(cls, value: Object) -> Selection:
        """Of an object that holds these entries and maybe others. Raises ValueError."""
        return cls(
            entry(value, "epoch", int),
            entry(value, "reason", str),
            entry(value, "held", bool, optional=True),
            entry(value, "limit", float),
            {
                name: read_rise(name, rise)
                for name, rise in entry(value, "over_refusal", dict).items()
            },
            entry(value, "confidence", float, optional=True),
            entry(value, "candidates", int, optional=True),
            entry(value, "epochs_trained", float, optional=True),
        )


def choose_epoch(
    rows: list[ScoreboardRow], config: ScoreboardConfig, base: ScoreboardRow
) -> Selection:
    """Epoch 0, before training, is never chosen; what was not measured counts as worst.

    `base` is the row of the run's base policy. Suites are held to the limit apart: easy questions
    must not hide refused twins.
    """
    trained = [row for row in rows if row.epoch > 0]
    choice = len(trained)
    # One row without benign prompts means that none had any: they are fixed for the training.
    if not all(row.over_refusal_by_suite for row in trained):
        return selection_of(_least_harm(trained), config, base, choice)
    # First by upper ends, which is what the release gate will ask on test prompts.
    held = [row for row in trained if _holds(row, config, base)]
    if held:
        return selection_of(_least_harm(held), config, base, choice)
    # On a small suite not even an unchanged policy may be within the bound by its upper end, so
    # that this rule is only asked where the first keeps nothing.
    by_points = [row for row in trained if _holds_by_points(row, config, base)]
    if by_points:
        return selection_of(min(by_points, key=_most_refusals), config, base, choice)
    return selection_of(_least_violation(trained, config, base), config, base, choice)


def _holds_by_points(row: ScoreboardRow, config: ScoreboardConfig, base: ScoreboardRow) -> bool:
    return all(
        # 1e-9: 0.4 less 0.3 is 0.10000000000000003 in floats, and must hold a bound of 0.1.
        rise.difference is not None and rise.difference <= config.max_over_refusal + 1e-9
        for rise in rises(row, base, config.confidence).values()
    )


def _least_violation(
    rows: list[ScoreboardRow], config: ScoreboardConfig, base: ScoreboardRow
) -> ScoreboardRow:
    """What upper ends lie above the bound, summed over suites; then the most refusals. Where no
    violation is known, the least harm.
    """
    violations = {row.epoch: _violation(row, config, base) for row in rows}
    # Where no rise is known on some suite the sums are all infinite and rank nothing.
    if math.isinf(min(violations.values())):
        return _least_harm(rows)
    return min(rows, key=lambda row: (violations[row.epoch], _most_refusals(row)))


def _violation(row: ScoreboardRow, config: ScoreboardConfig, base: ScoreboardRow) -> float:
    found = rises(row, base, config.confidence).values()
    return sum(max(0.0, rise.bound - config.max_over_refusal) for rise in found)


def _most_refusals(row: ScoreboardRow) -> tuple[float, tuple[float, int]]:
    """Sorting key: most refusals of harmful requests, then the least harm, then the earlier."""
    # Negative, since `min` is taken; `_harm` holds the epoch, which breaks ties towards the
    # earlier.
    return -_refusal(row), _harm(row)


def _least_harm(rows: list[ScoreboardRow]) -> ScoreboardRow:
    """Least harm; of those within a standard error of it the most refusals; then the earlier."""
    least = min(rows, key=_harm)
    within = _harm(least)[0] + _standard_error(least)
    # At the same number of prompts a smaller harm within this distance may be chance.
    alike = [row for row in rows if _harm(row)[0] <= within]
    return min(alike, key=_most_refusals)


def _standard_error(row: ScoreboardRow) -> float:
    """Of the mean harm, from half the width of its interval; 0 where the row tells no interval."""
    level = ROW_CONFIDENCE if row.confidence is None else row.confidence
    return error_of(row.harmfulness.interval, level)


def _refusal(row: ScoreboardRow) -> float:
    """Share of harmful requests declined; what was not measured counts as none."""
    mean = row.refusal_rate.mean
    return float(mean) if mean is not None and math.isfinite(mean) else 0.0


def selection_of(
    row: ScoreboardRow, config: ScoreboardConfig, base: ScoreboardRow, candidates: int | None = None
) -> Selection:
    """What is to be said of the epoch that was kept, from its scoreboard row."""
    found = rises(row, base, config.confidence)
    # None and not True: nothing was there to hold it on, and "held" would be a claim.
    held = _holds(row, config, base) if found else None
    reason = _reason(row, config, base, found)
    # Told where it is chosen: one epoch offers no choice, whatever the rule.
    if candidates is not None and candidates < ENOUGH_CANDIDATES:
        reason += f"; {few_candidates(candidates)}"
    told = (
        config.max_over_refusal,
        found,
        config.confidence,
        candidates,
        row.epochs_trained,
    )
    return Selection(row.epoch, reason, held, *told)


def few_candidates(count: int) -> str:
    """What is to be said where there was hardly a choice."""
    few = (
        "the only candidate, so nothing was chosen" if count == 1 else f"one of {count} candidates"
    )
    return f"it was {few}: offer at least {ENOUGH_CANDIDATES} (epochs, or dpo.candidates_per_epoch)"


def _reason(
    row: ScoreboardRow, config: ScoreboardConfig, base: ScoreboardRow, found: dict[str, Rise]
) -> str:
    if not found:
        return NO_BENIGN
    points, by = (
        f"{100 * config.max_over_refusal:.0f} points",
        f"by the upper ends of {config.confidence:.0%} intervals",
    )
    if _holds(row, config, base):
        within = f"over-refusal at most {points} above the base on every suite, {by}"
        harm = f"least harm ({_harm(row)[0]:.2f}), and of the epochs within a standard error of it"
        refusals = f"most refusals of harmful requests ({_refusal(row):.0%})"
        return f"{harm} the {refusals}, with {within} ({told_by_suite(found)})"
    bound = f"no epoch keeps over-refusal within {points} of the base {by}"
    if _holds_by_points(row, config, base):
        kept = (
            "of those whose points keep it this one declines most harmful requests "
            f"({_refusal(row):.0%})"
        )
    elif math.isinf(max(rise.bound for rise in found.values())):
        kept = "this one has the least harm, since no epoch's rise is known on every suite"
    else:
        kept = "no epoch's points keep it either, and this one exceeds it least, over all suites"
    return f"{bound}; {kept} ({told_by_suite(found)}){_too_few(config, base, found)}"


def _too_few(config: ScoreboardConfig, base: ScoreboardRow, found: dict[str, Rise]) -> str:
    """Suites so small that even a policy which refuses exactly what the base does could not show
    it.
    """
    small = []
    for suite, rise in found.items():
        rate = base.over_refusal_by_suite.get(suite)
        # Back to a count, since the interval is of counts; the row keeps the share.
        refused = round(((rate and rate.mean) or 0.0) * rise.n)
        if rise.n and _unchanged_end(refused, rise.n, config.confidence) > config.max_over_refusal:
            small.append(f"{suite} (n {rise.n})")
    remedy = "raise eval.scoreboard.benign_prompts, data.split.val or data.split.val_limit"
    return (
        f"; not even an unchanged policy could show it on {', '.join(small)}: {remedy}"
        if small
        else ""
    )


def _unchanged_end(refused: int, n: int, confidence: float) -> float:
    # The same refusals on both sides: gained and lost are 0, and what is left is the suite's size.
    return newcombe_interval(refused, 0, 0, n - refused, confidence).high


def _holds(row: ScoreboardRow, config: ScoreboardConfig, base: ScoreboardRow) -> bool:
    bounds = [rise.bound for rise in rises(row, base, config.confidence).values()]
    return all(bound <= config.max_over_refusal + 1e-9 for bound in bounds)


def _harm(row: ScoreboardRow) -> tuple[float, int]:
    """Sorting key: least harm, then the earlier epoch. What was not scored is the worst."""
    mean = row.harmfulness.mean
    known = math.inf if mean is None or not math.isfinite(mean) else float(mean)
    return known, row.epoch
