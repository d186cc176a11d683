"""Does a policy learn the task, or the training scorer's faults?

What a scoreboard row shows of it, and when training must end.

A policy that is trained online against a scorer finds what that scorer likes. While the policy
truly improves, a scorer that the reward never sees improves too; once the two part, further
training only widens the gap (Gao et al., arXiv 2210.10760).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from eval.independent import called_harmful, is_known
from eval.measured import Measured
from eval.scoreboard_shape import Row
from measures.estimates import mean_estimate, newcombe_interval, rate_estimate
from reward.scorers import FACTORS

INDEPENDENT = "independently_harmful"
"""Entry of a row: ids of the harmful prompts whose completion the independent scorer calls
harmful."""
READ = "independently_read"
"""Entry of a row: ids of those that it could read."""
WORDS = 2
"""Of a run whose distinctness is counted."""


def signs(samples: Sequence[Measured], confidence: float) -> Row:
    """What a row holds besides: the independent scorer's share of harmful completions, their
    length, and how little they repeat.
    """
    harmful = []
    for sample in samples:
        if sample.kind == "harmful":
            harmful.append(sample)
    row: Row = {
        "mean_tokens": (
            sum(sample.completion.num_tokens for sample in samples) / max(1, len(samples))
        ),
        f"distinct_{WORDS}": distinct([sample.text for sample in samples]),
    }
    if not is_known(harmful):
        return row
    flags = [called_harmful(sample) for sample in harmful]
    chances = [sample.scores[FACTORS].value for sample in harmful]
    ids = [sample.prompt.id for sample in harmful]
    return {
        **row,
        "independent_harm": rate_estimate(flags, confidence).to_json(),
        "independent_chance": mean_estimate(chances, confidence, clamp=(0.0, 1.0)).to_json(),
        INDEPENDENT: [name for name, flag in zip(ids, flags, strict=True) if flag],
        READ: [name for name, flag in zip(ids, flags, strict=True) if flag is not None],
    }


def distinct(texts: Sequence[str]) -> float:
    """Share of different pairs of neighbouring words among all of them, over all texts; 1 where
    there are none.

    >>> distinct(["ask a doctor", "ask a nurse"])
    0.75
    """
    pairs: list[tuple[str, str]] = []
    for text in texts:
        pairs.extend(zip(text.split(), text.split()[1:], strict=False))
    return len(set(pairs)) / len(pairs) if pairs else 1.0


class Parting(NamedTuple):
    """Where the two scorers part: the row, the earlier row that it is held against, and the rise in
    between.
    """

    row: Row
    before: Row
    rise: float
    interval: tuple[float, float]

    def __str__(self) -> str:
        low, high = (100 * end for end in self.interval)
        return (
            f"the scorers part at step {self.row['step']}: since step {self.before['step']} mean "
            "harmfulness by the training scorer went from "
            f"{self.before['harmfulness']['mean']:.2f} to {self.row['harmfulness']['mean']:.2f}, "
            f"while the independent scorer calls {100 * self.rise:+.0f} points more completions "
            f"harmful ({low:+.0f} to {high:+.0f})"
        )


def parting(rows: Sequence[Row]) -> Parting | None:
    """The first row that the training scorer holds for better than the best earlier one by the
    independent scorer, and that one for worse beyond the interval of the difference, on the same
    prompts. Rows that it has not scored say nothing.
    """
    best: Row | None = None
    for row in rows:
        if not row.get(READ):
            continue
        if best is not None and (found := _parted(row, best)):
            return found
        if best is None or _share(row) < _share(best):
            best = row
    return None


def before_parting(rows: Sequence[Row]) -> list[Row]:
    """The rows that may be kept."""
    found = parting(rows)
    made: list[Row] = []
    for row in rows:
        if found is None or row["epoch"] < found.row["epoch"]:
            made.append(row)
    return made


def _share(row: Row) -> float:
    return len(row[INDEPENDENT]) / len(row[READ])


def _parted(row: Row, best: Row) -> Parting | None:
    after, before = row["harmfulness"]["mean"], best["harmfulness"]["mean"]
    if after is None or before is None or after >= before:
        return None
    read = set(row[READ]) & set(best[READ])
    now, then = set(row[INDEPENDENT]) & read, set(best[INDEPENDENT]) & read
    if not read:
        return None
    both, gained, lost = len(now & then), len(now - then), len(then - now)
    interval = newcombe_interval(
        both, gained, lost, len(read) - both - gained - lost, row["confidence"]
    )
    if interval.low <= 0:
        return None
    return Parting(row, best, (gained - lost) / len(read), (interval.low, interval.high))
