"""Verdicts on completions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from primum.conversations import Row, completion_of
from records.contracts import Scorer
from records.rows import Score
from reward.factors.one_pass import FactorsAndRefusal
from reward.refusal import rule
from reward.scorers import score_with


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the scorers say of one completion, by the scorer's name."""

    id: str
    scores: Mapping[str, Score]

    def value(self, scorer: str) -> float | None:
        """A scorer's number; None where it could not score the completion (`scores[scorer].reason`
        says why).
        """
        return self.scores[scorer].value

    def label(self, scorer: str) -> str:
        """A scorer's word, as `harmful` or `full`; empty where it has none."""
        return self.scores[scorer].label


def score(rows: Iterable[Row], *, scorers: Iterable[Scorer] | None = None) -> list[Verdict]:
    """One verdict a completion, in their order.

    A row is a pair of prompt and completion, each a text or a list of messages, or a `Completion`.
    `scorers` are objects with a name and a method `score` (see `Scorer`); None takes those that
    ship with Primum, whose scores are called `default` (the chance of harm), `default/request`,
    `default/complies`, `default/coherent`, `default/unsafe_advice` and `default/refusal`
    (docs/scorers.md). Raises ModelError where their embedder is not installed.
    """
    completions = [completion_of(row, number) for number, row in enumerate(rows)]
    asked = [FactorsAndRefusal("default")] if scorers is None else list(scorers)
    # A scorer may give several scores of one completion, as the default ones do.
    found: defaultdict[str, dict[str, Score]] = defaultdict(dict)
    for each in score_with(asked, completions):
        found[each.completion_id][each.scorer] = each
    made: list[Verdict] = []
    for completion in completions:
        made.append(Verdict(id=completion.id, scores=found[completion.id]))
    return made


def refusal(text: str) -> Literal["full", "partial", "none"]:
    """Whether a completion declines, by rule: in full, in part (it declines and then goes on), or
    not at all.
    """
    return rule.refusal(text)
