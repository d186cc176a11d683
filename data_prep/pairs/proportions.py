"""How many pairs of which kind: harm against over-refusal, the limit, and sides of equal length."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from data_prep.pairs.config import PairsConfig
from data_prep.wording import words
from measures.paired_sums import PairedSums
from records.rows import Pair, text_of


def in_proportion(
    pairs: list[Pair],
    groups: dict[str, str],
    config: PairsConfig,
    seed: int,
    dropped: Counter[str],
    *,
    first: Collection[str] = (),
) -> list[Pair]:
    """Per split: over-refusal pairs in the wanted proportion to harm pairs, within the limit too;
    then the lengths of train evened out.

    Twins share a place in the order, so whatever the limits leave holds a harmful request together
    with its benign twin: then only what is asked for, not the topic, tells which of the two
    completions is preferred. The order depends on nothing else, but for over-refusal pairs of the
    prompts in `first`, which come before the others.
    """

    def place(pair: Pair) -> tuple[bytes, str]:
        return hashlib.sha256(
            f"{seed}/{groups.get(pair.prompt_id, pair.prompt_id)}".encode()
        ).digest(), pair.id

    def hard_first(pair: Pair) -> tuple[bool, bytes, str]:
        return pair.prompt_id not in first, *place(pair)

    kept: list[Pair] = []
    # Each split by itself, so that a limit on train takes nothing from what it is measured on.
    for split in ("train", "val", "test"):
        harm = sorted(
            (p for p in pairs if p.split == split and p.pair_type != "over_refusal"), key=place
        )
        benign = sorted(
            (p for p in pairs if p.split == split and p.pair_type == "over_refusal"), key=hard_first
        )
        wanted = round(config.over_refusal * len(harm))
        dropped["over-refusal pairs beyond the wanted proportion"] += max(0, len(benign) - wanted)
        # Cut from the end of the drawn order, so that a larger share keeps what a smaller one had.
        benign = benign[:wanted]
        if (
            split == "train"
            and config.max_train_pairs is not None
            and len(harm) + len(benign) > config.max_train_pairs
        ):
            limit = config.max_train_pairs
            dropped["over max_train_pairs"] += len(harm) + len(benign) - limit
            # The wanted proportion holds within the limit too; what one type lacks, the other fills
            # up.
            count = max(
                limit - len(harm),
                min(len(benign), round(limit * config.over_refusal / (1 + config.over_refusal))),
            )
            harm, benign = harm[: limit - count], benign[:count]
        mixed = [*harm, *benign]
        # Train alone: only what is learned from can teach a length.
        if split == "train" and config.max_length_difference is not None:
            mixed = _evened_out(mixed, groups, config.max_length_difference, seed)
            dropped["over max_length_difference"] += len(harm) + len(benign) - len(mixed)
        kept += sorted(mixed, key=lambda p: p.id)
    return kept


class Lengths:
    """Words of the two sides of pairs, and how far apart they are."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.sums = PairedSums()
        self.add(pairs)

    def add(self, pairs: Sequence[Pair], times: int = 1) -> None:
        """Add pairs; `times` -1 takes them away."""
        for pair in pairs:
            self.sums.add(
                len(words(text_of(pair.chosen))), len(words(text_of(pair.rejected))), times=times
            )

    @property
    def difference(self) -> float:
        """Of chosen - rejected, in standard deviations, as `lint.json` has it."""
        return self.sums.standardised_difference

    def described(self) -> dict[str, Any]:
        """Mean words of both sides and their difference, for pairs.report.json."""
        count = max(1, self.sums.count)
        return {
            "chosen_words": round(self.sums.first / count, 1),
            "rejected_words": round(self.sums.second / count, 1),
            "standardised_difference": round(self.difference, 4),
        }


def _evened_out(pairs: list[Pair], groups: dict[str, str], limit: float, seed: int) -> list[Pair]:
    """Take away whole groups that lean to the longer side, in a drawn order, until the sides differ
    by no more than the limit.

    Twins lean to opposite sides and stay together, so what goes is mostly what has no counterpart.
    Drawn, as the groups that lean most are mostly of one type, which would be used up.
    """
    members: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        members[groups.get(pair.prompt_id, pair.prompt_id)].append(pair)
    order = sorted(
        members, key=lambda name: hashlib.sha256(f"{seed}/lengths/{name}".encode()).digest()
    )
    # Sums of whole numbers, so that taking a group away leaves no rounding behind.
    leaning = {
        name: (one := Lengths(group).sums).first - one.second for name, group in members.items()
    }
    longer = {
        True: [name for name in order if leaning[name] > 0],
        False: [name for name in order if leaning[name] < 0],
    }
    lengths = Lengths(pairs)
    while abs(lengths.difference) > limit:
        # While one side is longer in sum, some group that is left leans to it.
        lengths.add(members.pop(longer[lengths.difference > 0].pop()), -1)
    found: list[Pair] = []
    for group in members.values():
        found.extend(group)
    return found
