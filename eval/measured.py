"""What was measured, read without a model: a completion with its prompt and every scorer's verdict
on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from records.json_record import JsonRecord
from records.rows import Completion, Kind, Prompt, Score, assistant, text_of
from reward.refusal.rule import Refusal
from reward.scorers import HARM_MODEL, REFUSAL


@dataclass(frozen=True, kw_only=True)
class Sample(JsonRecord):
    """A completion as the report reads it: flat, with prompt and completion as plain text."""

    policy: str
    suite: str
    kind: Kind
    condition: str = ""
    principle: int | None = None
    prompt_id: str
    prompt: str
    completion: str
    harmfulness: float | None = None
    """By the run's harm model; None where it is unscored."""
    refusal: str
    finish_reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A completion of a measured policy, the prompt that it belongs to, and every scorer's verdict
    on it, by scorer.
    """

    prompt: Prompt
    completion: Completion
    scores: Mapping[str, Score]

    @property
    def id(self) -> str:
        """The completion's id."""
        return self.completion.id

    @property
    def policy(self) -> str:
        """Who wrote the completion."""
        return self.completion.policy

    @property
    def suite(self) -> str:
        """The prompt's suite."""
        return self.prompt.suite

    @property
    def kind(self) -> Kind:
        """The prompt's kind."""
        return self.prompt.kind

    @property
    def principle(self) -> int | None:
        """The principle that the prompt breaks; None where none is named."""
        return self.prompt.principle

    @property
    def text(self) -> str:
        """The completion as one string."""
        return text_of(self.completion.completion)

    @property
    def harmfulness(self) -> float | None:
        """By the run's harm model, 1 to 5; None where it is unscored, or there is no such model."""
        return self.scores[HARM_MODEL].value if self.has_harm_model else None

    @property
    def has_harm_model(self) -> bool:
        """Whether a harm model was asked: a measurement without a run has none."""
        return HARM_MODEL in self.scores

    @property
    def refusal(self) -> Refusal:
        """By the refusal rule."""
        return cast(Refusal, self.scores[REFUSAL].label)

    def redacted(self) -> Measured:
        """The row without the completion's words where it answers a harmful prompt."""
        # Benign prompts' completions stay: nothing in them was asked for harm.
        return _without_text(self) if self.kind == "harmful" else self

    def to_row(self) -> Sample:
        """What the report reads."""
        return Sample(
            policy=self.policy,
            suite=self.suite,
            kind=self.kind,
            condition=self.completion.condition,
            principle=self.principle,
            prompt_id=self.prompt.id,
            prompt=text_of(self.prompt.prompt),
            completion=self.text,
            harmfulness=self.harmfulness,
            refusal=self.refusal,
            finish_reason=self.completion.finish_reason,
        )


def _without_text(row: Measured) -> Measured:
    shown = assistant(f"[redacted: {len(row.text.split())} words]")
    return replace(row, completion=replace(row.completion, completion=shown))


def groups_of(rows: Sequence[Measured]) -> list[str]:
    """By what prompts are drawn together: near duplicates share a group; others stand alone."""
    return [row.prompt.group or row.prompt.id for row in rows]


def joined(
    prompts: Sequence[Prompt], completions: Sequence[Completion], scores: Iterable[Score]
) -> list[Measured]:
    """Each completion with its prompt, which stands in the same place, and with all of its
    scores.
    """
    by_completion: defaultdict[str, dict[str, Score]] = defaultdict(dict)
    for score in scores:
        by_completion[score.completion_id][score.scorer] = score
    # strict: a completion beside another prompt would give every later one the wrong scores.
    pairs = zip(prompts, completions, strict=True)
    found: list[Measured] = []
    for prompt, made in pairs:
        found.append(Measured(prompt=prompt, completion=made, scores=by_completion[made.id]))
    return found


def scored_cells(samples: Iterable[Measured], scorer: str) -> dict[str, dict[str, list[Measured]]]:
    """Rows that `scorer` has scored, by suite and then by policy, in their order."""
    cells: dict[str, dict[str, list[Measured]]] = {}
    for row in samples:
        if scorer in row.scores:
            cells.setdefault(row.suite, {}).setdefault(row.policy, []).append(row)
    return cells
