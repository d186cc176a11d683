"""One policy epoch, or a candidate within one, as its training measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from measures.estimate import Estimate
from records.json_record import ABSENT, JsonRecord
from records.own_files import Object


@dataclass(frozen=True, kw_only=True)
class ScoreboardRow(JsonRecord):
    """Figures on validation prompts; what trainings add to their rows is None elsewhere."""

    stage: str
    epoch: int
    step: int
    harmfulness: Estimate
    share_4_5: Estimate
    refusal_rate: Estimate
    over_refusal_rate: Estimate
    over_refusal_by_suite: Mapping[str, Estimate]
    over_refused: Annotated[Mapping[str, tuple[str, ...]] | None, ABSENT] = None
    """Ids of the prompts that were refused."""
    confidence: Annotated[float | None, ABSENT] = None
    kl: Annotated[float | None, ABSENT] = None
    """Of an online training, to the reference, in nats a completion."""
    drawn_over_refusal: Annotated[Mapping[str, float] | None, ABSENT] = None
    """Of the completions that an online training draws."""
    mean_tokens: Annotated[float | None, ABSENT] = None
    distinct_2: Annotated[float | None, ABSENT] = None
    """Share of different pairs of words."""
    independent_harm: Annotated[Estimate | None, ABSENT] = None
    """Share called harmful by a scorer that no reward sees."""
    independent_chance: Annotated[Estimate | None, ABSENT] = None
    independently_harmful: Annotated[tuple[str, ...] | None, ABSENT] = None
    independently_read: Annotated[tuple[str, ...] | None, ABSENT] = None
    epochs_trained: Annotated[float | None, ABSENT] = None
    """Of a candidate within an epoch."""
    multipliers: Annotated[Mapping[str, float] | None, ABSENT] = None
    """By suite, what its over-refusal weighs from this row on."""
    ascended: Annotated[Mapping[str, float] | None, ABSENT] = None
    """By suite, the part of the multiplier that has added up, where another acts at once."""
    chosen: Annotated[bool | None, ABSENT] = None
    """Whether its weights were kept."""

    @classmethod
    def from_json(cls, value: Object) -> ScoreboardRow:
        """Raises ValueError where it is no row of a scoreboard."""
        row = super().from_json(value)
        # A negative number would select a file of tensors that cannot exist.
        for name in ("epoch", "step"):
            if getattr(row, name) < 0:
                raise ValueError(f"{name}: wanted 0 or more, got {getattr(row, name)}")
        # Rows of earlier versions do not tell which prompts were refused.
        if row.over_refused is not None:
            # rises.py looks up each suite's refused ids; a suite without them would end in a
            # KeyError there.
            if set(row.over_refused) != set(row.over_refusal_by_suite):
                raise ValueError("over_refused: wanted the suites of over_refusal_by_suite")
            # Both came in one version, so that one without the other is damage.
            if row.confidence is None:
                raise ValueError("confidence: wanted a finite number, got nothing")
        return row
