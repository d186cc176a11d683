"""Acts that a red flag calls for and that completions leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eval.results.change import PolicyChange
from measures.estimate import Estimate
from records.json_record import JsonRecord


@dataclass(frozen=True, kw_only=True)
class OmissionByOthers(JsonRecord):
    """What scorers say of the same completions that no training touched."""

    incoherent: Estimate
    declined: Estimate
    unsafe_advice: Estimate


@dataclass(frozen=True, kw_only=True)
class Omissions(JsonRecord):
    """Of one policy on one suite."""

    omitted: Estimate
    by_act: Mapping[str, Estimate]
    cut: Estimate
    by_scorers: Mapping[str, OmissionByOthers | None]
    """Of the completions that leave an act out (`omitted`), and of the others (`complete`)."""


@dataclass(frozen=True, kw_only=True)
class SuiteOmissions(JsonRecord):
    """Of one suite whose prompts expect acts."""

    note: str
    policies: Mapping[str, Omissions]
    comparisons: tuple[PolicyChange, ...]
