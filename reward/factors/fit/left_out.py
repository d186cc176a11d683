"""Chances of every row by regressions that have not seen its prompt."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from reward.factors.fit.regression import calibration
from reward.factors.fit.targets import Target

Floats = NDArray[np.float64]


class LeftOut(NamedTuple):
    """A target's rows with chances by regressions that saw neither the prompt nor, on XSTest, the
    writer.
    """

    target: Target
    chances: Floats  # (N, C), or (N, 2) of a yes or no

    @property
    def yes(self) -> Floats:
        """(N,) chances of the yes."""
        return np.asarray(self.chances[:, 1])

    def places(self, *sources: str) -> NDArray[np.intp]:
        """Where the rows of these sources stand."""
        return np.flatnonzero([row.source in sources for row in self.target.rows])


def left_out(target: Target, logits: Floats) -> LeftOut:
    """Calibrated chances from logits of regressions that left the row out."""
    slope, intercept = calibration(logits, target)
    if target.classes:
        return LeftOut(target, softmax(slope * logits, axis=1))
    yes = expit(slope * logits[:, 0] + intercept)
    return LeftOut(target, np.column_stack([1 - yes, yes]))
