"""What only people can say of a release; it stands on its card."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CardConfig:
    """Sentences for the card of a release. Those left empty are named on it as not stated."""

    intended_use: str = ""
    """What it is for; empty for research on the safety of medical language models."""
    population: str = ""
    """For whom: patients or staff, ages, languages, setting."""
    out_of_scope: str = ""
    """Uses besides advice to patients, diagnosis and treatment, which stand there always."""
    human_oversight: str = ""
    """Who checks what it says, and who may switch it off."""
    change_plan: str = ""
    """What may change without a new release, how incidents are reported, how long it is
    maintained."""
    contact: str = ""
    """Who answers for it."""
