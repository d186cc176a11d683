"""Limits on over-refusal, as several tests set them."""

from __future__ import annotations

from train.config import DpoConfig
from train.over_refusal_limit import OverRefusalLimit

LIMITED = DpoConfig(over_refusal_limit=0.1, sft_weight=0.5)
SIZES = {"harm": 6, "questions": 2, "twins": 5}


def limit_above(base, config=LIMITED, sizes=SIZES):
    """Held by points against what the base refuses of each suite."""

    def rises(row):
        means = {
            suite: estimate["mean"] for suite, estimate in row["over_refusal_by_suite"].items()
        }
        return {
            suite: None if mean is None else mean - base[suite] for suite, mean in means.items()
        }

    return OverRefusalLimit(sizes, base, rises, config)
