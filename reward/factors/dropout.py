"""MC dropout of the factor heads: another ensemble than the one that they ship with, for comparing
what uncertainty is worth.

A pass leaves out features at random and scales up the others, as dropout does in training (Gal and
Ghahramani, arXiv 1506.02142). Every completion meets the same passes, so that what stands beside it
does not change its factors.
"""

from __future__ import annotations

import dataclasses
import zlib

import numpy as np

from reward.factors.heads import Head
from reward.factors.model import FactorModel, shipped_model

RATE, PASSES = 0.2, 30


def with_dropout(head: Head, *, rate: float = RATE, passes: int = PASSES, seed: int = 0) -> Head:
    """`passes` members, each the mean of the head's members without a share `rate` of its
    features.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate: wanted a share below 1, got {rate}")
    # By name: heads must not all lose the same features. Python's `hash` differs between processes.
    rng = np.random.default_rng([seed, zlib.crc32(head.name.encode())])
    mean = head.weight.mean(axis=0)
    # (passes, 1, D): all classes of a head lose the same features.
    kept = rng.random((passes, 1, mean.shape[-1])) >= rate
    # Scaled up by what is kept, so that the logit is right in the mean over passes.
    weight = (mean * kept / (1 - rate)).astype(np.float32)
    bias = np.repeat(head.bias.mean(axis=0)[None], passes, axis=0).astype(np.float32)
    return dataclasses.replace(head, weight=weight, bias=bias)


def dropout_model() -> FactorModel:
    """The shipped heads with MC dropout in place of their ensembles."""
    shipped = shipped_model()
    heads = {name: with_dropout(head) for name, head in shipped.bundle.heads.items()}
    return FactorModel(dataclasses.replace(shipped.bundle, heads=heads), shipped.room.embed)
