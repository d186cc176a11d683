"""How many pairs of which kind: harm against over-refusal, the limit, and sides of equal length."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from data_prep.config import PairsConfig
from data_prep.pairs.shortcuts import words
from records.rows import Pair, text_of


def in_proportion(pairs: list[Pair], groups: dict[str, str], config: PairsConfig, seed: int, dropped: Counter[str]) -> list[Pair]:
    """Per split: over-refusal pairs in the wanted proportion to harm pairs, within the limit too; then the lengths of train evened out.

    Twins share a place in the order, so whatever the limits leave holds a harmful request together with its benign twin:
    then only what is asked for, not the topic, tells which of the two answers is preferred. The order depends on nothing else.
    """

    def place(pair: Pair) -> tuple[bytes, str]:
        return hashlib.sha256(f"{seed}/{groups.get(pair.prompt_id, pair.prompt_id)}".encode()).digest(), pair.id

    kept: list[Pair] = []
    for split in ("train", "val", "test"):
        harm = sorted((p for p in pairs if p.split == split and p.pair_type != "over_refusal"), key=place)
        benign = sorted((p for p in pairs if p.split == split and p.pair_type == "over_refusal"), key=place)
        wanted = round(config.over_refusal * len(harm))
        dropped["over-refusal pairs beyond the wanted proportion"] += max(0, len(benign) - wanted)
        benign = benign[:wanted]
        if split == "train" and config.max_train_pairs is not None and len(harm) + len(benign) > config.max_train_pairs:
            limit = config.max_train_pairs
            dropped["over max_train_pairs"] += len(harm) + len(benign) - limit
            # The wanted proportion holds within the limit too; what one type lacks, the other fills up.
            count = max(limit - len(harm), min(len(benign), round(limit * config.over_refusal / (1 + config.over_refusal))))
            harm, benign = harm[: limit - count], benign[:count]
        mixed = [*harm, *benign]
        if split == "train" and config.max_length_difference is not None:
            mixed = _evened_out(mixed, groups, config.max_length_difference, seed)
            dropped["over max_length_difference"] += len(harm) + len(benign) - len(mixed)
        kept += sorted(mixed, key=lambda p: p.id)
    return kept


class Lengths:
    """Sums over the two sides of pairs, in words, from which the difference follows."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.count, self.chosen, self.rejected = 0, 0, 0
        self.chosen_squares, self.rejected_squares = 0, 0
        self.add(pairs, 1)

    def add(self, pairs: Sequence[Pair], sign: int) -> None:
        """Sign -1 takes them away."""
        for pair in pairs:
            chosen, rejected = (len(words(text_of(side))) for side in (pair.chosen, pair.rejected))
            self.count += sign
            self.chosen += sign * chosen
            self.rejected += sign * rejected
            self.chosen_squares += sign * chosen**2
            self.rejected_squares += sign * rejected**2

    @property
    def difference(self) -> float:
        """(mean words of chosen - of rejected) / sqrt of the mean of both variances; 0 for nothing, infinite where lengths never vary."""
        if not self.count or self.chosen == self.rejected:
            return 0.0
        mean, other = self.chosen / self.count, self.rejected / self.count
        variance = (self.chosen_squares + self.rejected_squares) / (2 * self.count) - (mean**2 + other**2) / 2
        return (mean - other) / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, mean - other)

    def described(self) -> dict[str, Any]:
        per_pair = {"chosen_words": self.chosen, "rejected_words": self.rejected}
        means = {name: round(total / max(1, self.count), 1) for name, total in per_pair.items()}
        # JSON has no infinity.
        return {**means, "standardised_difference": round(self.difference, 4) if math.isfinite(self.difference) else None}


def _evened_out(pairs: list[Pair], groups: dict[str, str], limit: float, seed: int) -> list[Pair]:
    """Take away whole groups that lean to the longer side, in a drawn order, until the sides differ by no more than the limit.

    Twins lean to opposite sides and stay together, so what goes is mostly what has no counterpart. Drawn, as the groups that lean most are
    mostly of one type, which would be used up.
    """
    members: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        members[groups.get(pair.prompt_id, pair.prompt_id)].append(pair)
    order = sorted(members, key=lambda name: hashlib.sha256(f"{seed}/lengths/{name}".encode()).digest())
    leaning = {name: (one := Lengths(group)).chosen - one.rejected for name, group in members.items()}
    longer = {True: [name for name in order if leaning[name] > 0], False: [name for name in order if leaning[name] < 0]}
    lengths = Lengths(pairs)
    while abs(lengths.difference) > limit:
        # While one side is longer in sum, some group that is left leans to it.
        lengths.add(members.pop(longer[lengths.difference > 0].pop()), -1)
    return [pair for group in members.values() for pair in group]
