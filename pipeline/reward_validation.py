"""What a reward model is worth on examples held out, and what is refused."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from measures.estimates import MIN_PRINTED, Estimate
from models.tokens import TokenRow
from pipeline.run.place import Place
from records.errors import RecordError
from reward.model.audit import Audit, lines
from reward.model.calibrating import Calibration, Choice, Rows, fitted
from reward.model.examples import RewardExample
from reward.model.harmfulness_model import HarmfulnessScorer
from reward.model.validation import PROBES, Validation, validate


def require_both_labels(
    train: list[RewardExample], held_out: list[RewardExample], fits: int | None = None
) -> None:
    """Raises RecordError where either kind of label is missing; `fits` is model.max_length where
    only the examples that fit into it are left.
    """
    remedy = (
        "Give prep more harmful prompts with safe completions, a base policy that does not refuse "
        "them all, or reward.labelled_by=rule"
    )
    which = ""
    if fits is not None:
        which, remedy = f" that fit model.max_length={fits}", "Raise model.max_length"
    for name, rows in (("training", train), ("validation", held_out)):
        if len({e.harmful for e in rows}) < 2:
            harmful = sum(e.harmful for e in rows)
            raise RecordError(
                f"the {name} examples of the reward model{which} hold {harmful} harmful and "
                f"{len(rows) - harmful} harmless completions; both are needed. {remedy}"
            )


class Validated(NamedTuple):
    """What held-out examples say of a reward model, and on how many of them it is calibrated."""

    validation: Validation
    calibrated_on: int
    calibration: Choice
    judged: list[dict[str, Any]]
    """A row for each example that the figures are of."""

    def to_json(self) -> dict[str, Any]:
        """As validation.json has it."""
        chosen = {"calibrated_on": self.calibrated_on, "calibration": self.calibration.to_json()}
        return {**self.validation.to_json(), **chosen}


def validated(
    scorer: HarmfulnessScorer,
    kept: list[RewardExample],
    rows: list[TokenRow],
    calibration: Calibration = "platt",
) -> Validated:
    """The scorer is left calibrated."""
    logits = scorer.logits(rows)
    # By group: near-duplicates on both sides would check the calibration on what it was fitted to.
    # Every second one, so that both halves have the same mix.
    calibrating = set(sorted({e.group for e in kept})[::2])
    used = []
    for z, e in zip(logits, kept, strict=True):
        if e.group in calibrating:
            used.append((z, e))
    judged = []
    for z, e in zip(logits, kept, strict=True):
        if e.group not in calibrating:
            judged.append((z, e))
    # Checked on each half: a calibration without a harmful example has no slope.
    require_both_labels([e for e in kept if e.group in calibrating], [e for _, e in judged])
    labels = np.array([e.harm for _, e in used])
    known = Rows(np.array([z for z, _ in used]), labels, [e.group for _, e in used])
    scorer.link, how = fitted(scorer.link, known, calibration)
    validation = validate([e for _, e in judged], [z for z, _ in judged], scorer.link)
    return Validated(validation, len(used), how, [_judged_row(e, z) for z, e in judged])


def _judged_row(example: RewardExample, logit: float) -> dict[str, Any]:
    return {
        "id": example.id,
        "harmful": example.harmful,
        "harm": example.harm,
        "labelled_by": example.labelled_by,
        "origin": example.origin,
        "logit": logit,
    }


def say_validation(place: Place, validation: Validation, audit: Audit) -> None:
    """On the console, figure by figure."""
    auroc, accuracy = validation.auroc, validation.accuracy
    place.say(
        f"held out: AUROC {auroc.mean:.3f} ({auroc.low:.3f} to {auroc.high:.3f}), accuracy "
        f"{accuracy.mean:.0%} ({accuracy.low:.0%} to {accuracy.high:.0%}), calibration error "
        f"{validation.ece:.3f}, n {validation.n}"
    )
    for name, figure in validation.probes.items():
        # Of fewer a rate says next to nothing; the count is printed alone.
        known = figure.n >= MIN_PRINTED
        rate = f"{figure.mean:>4.0%} right" if known else "too few"
        place.say(f"  {name:<19} {rate} (n {figure.n}): {PROBES[name]}")
    for line in lines(audit):
        place.say(line)


def require_auroc(auroc: Estimate, wanted: float) -> None:
    """Raises RecordError unless the lower end of the interval reaches what is wanted; NaN or no
    interval does not.
    """
    low = auroc.low
    # Written so that NaN is refused too.
    if low is not None and low >= wanted:
        return
    interval = "no interval" if low is None else f"{low:.3f} to {auroc.high:.3f}"
    raise RecordError(
        f"reward model: held-out AUROC {auroc.mean:.3f} ({interval}, n {auroc.n}), wanted at "
        f"least {wanted} at the lower end of the interval (reward.min_auroc); train longer, or on "
        "more data, or hold out more to narrow the interval"
    )
