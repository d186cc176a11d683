"""Suites by what their descriptions say, and suites that were not measured."""

from __future__ import annotations

from dataclasses import dataclass

from records.json_record import JsonRecord


@dataclass(frozen=True, kw_only=True)
class SuiteFacts(JsonRecord):
    """What a described suite says of itself; without `gate` it is in no line of the gate."""

    suite: str = ""
    title: str = ""
    licence: str = ""
    citation: str = ""
    note: str = ""
    gate: bool = True
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AbsentSuite(JsonRecord):
    """A suite that the config names and the run did not measure."""

    suite: str
    optional: bool
    reason: str

    def __str__(self) -> str:
        return f"suite {self.suite} left out: {self.reason}"
