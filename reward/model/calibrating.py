"""Which calibration a reward model gets: Platt's line with an intercept, isotonic regression, or
the one that errs less in validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import GroupKFold

from reward.model.link import Link, calibrated

Calibration = Literal["platt", "isotonic", "chosen"]
FOLDS = 5
EDGE = 0.01
"""Isotonic regression says 0 and 1 where a few rows agree, which shows no certainty."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Of calibration: logits, chances of harm as labels, and the groups of prompts that stay
    together.
    """

    logits: Floats
    harms: Floats
    groups: Sequence[str]

    def only(self, places: NDArray[np.intp]) -> Rows:
        """The rows at these places."""
        names = [self.groups[place] for place in places.tolist()]
        return Rows(self.logits[places], self.harms[places], names)


@dataclass(frozen=True)
class Choice:
    """What validation.json says of a calibration: the kind, and what each kind loses on groups left
    out.
    """

    kind: str
    held_out_log_loss: dict[str, float | None]

    def to_json(self) -> dict[str, Any]:
        """As validation.json has it."""
        return {"kind": self.kind, "held_out_log_loss": self.held_out_log_loss}


def fitted(link: Link, rows: Rows, kind: Calibration) -> tuple[Link, Choice]:
    """(the calibrated link, how it was chosen).

    Raises ValueError for isotonic regression of a link with several thresholds, for which `chosen`
    has Platt's line alone.
    """
    if kind == "isotonic" and len(link.thresholds) > 1:
        raise ValueError(f"isotonic: wanted one threshold, got {len(link.thresholds)}")
    # Of both kinds whatever is taken: validation.json shows what the other would have lost.
    losses = {name: held_out_loss(link, rows, name) for name in KINDS}
    known = {name: loss for name, loss in losses.items() if loss is not None}
    best = min(known, key=lambda name: known[name], default="platt")
    taken = best if kind == "chosen" else kind
    return KINDS[taken](link, rows), Choice(taken, losses)


def held_out_loss(link: Link, rows: Rows, kind: str) -> float | None:
    """Log loss over whole groups left out; None with fewer than two groups, or where the kind
    cannot do with so many thresholds.
    """
    folds = min(FOLDS, len(set(rows.groups)))
    if folds < 2 or (kind == "isotonic" and len(link.thresholds) > 1):
        return None
    losses = np.empty(len(rows.logits))
    # Whole groups of prompts: with completions of one prompt on both sides isotonic regression,
    # which can follow single rows, would look better than it is.
    for train, left_out in GroupKFold(folds).split(rows.logits[:, None], groups=rows.groups):
        made = KINDS[kind](link, rows.only(train))
        chance = np.array([made.harm(float(logit)) for logit in rows.logits[left_out]])
        # One certain error would make the mean infinite.
        chance, label = np.clip(chance, 1e-6, 1 - 1e-6), rows.harms[left_out]
        losses[left_out] = -(label * np.log(chance) + (1 - label) * np.log(1 - chance))
    return float(losses.mean())


def _platt(link: Link, rows: Rows) -> Link:
    return calibrated(link, rows.logits.tolist(), rows.harms.tolist())


def _isotonic(link: Link, rows: Rows) -> Link:
    """scikit-learn's, with Platt's numbers kept beside the knots."""
    # Clipped outside: a logit beyond all that calibration saw gets the chance at its end.
    model = IsotonicRegression(y_min=EDGE, y_max=1 - EDGE, out_of_bounds="clip")
    model.fit(rows.logits, rows.harms)
    knots = zip(model.X_thresholds_.tolist(), model.y_thresholds_.tolist(), strict=True)
    return replace(_platt(link, rows), knots=tuple(knots))


KINDS = {"platt": _platt, "isotonic": _isotonic}
