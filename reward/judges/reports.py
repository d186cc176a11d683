"""What scorers say of themselves for the report of judges: dictionaries that become its JSON as
they are.
"""

from __future__ import annotations

from typing import TypedDict


class Account(TypedDict, total=False):
    """What the requests of one judge have taken, earlier runs included."""

    requests: int
    input_tokens: int
    output_tokens: int
    requests_of_unknown_cost: int
    cost: float | None
    """None without prices."""
    input_price: float | None
    output_price: float | None


class AskingRow(Account, total=False):
    """What asking has taken so far; no address and no secret."""

    model: str
    sent_again: int
    answered_by_kept_replies: int


class AskedRow(TypedDict):
    """What a judge has been through."""

    completions: int
    scored: int
    unparsable_replies: int
    unscored: dict[str, int]
    """Completions without a value, by reason."""


class JudgeReport(AskedRow, AskingRow):
    """Of one judge."""

    scorer: str


class ExpertsReport(TypedDict):
    """Of experts."""

    scorer: str
    raters: int
    rated_texts: int


class AgreementFigure(TypedDict):
    """An estimate with the unit that it is over."""

    mean: float | None
    interval: list[float | None]
    n: int
    unscored: int
    unit: str


class MembersKappa(AgreementFigure):
    """Of two members of a jury."""

    members: list[str]


class Agreement(TypedDict, total=False):
    """How well a jury's members agree; empty where nothing is scored yet."""

    alpha: AgreementFigure
    quadratic_kappa: list[MembersKappa]


class JuryReport(TypedDict):
    """Of a jury: the rows of its members, and their agreement."""

    scorer: str
    members: list[Report]
    agreement: Agreement


Report = JudgeReport | ExpertsReport | JuryReport
