"""How much of the training rows each source gives: weights of sources, kept to by leaving rows out.

Sources without a weight give all their training rows. Of those with one, the source that has least
for its weight gives all of its own and the others as many as their weights allow beside it; no row
is repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data_prep.config import SourceConfig
from data_prep.splits.dropped import Drop
from records.rows import Demonstration, stable_id

MIXED = "mixed_out"
"""Reason of a training row that a source's weight leaves out."""


@dataclass(frozen=True)
class Share:
    """What one source gives to training."""

    weight: float | None
    available: int
    kept: int

    def to_json(self) -> dict[str, float | int | None]:
        """As lint.json has it."""
        return {"weight": self.weight, "available": self.available, "kept": self.kept}


@dataclass(frozen=True)
class Mixture:
    """Rows after mixing, those left out, and the counts by source."""

    kept: list[Demonstration]
    dropped: list[Drop]
    shares: dict[str, Share]


def mixed(rows: Sequence[Demonstration], sources: Sequence[SourceConfig], seed: int) -> Mixture:
    """The same rows but for training rows beyond their source's weight; validation and test stay
    whole.

    A row and its twin stay or go together, as far as the count allows: they stand beside each other
    in the order that is drawn, which depends on the seed and on their ids alone.
    """
    weights = {source.name: source.weight for source in sources}
    # Train alone: val and test are to show the data as they are, whatever is trained on.
    available = Counter(row.source for row in rows if row.split == "train")
    wanted = wanted_counts(weights, available)
    out: set[str] = set()
    for name, count in wanted.items():
        own = [row for row in rows if row.source == name and row.split == "train"]
        ordered = sorted(own, key=lambda row: (_draw(row, seed), row.id))
        # From the end of a drawn order: a larger weight keeps all rows that a smaller one kept.
        out |= {row.id for row in ordered[count:]}
    shares = {}
    for source in sources:
        shares[source.name] = Share(
            source.weight, available[source.name], wanted.get(source.name, available[source.name])
        )
    dropped = [
        Drop(row, MIXED, f"{row.source} has weight {weights[row.source]:g}")
        for row in rows
        if row.id in out
    ]
    return Mixture([row for row in rows if row.id not in out], dropped, shares)


def wanted_counts(
    weights: Mapping[str, float | None], available: Mapping[str, int]
) -> dict[str, int]:
    """Of each source that has a weight: in the proportions of the weights, the largest such that
    all have enough.

    >>> wanted_counts({"a": 3.0, "b": 1.0, "c": None}, {"a": 90, "b": 50, "c": 7})
    {'a': 90, 'b': 30}
    >>> wanted_counts({"a": 1.0, "b": 0.0}, {"a": 5, "b": 9})
    {'a': 5, 'b': 0}
    """
    weighed = {}
    for name, weight in weights.items():
        if weight is not None:
            weighed[name] = weight
    present = {}
    for name, weight in weighed.items():
        if weight > 0 and available.get(name):
            present[name] = weight
    # The source that is scarcest for its weight sets the scale, as no row is repeated.
    scale = min((available[name] / weight for name, weight in present.items()), default=0.0)
    found: dict[str, int] = {}
    for name, weight in weighed.items():
        found[name] = round(scale * weight) if name in present else 0
    return found


def _draw(row: Demonstration, seed: int) -> str:
    """Twins share it: each names the other."""
    return stable_id("mixing", str(seed), *sorted((row.id, row.twin_id or row.id)))
