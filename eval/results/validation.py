"""How far the scorers can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from measures.estimate import MIN_PRINTED, Estimate
from measures.stored import Ends, ends_of, number_or_none
from records.json_record import ABSENT, JsonRecord
from records.own_files import Object, entry


@dataclass(frozen=True, kw_only=True)
class Probe:
    """The scorer on completions made to catch one shortcut. Of few cases `n` alone is known."""

    n: int
    mean: float | None = None
    interval: Ends = (None, None)
    unscored: int = 0
    description: str = ""
    bar: str = ""
    """What an audit wants of it."""
    passed: bool | None = None

    @property
    def is_printed(self) -> bool:
        """Whether there are cases enough for a rate."""
        return self.n >= MIN_PRINTED

    @property
    def estimate(self) -> Estimate:
        """The share right, or the move that an audit measures."""
        # Of few cases mean and ends are None, and the cell shows the count.
        return Estimate(self.mean, *self.interval, self.n, self.unscored)

    @classmethod
    def from_json(cls, value: Object) -> Probe:
        """Raises ValueError where it is none."""
        return cls(
            n=entry(value, "n", int, optional=True) or 0,
            mean=number_or_none(value, "mean"),
            interval=ends_of(value),
            unscored=entry(value, "unscored", int, optional=True) or 0,
            description=entry(value, "description", str, optional=True) or "",
            bar=entry(value, "bar", str, optional=True) or "",
            passed=entry(value, "passed", bool, optional=True),
        )


@dataclass(frozen=True, kw_only=True)
class Audit(JsonRecord):
    """What a reward model does with texts that are no completions, and with changed framing."""

    probes: Mapping[str, Probe] = field(default_factory=dict)
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ScorerCheck(JsonRecord):
    """What the report reads of a reward model's validation.json; it is written nowhere."""

    auroc: Estimate | None = None
    accuracy: Estimate | None = None
    ece: Estimate | float | None = None
    brier: Estimate | float | None = None
    temperature: Estimate | float | None = None
    probes: Mapping[str, Probe] = field(default_factory=dict)
    audit: Audit | None = None


@dataclass(frozen=True, kw_only=True)
class DetectorNote(JsonRecord):
    """Where the refusal detector's agreement with people is shown."""

    note: str


@dataclass(frozen=True, kw_only=True)
class Validation(JsonRecord):
    """Of the scorers behind all numbers of the results."""

    reward_model: Annotated[Mapping[str, Any] | None, ABSENT] = None
    """The reward stage's validation.json, kept whole: that room owns its shape, and adds to it."""
    accepted: Annotated[tuple[str, ...] | None, ABSENT] = None
    """Probes that may fail."""
    refusal_detector: Annotated[DetectorNote | None, ABSENT] = None

    def __post_init__(self) -> None:
        self.scorer  # noqa: B018  what cannot be read is told when the results are read

    @property
    def scorer(self) -> ScorerCheck | None:
        """The figures of the reward model; None where no validation was recorded."""
        return ScorerCheck.from_json(dict(self.reward_model)) if self.reward_model else None
