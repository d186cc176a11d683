"""How often a classifier that cannot read tells chosen from rejected, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from measures.bootstrap import bootstrap_estimate, cluster_weights, divided
from measures.estimates import wilson_interval
from records.errors import RecordError
from records.rows import Pair

Json = dict[str, Any]
LEVEL = 0.95


def wins(margins: Iterable[float]) -> list[float]:
    """1 where the chosen side is preferred, 0 where it is not; ties count one half."""
    return [1.0 if margin > 0 else 0.5 if margin == 0 else 0.0 for margin in margins]


def accuracy(won: Sequence[float], clusters: Sequence[str], *, told: bool = True) -> Json:
    """{accuracy, interval, n}; without `told`, nothing was there to be told, and the interval has
    no width.

    `clusters`: one name for pairs that share a prompt or its twin. They share texts, so the
    interval is Wilson's and, where a cluster has several pairs, no narrower than the one of whole
    clusters drawn again.
    """
    # Without anything to tell, Wilson's width on few pairs would be reported as "not known".
    low, high = _interval(won, clusters) if told else (0.5, 0.5)
    return {"accuracy": sum(won) / len(won), "interval": [low, high], "n": len(won)}


def clusters_of(pairs: Iterable[Pair], groups: Mapping[str, str]) -> list[str]:
    """By pair; `groups` names prompts that belong together, any other prompt stands alone."""
    return [groups.get(pair.prompt_id, pair.prompt_id) for pair in pairs]


def _interval(won: Sequence[float], clusters: Sequence[str]) -> tuple[float, float]:
    low, high = wilson_interval(round(sum(won)), len(won), LEVEL)
    count = len(set(clusters))
    if count == len(won):
        return low, high
    if len(set(won)) == 1:
        # Every draw repeats such data; what is left is how few clusters there are.
        return wilson_interval(round(won[0] * count), count, LEVEL)
    wins_ = np.asarray(won)
    drawn = bootstrap_estimate(
        lambda weights: divided(weights @ wins_, weights.sum(axis=1)),
        cluster_weights(clusters),
        confidence=LEVEL,
    )
    # Pairs of one cluster alone say nothing of others.
    if drawn.low is None or drawn.high is None:
        return 0.0, 1.0
    return min(low, drawn.low), max(high, drawn.high)


def held_to(limit: float, probes: Mapping[str, Json], remedy: str) -> list[str]:
    """What is not known, one a line: an upper end above the limit. `probes` holds accuracies by
    what they are called.

    Raises RecordError where a lower end is above it: on the few pairs that a small run holds out, a
    point above the limit is as often luck as a leak.
    """
    broken, unknown = [], []
    for name, found in probes.items():
        low, high = found["interval"]
        said = f"{name} reaches {found['accuracy']:.2f} ({low:.2f} to {high:.2f}, n {found['n']})"
        # The lower end: stopping at the point would stop every second small run by chance.
        if low > limit:
            broken.append(said)
        elif high > limit:
            unknown.append(
                "not enough pairs to know whether they can be told apart without reading: "
                f"{said}, wanted {limit} at the upper end"
            )
    if broken:
        raise RecordError(
            f"preference pairs can be told apart without reading them: {'; '.join(broken)}; wanted "
            f"at most {limit} (pairs.shortcut_fail). {remedy}"
        )
    return unknown
