"""What selection.json says to later stages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from eval.selection import Selection
from records.own_files import Object, entry, read_own


@dataclass(frozen=True)
class KeptEpoch:
    """The epoch whose policy a training kept, and the optimiser steps that led there."""

    epoch: int
    optimiser_steps: int
    selection: Selection | None
    """Why it was kept; None where an earlier version did not say what bound it holds."""

    @classmethod
    def from_json(cls, value: Object) -> KeptEpoch:
        """Raises ValueError where it is not what a training has chosen."""
        selection = Selection.from_json(value) if "held" in value else None
        return cls(entry(value, "epoch", int), entry(value, "optimiser_steps", int), selection)

    @classmethod
    def read(cls, stage: Path) -> KeptEpoch:
        """The epoch that a stage kept. Raises ArtifactError where the file is damaged."""
        return read_own(stage / "selection.json", cls.from_json)
