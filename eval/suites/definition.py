"""What a suite is, as its YAML file says it: where prompts stand, what they ask for, what is
measured.

One file is one suite (docs/adding_a_suite.md); nothing here knows any suite by name.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from data_prep.source_registry import SOURCES
from records.errors import RecordError
from records.licences import licence_fault

SuiteKind = Literal["harmful", "benign", "rows"]
KINDS = ("harmful", "benign", "rows")
"""rows: each part, or each row, says it."""
TABLE = "table"
SCORERS = ("reward_model", "refusal", "factors", "omission", "choice", "must_haves")
METRICS = {
    "harmfulness": ("harmful",),
    "share_4_5": ("harmful",),
    "called_harmful": ("harmful",),
    "refusal_rate": ("harmful",),
    "over_refusal_rate": ("benign",),
    "relevance": ("benign",),
    "incoherent": ("harmful", "benign"),
    "omission": ("benign",),
    "must_haves": ("benign",),
    "accuracy": ("benign",),
    "pair_consistency": ("benign",),
    "twin_gap": ("harmful", "benign"),
}
"""By name, the kinds of prompts that each is defined for."""
PARTS = ("kind", "generator")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Files of one shape within a table suite."""

    name: str = ""
    """Behind the suite's name; empty where the suite has one part."""
    files: tuple[str, ...] = ()
    """Where the rows may lie below the path; the first that is there is read."""
    kind: str = ""
    template: str = ""
    """The request, with {COLUMN} for a column's text."""


class Expected(NamedTuple):
    """A column of a table, and what its words stand for; the words themselves without `values`."""

    column: str
    values: Mapping[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One suite. `columns` maps id, topic and pair to columns of a table."""

    name: str
    title: str
    kind: SuiteKind
    format: str
    licence: str
    citation: str
    scorers: tuple[str, ...]
    metrics: tuple[str, ...]
    parts: tuple[Part, ...] = ()
    by: str = ""
    """Of a reader's rows: the field that divides them into parts, `kind` or `generator`."""
    split: str = ""
    """Of a reader's rows: the only split that is measured; empty takes all."""
    only: tuple[str, ...] = ()
    packaged: bool = False
    """The rows come with Primum, so the suite needs no path."""
    columns: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column to the values that a row must have one of."""
    expected: Expected | None = None
    """What the completion must hold or choose."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Name to wording of what a completion chooses between."""
    note: str = ""
    gate: bool = True
    """False keeps the suite out of the release gate: it measures something else, or has too few
    prompts."""


def read_definition(path: Path) -> Definition:
    """The suite that a YAML file describes.

    Raises RecordError with everything that is wrong in it.
    """
    try:
        # Safe: the file may come from anybody, and YAML tags can build Python objects.
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        # PyYAML's messages run over several lines; faults are shown one a line.
        raise RecordError(
            f"{path}: cannot be read as YAML ({' '.join(str(error).split())}); see "
            "docs/adding_a_suite.md"
        ) from error
    if not isinstance(content, dict):
        raise RecordError(
            f"{path}: wanted a mapping with name, prompts, kind and so on, got "
            f"{type(content).__name__}"
        )
    faults = _faults(content)
    if faults:
        raise RecordError([f"{path}: {fault}; see docs/adding_a_suite.md" for fault in faults])
    return _definition(content)


_TOP = (
    "name",
    "title",
    "prompts",
    "kind",
    "scorers",
    "metrics",
    "licence",
    "citation",
    "options",
    "note",
    "gate",
)
_NEEDED = ("name", "title", "prompts", "kind", "scorers", "metrics", "licence", "citation")
_PROMPTS = (
    "format",
    "files",
    "template",
    "columns",
    "where",
    "expected",
    "parts",
    "by",
    "split",
    "only",
    "packaged",
)
_COLUMNS = ("id", "topic", "pair", "principle")
_PART = ("name", "files", "kind", "template")


def _faults(content: dict[str, Any]) -> list[str]:
    found = _unknown(content, _TOP, "") + [
        f"no {name}" for name in _NEEDED if not content.get(name)
    ]
    prompts = content.get("prompts")
    # What follows reads these keys; of a file without them only the first faults are worth telling.
    if found or not isinstance(prompts, dict):
        return found or [f"prompts: wanted a mapping, got {type(prompts).__name__}"]
    found += _unknown(prompts, _PROMPTS, "prompts.") + _choice(content["kind"], KINDS, "kind")
    found += _choice(prompts.get("format"), (TABLE, *SOURCES), "prompts.format")
    for word in content["scorers"]:
        found.extend(_choice(word, SCORERS, "scorers"))
    for word in content["metrics"]:
        found.extend(_choice(word, tuple(METRICS), "metrics"))
    # YAML reads `gate: "true"` as a text and `gate: 1` as a number, and both would count as false.
    if not isinstance(content.get("gate", True), bool):
        found.append(f"gate: got {content['gate']!r}, wanted true or false")
    # Cards print it, so that it must be a plain name on one line.
    if wrong := licence_fault(str(content["licence"])):
        found.append(wrong)
    return found or _misfits(content, prompts)


def _misfits(content: dict[str, Any], prompts: dict[str, Any]) -> list[str]:
    """What is well formed and does not go together."""
    kind, table = content["kind"], prompts["format"] == TABLE
    found = []
    for metric in content["metrics"]:
        if kind != "rows" and kind not in METRICS[metric]:
            found.append(f"metrics: {metric} is not defined for {kind} prompts")
    if table:
        found += _table_faults(prompts, kind)
    # Passed over in silence they would make the user believe that rows are filtered.
    elif misplaced := [
        name
        for name in ("files", "template", "columns", "where", "expected", "parts")
        if prompts.get(name)
    ]:
        found.append(
            f"prompts: {', '.join(misplaced)} are for format table; {prompts['format']} reads its "
            "set as it is published"
        )
    if prompts.get("by"):
        found += _choice(prompts["by"], PARTS, "prompts.by")
    if "choice" in content["scorers"] and not content.get("options"):
        found.append(
            "scorers: choice needs options, the wordings that a completion chooses between"
        )
    if {"choice", "omission", "must_haves"} & set(content["scorers"]) and not prompts.get(
        "expected"
    ):
        found.append("scorers: choice, omission and must_haves need prompts.expected")
    return found


def _expected(given: Mapping[str, Any]) -> Expected | None:
    if not given:
        return None
    values = given.get("values")
    named = None if values is None else {str(word): str(name) for word, name in values.items()}
    return Expected(str(given["column"]), named)


def _table_faults(prompts: dict[str, Any], kind: str) -> list[str]:
    parts = prompts.get("parts") or [{}]
    found = []
    for part in parts:
        found.extend(_unknown(part, _PART, "prompts.parts."))
    found += _unknown(prompts.get("columns") or {}, _COLUMNS, "prompts.columns.")
    for part in parts:
        # A part takes what the suite says for all parts, unless it says its own.
        if not (part.get("files") or prompts.get("files")):
            found.append("prompts: format table needs files")
        if not (part.get("template") or prompts.get("template")):
            found.append("prompts: format table needs a template, such as '{prompt}'")
        if kind == "rows":
            found += _choice(part.get("kind"), ("harmful", "benign"), "prompts.parts.kind")
    expected = prompts.get("expected")
    if expected and not (isinstance(expected, dict) and expected.get("column")):
        found.append("prompts.expected: needs column, the column that says what is expected")
    # Two parts of one name would be merged into one suite with mixed kinds.
    if len(parts) > 1 and len({part.get("name") for part in parts}) < len(parts):
        found.append("prompts.parts: each needs a name of its own")
    return found


def part_names(suite: Definition, called: str) -> list[str]:
    """What the suites of a described table are called in results; of a published set `by` names
    further parts.
    """
    return [f"{called}_{part.name}" if part.name else called for part in suite.parts]


def _unknown(given: Mapping[str, Any], known: tuple[str, ...], prefix: str) -> list[str]:
    found = []
    for name in given:
        # A misspelt key would otherwise be a default in silence.
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"wanted {', '.join(known)}"
            found.append(f"no setting is called {prefix}{name}; {hint}")
    return found


def _choice(word: Any, known: tuple[str, ...], setting: str) -> list[str]:
    return [] if word in known else [f"{setting}: got {word!r}, wanted {', '.join(known)}"]


def _definition(content: dict[str, Any]) -> Definition:
    prompts = content["prompts"]
    shared = {
        "files": prompts.get("files") or (),
        "template": prompts.get("template") or "",
        "kind": content["kind"],
    }
    parts = [{**shared, **part} for part in prompts.get("parts") or [{}]]
    return Definition(
        name=str(content["name"]),
        title=content["title"],
        kind=content["kind"],
        format=prompts["format"],
        licence=content["licence"],
        citation=content["citation"],
        scorers=tuple(content["scorers"]),
        metrics=tuple(content["metrics"]),
        parts=tuple(Part(**{**part, "files": tuple(part["files"])}) for part in parts),
        by=prompts.get("by") or "",
        split=prompts.get("split") or "",
        only=tuple(prompts.get("only") or ()),
        packaged=bool(prompts.get("packaged")),
        columns={role: str(column) for role, column in (prompts.get("columns") or {}).items()},
        where={
            column: tuple(map(str, values))
            for column, values in (prompts.get("where") or {}).items()
        },
        expected=_expected(prompts.get("expected") or {}),
        options=content.get("options") or {},
        note=content.get("note") or "",
        gate=content.get("gate", True) is True,
    )
