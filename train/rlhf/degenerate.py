"""Text that says nothing: too short, repeating itself, or improbable to the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence

from train.rlhf.config import DegenerateConfig

RUN = 3
"""Words of a run that counts as repeated."""


def repetition(text: str) -> float:
    """Share of runs of three words that stood in the text before; 0 for a text of fewer.

    >>> repetition("ask a doctor ask a doctor ask a doctor")
    0.5714285714285714
    """
    words = text.lower().split()
    runs = list(zip(*(words[start:] for start in range(RUN)), strict=False))
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def perplexity(logps: Sequence[float]) -> float:
    """exp of the mean negative log-probability of its tokens."""
    # exp overflows float64 from 710 on; the limit is far below either way.
    return math.exp(min(-math.fsum(logps) / len(logps), 700.0))


def why_degenerate(text: str, ref_logps: Sequence[float], config: DegenerateConfig) -> str:
    """short, repetition or perplexity; empty where the text is none of these."""
    if len(text.split()) < config.min_words:
        return "short"
    if repetition(text) > config.max_repetition:
        return "repetition"
    return "perplexity" if perplexity(ref_logps) > config.max_perplexity else ""
