"""What a policy knows of medicine, and whether it was kept within the margin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from measures.estimate import Estimate
from measures.noninferiority import NonInferiority
from measures.stored import Ends, ends_of, number_or_none
from records.json_record import ABSENT, JsonRecord
from records.own_files import Object, entry


@dataclass(frozen=True, kw_only=True)
class AbsentTask(JsonRecord):
    """A task that the config names and the run does not measure."""

    task: str
    reason: str

    def __str__(self) -> str:
        return f"task {self.task} left out: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class TaskAccuracy(JsonRecord):
    """Of one policy on one task, and whether its lower end is above chance."""

    accuracy: Estimate
    accuracy_by_length: Estimate
    above_chance: bool
    macro_f1: Annotated[Estimate | None, ABSENT] = None
    """Of tasks whose options are the same classes for every question."""


@dataclass(frozen=True, kw_only=True)
class TaskResult(JsonRecord):
    """`signal`: whether the base knows anything there that could be lost."""

    n: int
    chance: float
    signal: bool
    policies: Mapping[str, TaskAccuracy]
    changes: Mapping[str, NonInferiority]


@dataclass(frozen=True, kw_only=True)
class PerplexityRise:
    """By which factor the perplexity of held-out text rises, paired by text."""

    ratio: float | None
    interval: Ends
    n: int
    margin: float
    p_value: float | None
    retained: bool

    @classmethod
    def from_json(cls, value: Object) -> PerplexityRise:
        """Raises ValueError where it is none."""
        return cls(
            ratio=number_or_none(value, "ratio"),
            interval=ends_of(value),
            n=entry(value, "n", int),
            margin=entry(value, "margin", float),
            p_value=number_or_none(value, "p_value"),
            retained=entry(value, "retained", bool),
        )

    def to_json(self) -> Object:
        """As capability.json has it."""
        return {**vars(self), "interval": list(self.interval)}


@dataclass(frozen=True, kw_only=True)
class Perplexity(JsonRecord):
    """Of `n` held-out texts with `tokens` tokens together."""

    n: int
    tokens: int
    policies: Mapping[str, Estimate]
    changes: Mapping[str, PerplexityRise]


@dataclass(frozen=True, kw_only=True)
class Capability(JsonRecord):
    """What the stage `capability` leaves."""

    engine: str
    shots: int
    margin: float
    perplexity_margin: float
    tasks: Mapping[str, TaskResult]
    absent: tuple[AbsentTask, ...]
    perplexity: Perplexity | None
