"""Limits on over-refusal, as several tests set them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from train.config import DpoConfig
from train.over_refusal_limit import OverRefusalLimit

LIMITED = DpoConfig(over_refusal_limit=0.1, sft_weight=0.5)
SIZES = {"harm": 6, "questions": 2, "twins": 5}


def limit_above(
    base: Collection[str], config: DpoConfig = LIMITED, sizes: Mapping[str, int] = SIZES
) -> OverRefusalLimit:
    """That holds every suite of the base."""
    return OverRefusalLimit(sizes, base, config)
