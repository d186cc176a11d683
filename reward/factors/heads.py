"""One head: an ensemble of logistic regressions over named blocks, calibrated on rows that it was
not fitted on.
"""

# N = exchanges, K = members of the ensemble, C = classes (1 for a yes or no), D = features.

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax, xlogy

from reward.factors.features import Features

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Head:
    name: str
    blocks: tuple[str, ...]
    classes: tuple[str, ...]
    """Empty for a yes or no."""
    weight: NDArray[np.float32]
    """(K, C, D), of features as the blocks give them: scales are folded in."""
    bias: NDArray[np.float32]
    """(K, C)"""
    slope: float = 1.0
    """Platt's: a logit z says sigmoid(slope z + intercept). Of several classes, softmax(slope
    z)."""
    intercept: float = 0.0

    def logits(self, features: Features) -> Floats:
        """(K, N, C) before calibration."""
        matrix = features.matrix(self.blocks)
        members = []
        for weight, bias in zip(self.weight, self.bias, strict=True):
            # One member at a time: scipy's sparse matrices have two axes.
            members.append(matrix @ weight.T.astype(np.float64) + bias)
        return np.stack([np.asarray(member, dtype=np.float64) for member in members])

    def members(self, features: Features) -> Floats:
        """(K, N, max(2, C)) calibrated probabilities of each member; of a yes or no the last column
        is yes.
        """
        return self.calibrated(self.logits(features))

    def calibrated(self, logits: Floats) -> Floats:
        """(..., C) logits to (..., max(2, C)) probabilities."""
        if self.classes:
            return np.asarray(softmax(self.slope * logits, axis=-1))
        yes = expit(self.slope * logits[..., 0] + self.intercept)
        return np.stack([1 - yes, yes], axis=-1)

    def yes(self, features: Features) -> Floats:
        """(K, N) of a yes or no."""
        return np.asarray(self.members(features)[..., 1])


def entropy(probabilities: Floats) -> Floats:
    """Over the last axis, in nats."""
    return np.asarray(-xlogy(probabilities, probabilities).sum(axis=-1))


def uncertainty(members: Floats) -> tuple[Floats, Floats]:
    """(entropy of the mean, mutual information of verdict and member), both (N,), from (K, N,
    classes).

    The first is all that is not known; the second is the part on which the members disagree, which
    more training rows could settle (Depeweg et al., arXiv 1710.07283).
    """
    total = entropy(members.mean(axis=0))
    # Never negative but by rounding, where all members agree.
    return total, np.maximum(total - entropy(members).mean(axis=0), 0.0)


def stacked_yes(yes: Floats) -> Floats:
    """(K, N) chances of yes as (K, N, 2)."""
    return np.stack([1 - yes, yes], axis=-1)
