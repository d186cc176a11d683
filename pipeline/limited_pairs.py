"""DPO under a limit on over-refusal: what each pair weighs by, and whether the limit can be
held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eval.results.scoreboard_row import ScoreboardRow
from eval.rises import rises
from records.errors import RecordError
from records.rows import Pair, Prompt
from train.config import DpoConfig
from train.over_refusal_limit import HARM, OverRefusalLimit


@dataclass(frozen=True)
class FollowedLimit:
    """Lets the multipliers of a limit follow the scoreboard, whose rows keep them."""

    limit: OverRefusalLimit
    rises: Callable[[ScoreboardRow], Mapping[str, float | None]]
    """Of a scoreboard row, by how much over-refusal of each suite exceeds the base's."""

    def followed(self, row: ScoreboardRow) -> ScoreboardRow:
        """A new row with the multipliers after it.

        A row that has them, from an earlier round, keeps them.
        """
        # Multipliers that are there were moved by this row already; twice would count it double.
        if row.multipliers is None:
            self.limit.move(self.rises(row))
        else:
            self.take(row)
        return replace(row, multipliers=dict(self.limit.values), ascended=self.limit.ascended)

    def take(self, row: ScoreboardRow) -> None:
        """Go on with the multipliers of a row that is measured already."""
        assert row.multipliers is not None, "a row that was measured under a limit holds them"
        self.limit.take(row.multipliers, row.ascended)


def pair_groups(pairs: Sequence[Pair], prompts: Sequence[Prompt]) -> list[str]:
    """Of every pair: "harm", or the benign suite of its prompt."""
    suites = {prompt.id: prompt.suite for prompt in prompts}
    made: list[str] = []
    for pair in pairs:
        made.append(suites.get(pair.prompt_id, "benign") if pair.kind == "benign" else HARM)
    return made


def limit_of(
    groups: Sequence[str],
    base: ScoreboardRow,
    config: DpoConfig,
    confidence: float,
    say: Callable[[str], None],
) -> FollowedLimit:
    """The limit's multipliers before training.

    `base` is the base policy's scoreboard row; `confidence` the level of its intervals.

    Raises RecordError where no suite could be held to the limit.
    """
    rates = _rates(base)
    sizes = Counter(groups)
    paired = set(sizes) - {HARM}
    points = f"dpo.over_refusal_limit={config.over_refusal_limit}"
    # A limit that no suite can move would only look like one.
    if not paired & set(rates):
        raise RecordError(
            f"pairs of this run: {points} needs over-refusal pairs of a benign suite that has "
            f"validation prompts too; got pairs of {_listed(paired)} and validation prompts of "
            f"{_listed(rates)}. Give the train and val splits benign prompts (data.sources, "
            "data.split), raise pairs.over_refusal, or set dpo.over_refusal_limit=null"
        )
    for suite in sorted(set(rates) - paired):
        say(
            f"warning: no over-refusal pair of {suite}: its over-refusal is measured, but no "
            "multiplier can hold it to the limit"
        )
    for suite in sorted(paired - set(rates)):
        say(
            f"warning: no validation prompt of {suite}: the multiplier of its pairs stays at "
            f"{config.multipliers.start:g}"
        )

    def measured(row: ScoreboardRow) -> dict[str, float | None]:
        found = rises(row, base, confidence)
        # The end of the interval keeps the limit with confidence; the point keeps it on average.
        by_end = config.multipliers.follows == "upper_end"
        made: dict[str, float | None] = {}
        for suite, rise in found.items():
            made[suite] = rise.bound if by_end else rise.difference
        return made

    return FollowedLimit(OverRefusalLimit(sizes, rates, config), measured)


def _rates(base: ScoreboardRow) -> dict[str, float]:
    means = {}
    for suite, estimate in base.over_refusal_by_suite.items():
        means[suite] = estimate.mean
    kept: dict[str, float] = {}
    for suite, mean in means.items():
        if mean is not None:
            kept[suite] = mean
    return kept


def _listed(suites: Any) -> str:
    return ", ".join(sorted(suites)) or "none"
