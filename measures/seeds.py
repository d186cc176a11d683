"""What varies between training runs apart from what varies between prompts, of one figure that
several seeds give.

Every run is measured on the same prompts, so the spread over runs is training noise, and the
standard error of one run's figure is prompt sampling error; neither holds the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy


@dataclass(frozen=True)
class OverSeeds:
    """One figure over runs."""

    values: list[float]
    mean: float
    training_sd: float | None
    """Standard deviation over runs, n - 1 below; None for a single one."""
    training_sd_interval: tuple[float | None, float | None]
    prompt_se: float | None
    """Root mean square of the runs' standard errors over prompts."""
    interval: tuple[float | None, float | None]
    """Of the mean over other prompts and other runs."""
    training_share: float | None
    """Of one run's variance, the part that is training noise."""

    def to_json(self) -> dict[str, Any]:
        """As seeds.json has it."""
        return asdict(self)


def over_seeds(
    values: Sequence[float], errors: Sequence[float | None], confidence: float = 0.95
) -> OverSeeds:
    """From one figure a run and its standard error over prompts (None where there is none).

    Training SD: its interval is by chi-square, for normal noise. Mean: variance = training_sd^2 /
    runs + prompt_se^2, t with Satterthwaite's degrees of freedom, prompts counting as known. Raises
    ValueError without a run.
    """
    if not values:
        raise ValueError("wanted the figure of one run at least, got none")
    runs, mean = len(values), float(np.mean(values))
    known = [error for error in errors if error is not None]
    # All or none: the mean over the runs that have an error would stand for runs that have none.
    prompt = math.sqrt(float(np.mean(np.square(known)))) if len(known) == runs else None
    if runs == 1:
        return OverSeeds(list(values), mean, None, (None, None), prompt, (None, None), None)
    sd = float(np.std(values, ddof=1))
    # The upper quantile gives the lower end, as it stands below in sd * sqrt((n - 1) / chi).
    chi = [
        float(scipy.stats.chi2.ppf(share, runs - 1))
        for share in ((1 + confidence) / 2, (1 - confidence) / 2)
    ]
    ends = (sd * math.sqrt((runs - 1) / chi[0]), sd * math.sqrt((runs - 1) / chi[1]))
    if prompt is None:
        return OverSeeds(list(values), mean, sd, ends, None, (None, None), None)
    # The runs share their prompts, so averaging over runs does not shrink the prompts' part.
    interval = _interval(mean, sd**2 / runs, prompt**2, runs, confidence)
    total = sd**2 + prompt**2
    return OverSeeds(
        list(values), mean, sd, ends, prompt, interval, sd**2 / total if total else None
    )


def _interval(
    mean: float, training: float, prompts: float, runs: int, confidence: float
) -> tuple[float, float]:
    variance = training + prompts
    # Without training noise the only variance counts as known, and its degrees of freedom would be
    # a division by 0.
    if not training:
        half = float(scipy.stats.norm.ppf((1 + confidence) / 2)) * math.sqrt(variance)
    else:
        freedom = variance**2 / (training**2 / (runs - 1))
        half = float(scipy.stats.t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(variance)
    return mean - half, mean + half


def standard_error(
    interval: Sequence[float | None] | None,
    mean: float | None,
    n: int,
    confidence: float,
    *,
    rate: bool,
) -> float | None:
    """Of a figure as results.json holds it: a rate's from the length of its Wilson interval, which
    has one even at 0 of n; a mean's from the wider half of its t interval, as the other may be cut
    at the end of the scale."""
    low, high = interval or (None, None)
    if mean is None or n < 2 or low is None or high is None:
        return None
    if rate:
        return float((high - low) / 2 / scipy.stats.norm.ppf((1 + confidence) / 2))
    return float(max(high - mean, mean - low) / scipy.stats.t.ppf((1 + confidence) / 2, n - 1))
