"""The suites by name: one YAML file beside this module each, or a file of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from importlib import resources
from pathlib import Path

from data_prep.config import SourceConfig
from data_prep.source_registry import source_kind
from data_prep.sources import read_source
from eval.suites.definition import TABLE, Definition, read_definition
from eval.suites.table_suite import read_table_suite
from records.choice import at_even_distances
from records.errors import RecordError
from records.rows import Demonstration, Kind, Prompt, SuitePrompt

SUFFIXES = (".yaml", ".yml")


def names() -> list[str]:
    """Of the suites that come with Primum, sorted."""
    # Folders list their files in an order of the file system's own.
    return sorted(
        Path(entry.name).stem
        for entry in resources.files("eval.suites").iterdir()
        if entry.name.endswith(SUFFIXES)
    )


def is_file(name: str) -> bool:
    """Whether it is the path of a suite file of the user's own."""
    return name.endswith(SUFFIXES)


def definition(name: str) -> Definition:
    """Of a suite of `names()`, or of a YAML file.

    Raises RecordError where there is no such suite.
    """
    if is_file(name):
        return read_definition(Path(name))
    if name not in names():
        near = get_close_matches(name, names(), n=1)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else f"wanted {', '.join(names())}, or the path of a YAML file"
        )
        raise RecordError(f"no suite is called {name!r}; {hint}")
    # The package may be installed as a zip, where its files have no path.
    with resources.as_file(resources.files("eval.suites").joinpath(f"{name}.yaml")) as path:
        return read_definition(path)


def load(
    name: str, path: str = "", *, limit: int | None = None, called: str = ""
) -> list[SuitePrompt]:
    """The prompts of a suite, whose files lie at `path`; `limit` takes some of each part, at even
    distances.

    A suite of several parts names each `NAME_PART`, in the prompts' `suite`; `called` takes the
    place of NAME. Raises RecordError with every fault, and where the limit is too small for the
    twins of a part to stay together.
    """
    suite = definition(name)
    # Before any reader opens a path: the message says where the set is to be had.
    if not path and not suite.packaged and _needs_path(suite.format):
        raise RecordError(
            f"suite {suite.name!r} needs the path of its files ({suite.title}); {suite.citation}"
        )
    title = called or suite.name
    if suite.format == TABLE:
        folder = Path(path) if path else Path(str(resources.files("eval").joinpath("package_data")))
        rows = read_table_suite(suite, folder, title)
    else:
        rows = _of_source(suite, path, title)
    if not rows:
        raise RecordError(f"suite {title!r}: no prompt found in {path or 'the package data'}")
    return _limited(rows, limit)


def _needs_path(format: str) -> bool:
    return format == TABLE or bool(source_kind(format).path)


def _of_source(suite: Definition, path: str, title: str) -> list[SuitePrompt]:
    """What a reader of data_prep finds, divided into parts as the suite says."""
    # A set of both kinds states the kind of each row itself; this is the reader's default.
    kind: Kind = "benign" if suite.kind == "benign" else "harmful"
    source = SourceConfig(
        name=title, format=suite.format, path=path, kind=kind, only=list(suite.only)
    )
    # No limit is asked here, so that the seed, which only draws for a limit, changes nothing.
    rows = read_source(source, seed=0)
    if suite.split:
        splits = {row.split for row in rows}
        rows = [row for row in rows if row.split == suite.split]
        if not rows:
            raise RecordError(
                f"suite {title!r}: {path} holds no {suite.split} rows, only "
                f"{', '.join(sorted(splits))}; measure on {suite.split} rows"
            )
    found: dict[tuple[str, str], SuitePrompt] = {}
    for row in rows:
        part = {"kind": _kind_part(row), "generator": row.generator}.get(suite.by, "")
        prompt = _prompt(row, f"{title}_{part}" if part else title)
        # By suite too: the same request may stand in two parts, one for each generator.
        found.setdefault((prompt.suite, prompt.id), prompt)
    return list(found.values())


def _kind_part(row: Demonstration) -> str:
    return "unsafe" if row.kind == "harmful" else "safe"


def _prompt(row: Demonstration, suite: str) -> SuitePrompt:
    # Without the completion and preference of the row: they are another model's, and no part of
    # what is asked.
    known = {field.name: getattr(row, field.name) for field in fields(Prompt)}
    return SuitePrompt(**{**known, "suite": suite, "split": "test"})


def _limited(rows: Sequence[SuitePrompt], limit: int | None) -> list[SuitePrompt]:
    """At most `limit` of each part, twins together; a twin whose partner is not among them stands
    alone.
    """
    if limit is None:
        return list(rows)
    parts: dict[str, list[SuitePrompt]] = {}
    for row in rows:
        parts.setdefault(row.suite, []).append(row)
    kept: list[SuitePrompt] = []
    for part in parts.values():
        ids = {row.id for row in kept}
        # Twins of rows of an earlier part, first: they complete pairs that are already in.
        twins = [row for row in part if row.twin_id in ids][:limit]
        units = _units([row for row in part if row.twin_id not in ids])
        chosen = _within(units, limit - len(twins))
        if not twins and not chosen:
            raise RecordError(
                f"suite {part[0].suite!r}: limit {limit} takes none of its {len(part)} prompts, "
                f"which stand in groups of up to {max(map(len, units))} that belong together; set "
                "limit to that at least"
            )
        kept += [*twins, *(row for unit in chosen for row in unit)]
    ids = {row.id for row in kept}
    # A twin id that points outside would make later joins look for a prompt that nobody was asked.
    return [row if row.twin_id in ids else replace(row, twin_id=None) for row in kept]


def _within(units: Sequence[list[SuitePrompt]], limit: int) -> list[list[SuitePrompt]]:
    """As many units at even distances as hold at most `limit` rows.

    Whole units only, so that a limit may fall short by some rows rather than tear a pair.
    """
    count = min(limit, len(units))
    chosen = at_even_distances(units, count)
    while (over := sum(map(len, chosen)) - limit) > 0:
        # Dropping one unit takes the largest one's rows at most; fewer would not be enough.
        count -= max(1, over // max(map(len, units)))
        chosen = at_even_distances(units, count)
    return chosen


def _units(part: Sequence[SuitePrompt]) -> list[list[SuitePrompt]]:
    """The rows one by one, or with their twins in the same part."""
    units: dict[str, list[SuitePrompt]] = {}
    for row in part:
        # mypy does not see that `in units` rules out None.
        units.setdefault(row.twin_id if row.twin_id in units else row.id, []).append(row)  # type: ignore[arg-type]
    return list(units.values())
