"""What results.json holds beside the tables of policies by suite: each key is computed from the
samples alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.attacks import conditions
from eval.choices import choices
from eval.declines import declines
from eval.dual import dual
from eval.measured import Measured
from eval.must_haves import must_haves
from eval.omission import omissions
from eval.twin_gap import twin_gap

Json = dict[str, Any]


def further(
    samples: Sequence[Measured], against: Sequence[tuple[str, str]], confidence: float
) -> Json:
    """By key of docs/results.md; all but `conditions` are of prompts asked as they stand."""
    plain = [row for row in samples if not row.completion.condition]
    return {
        "twin_gap": twin_gap(plain, against, confidence),
        "declines": declines(plain, against, confidence),
        "must_haves": must_haves(plain, against, confidence),
        "omission": omissions(plain, against, confidence),
        "choices": choices(plain, confidence),
        "dual": dual(plain, confidence),
        "conditions": conditions(samples, against, confidence),
    }
