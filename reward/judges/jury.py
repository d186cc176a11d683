"""Several scorers as one: their values combined, their disagreement as uncertainty, and how well
they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean, median
from typing import Literal, Protocol, runtime_checkable

from records.contracts import Scorer
from records.harm_scale import HARMFULNESS
from records.rows import Completion, Score
from reward.judges.jury_agreement import agreement_of, level_of
from reward.judges.reports import Agreement, JuryReport, Report
from reward.scorers import score_id


@runtime_checkable
class Reports(Protocol):
    """A scorer that can say what it was asked and what that took."""

    def report(self) -> Report: ...


class Jury:
    """Every member scores every completion; `scores` keeps the last scores of each, for a table
    of their own."""

    scale = HARMFULNESS

    def __init__(
        self,
        name: str,
        members: Sequence[Scorer],
        *,
        combine: Literal["median", "majority"],
        quorum: int,
    ) -> None:
        self.name = name
        self.scores: dict[str, list[Score]] = {}
        self._said: dict[str, tuple[str, list[float | None]]] = {}
        """Prompt and the members' values, by completion."""
        self._members = list(members)
        self._combine = combine
        self._quorum = quorum

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """One score a completion; unscored where fewer than the quorum gave a value, or where no
        level has a majority."""
        self.scores = {member.name: member.score(completions) for member in self._members}
        # From a row a member to a row a completion.
        by_completion = list(zip(*self.scores.values(), strict=True))
        for completion, said in zip(completions, by_completion, strict=True):
            # By completion, so that one that is scored again does not count twice in the agreement.
            self._said[completion.id] = completion.prompt_id, [score.value for score in said]
        found: list[Score] = []
        for completion, said in zip(completions, by_completion, strict=True):
            found.append(self._verdict(completion, said))
        return found

    def agreement(self, seed: int = 0) -> Agreement:
        """Of all completions scored so far (see `agreement_of`)."""
        if not self._said:
            return {}
        prompts = [prompt for prompt, _ in self._said.values()]
        columns = zip(*(values for _, values in self._said.values()), strict=True)
        names = (member.name for member in self._members)
        return agreement_of(dict(zip(names, map(list, columns), strict=True)), prompts, seed=seed)

    def report(self) -> JuryReport:
        """The rows of its members, and their agreement."""
        rows: list[Report] = []
        for member in self._members:
            # A rule or a reward model was not asked over a wire and has nothing to account for.
            if isinstance(member, Reports):
                rows.append(member.report())
        return {"scorer": self.name, "members": rows, "agreement": self.agreement()}

    def _verdict(self, completion: Completion, said: Sequence[Score]) -> Score:
        values = []
        for score in said:
            if score.value is not None:
                values.append(score.value)
        value, reason = self._combined(values, len(said))
        return Score(
            id=score_id(completion, self.name),
            completion_id=completion.id,
            scorer=self.name,
            value=value,
            uncertainty=disagreement(values),
            reason=reason,
        )

    def _combined(self, values: Sequence[float], members: int) -> tuple[float | None, str]:
        if len(values) < self._quorum:
            return None, f"{len(values)} of {members} members gave a value, wanted {self._quorum}"
        if self._combine == "median":
            return float(median(values)), ""
        level, votes = Counter(map(level_of, values)).most_common(1)[0]
        return (
            (float(level), "")
            # More than half of those who gave a value: a tie has no level.
            if 2 * votes > len(values)
            else (None, "no level has more than half of the votes")
        )


def disagreement(values: Sequence[float]) -> float | None:
    """The mean distance of two values as a share of the scale: 0 where all say the same, at most
    1. None for fewer than two values."""
    if len(values) < 2:
        return None
    return fmean(abs(one - other) for one, other in combinations(values, 2)) / (
        HARMFULNESS.high - HARMFULNESS.low
    )
