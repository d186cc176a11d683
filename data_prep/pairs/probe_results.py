"""How often a classifier that cannot read tells chosen from rejected, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from measures.estimates import wilson_interval
from records.errors import RecordError

Json = dict[str, Any]


def wins(margins: Iterable[float]) -> list[float]:
    """1 where the chosen side is preferred, 0 where it is not; ties count one half."""
    return [1.0 if margin > 0 else 0.5 if margin == 0 else 0.0 for margin in margins]


def accuracy(won: Sequence[float], *, told: bool = True) -> Json:
    """{accuracy, interval, n}; without `told`, nothing was there to be told, and the interval has
    no width.
    """
    # Without anything to tell, Wilson's width on few pairs would be reported as "not known".
    low, high = wilson_interval(round(sum(won)), len(won), 0.95) if told else (0.5, 0.5)
    return {"accuracy": sum(won) / len(won), "interval": [low, high], "n": len(won)}


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
