"""The table of guard models (guard_formats.yaml) as records."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml  # type: ignore[import-untyped]

from records.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Column:
    """Where a verdict stands in a reply, and what its words mean."""

    pattern: re.Pattern[str]
    values: Mapping[str, float | str | None]


@dataclass(frozen=True, kw_only=True)
class GuardFormat:
    family: str
    models: list[str]
    source: str
    licence: str
    max_new_tokens: int
    harm: Column
    refusal: Column | None = None
    prompt: str = ""
    """The whole text; empty for a family with a chat template of its own."""
    template: Mapping[str, Any] = field(default_factory=dict)
    generation_prompt: bool = True
    parts: bool = False
    auto_class: str = "AutoModelForCausalLM"
    unseen_tokens: int = 0
    categories: re.Pattern[str] | None = None
    category_names: Mapping[str, str] = field(default_factory=dict)


def guard_format(family: str) -> GuardFormat:
    """Raises ConfigError for a family that is not in the table."""
    known = guard_formats()
    if family not in known:
        near = difflib.get_close_matches(family, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "name one of these"
        raise ConfigError(
            f"guard.family is {family!r}; the families are {', '.join(known)}; {hint}"
        )
    return known[family]


@cache
def guard_formats() -> dict[str, GuardFormat]:
    """Every format by its family's name."""
    content = (
        resources.files("reward.judges").joinpath("guard_formats.yaml").read_text(encoding="utf-8")
    )
    found: dict[str, GuardFormat] = {}
    for family, row in yaml.safe_load(content).items():
        found[family] = _format(family, row)
    return found


def _format(family: str, row: dict[str, Any]) -> GuardFormat:
    named = row.get("categories")
    return GuardFormat(
        family=family,
        models=row["models"],
        source=row["source"],
        licence=row["licence"],
        max_new_tokens=row["max_new_tokens"],
        harm=_column(row["harm"]),
        refusal=_column(row["refusal"]) if "refusal" in row else None,
        prompt=row.get("prompt", ""),
        template=row.get("template", {}),
        generation_prompt=row.get("generation_prompt", True),
        parts=row.get("parts", False),
        auto_class=row.get("class", "AutoModelForCausalLM"),
        unseen_tokens=row.get("unseen_tokens", 0),
        categories=re.compile(named["pattern"]) if named else None,
        category_names=named["names"] if named else {},
    )


def _column(row: dict[str, Any]) -> Column:
    # A verdict is a line of its own, in whatever case: ^ and $ are of lines.
    return Column(
        pattern=re.compile(row["pattern"], re.IGNORECASE | re.MULTILINE), values=row["values"]
    )
