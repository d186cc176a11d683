"""The released policy once somebody has changed its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from eval.results.suite_result import SuiteResult
from records.json_record import ABSENT, JsonRecord


@dataclass(frozen=True, kw_only=True)
class AttackAbout(JsonRecord):
    """What an attack was made of: the rows of a fine-tuning and their source, or the layer of a
    direction and the number of prompts that it was found on.
    """

    rows: Annotated[int | None, ABSENT] = None
    source: Annotated[str | None, ABSENT] = None
    layer: Annotated[int | None, ABSENT] = None
    layers: Annotated[int | None, ABSENT] = None
    prompts: Annotated[int | None, ABSENT] = None


@dataclass(frozen=True, kw_only=True)
class TamperedResult(JsonRecord):
    """The policy after one attack."""

    title: str
    about: AttackAbout
    suites: Mapping[str, SuiteResult]


@dataclass(frozen=True, kw_only=True)
class Tamper(JsonRecord):
    """What the stage `tamper` leaves."""

    policy: str
    attacks: Mapping[str, TamperedResult]
