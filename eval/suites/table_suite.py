"""Prompts of a suite whose rows are a table: which column is the request, what a row must be, and
who is its twin.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from data_prep.sources.rows import read_rows
from eval.label_sets.items import rows_of
from eval.suites.definition import Definition, Part
from records.errors import RecordError
from records.excerpts import column_names, excerpt
from records.principles import PRINCIPLES
from records.rows import Kind, SuitePrompt, stable_id, user

_COLUMN = re.compile(r"\{([^{}]+)\}")


def read_table_suite(suite: Definition, path: Path, name: str) -> list[SuitePrompt]:
    """Every prompt of every part, each once. Raises RecordError with every fault.

    Rows that share the value of the column `pair` are twins of each other.
    """
    found: dict[str, SuitePrompt] = {}
    pairs: defaultdict[str, list[str]] = defaultdict(list)
    for part in suite.parts:
        for prompt, key in _part(suite, part, path, name):
            # Where rows state their kind, twins stand in different parts; else a key means a pair
            # within its part only.
            if prompt.id not in found and key:
                pairs[f"{'' if suite.kind == 'rows' else part.name}\x1f{key}"].append(prompt.id)
            found.setdefault(prompt.id, prompt)
    twins = {}
    for ids in pairs.values():
        # Of three rows with one key nobody knows which is whose twin; of one there is none.
        if len(ids) == 2:
            for one, other in (ids, ids[::-1]):
                twins[one] = other
    return [replace(prompt, twin_id=twins.get(prompt.id)) for prompt in found.values()]


def _part(suite: Definition, part: Part, path: Path, name: str) -> list[tuple[SuitePrompt, str]]:
    file = _file(part, path)
    # Told to the reader, which finds a CSV file's delimiter by the columns that must be there.
    columns = (
        set(_COLUMN.findall(part.template))
        | set(suite.where)
        | {str(column) for column in suite.columns.values()}
    )
    return read_rows(
        [file],
        lambda found: _kept(suite, found, frozenset(columns)),
        lambda row: _prompt(row, suite, part, name, file),
    )


def _file(part: Part, path: Path) -> Path:
    # A user may name the file itself, whatever it is called.
    if path.is_file():
        return path
    for file in part.files:
        if (path / file).is_file():
            return path / file
    raise RecordError(
        f"{path}: wanted {' or '.join(part.files)} in it, found neither; give the file or the "
        "folder that holds it"
    )


def _kept(
    suite: Definition, file: Path, columns: frozenset[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows that `where` lets pass."""
    for place, row in rows_of(file, known=columns):
        missing = []
        for column in suite.where:
            if column not in row:
                missing.append(column)
        # Raised at once and not collected: each row of another version would say the same.
        if missing:
            raise RecordError(
                f"{place}: no column {', '.join(missing)} (columns: {column_names(row)}); is it of "
                "another version?"
            )
        # As texts and stripped: a CSV file has no numbers, and a JSON file has.
        if all(str(row[column]).strip() in values for column, values in suite.where.items()):
            yield place, row


def _prompt(
    row: Mapping[str, Any], suite: Definition, part: Part, name: str, file: Path
) -> tuple[SuitePrompt, str]:
    request = filled(part.template, row)
    stated = _cell(row, suite, "id")
    suite_name = f"{name}_{part.name}" if part.name else name
    prompt = SuitePrompt(
        # A stated id links with other files of the set; a hash of the text survives reordering.
        id=stated or stable_id(suite_name, request),
        prompt=user(request),
        kind=cast(Kind, part.kind),
        suite=suite_name,
        source=file.name,
        licence=suite.licence,
        topic=_cell(row, suite, "topic"),
        principle=_principle(_cell(row, suite, "principle")),
        split="test",
        expected=_expected(row, suite),
    )
    return prompt, _cell(row, suite, "pair")


def _principle(word: str) -> int | None:
    # Out of range it would show as a principle without a title in every table.
    if word and (not word.isdigit() or int(word) not in PRINCIPLES):
        raise ValueError(f"principle is {excerpt(word)}; wanted a number from 1 to 9, or nothing")
    return int(word) if word else None


def filled(template: str, row: Mapping[str, Any]) -> str:
    """The template with each {COLUMN} replaced by the row's text.

    Raises ValueError for a column that is not there or for an empty request.
    """
    missing = []
    for column in _COLUMN.findall(template):
        if column not in row:
            missing.append(column)
    if missing:
        raise ValueError(f"no column {', '.join(missing)} (columns: {column_names(row)})")
    texts = {column: row[column] for column in _COLUMN.findall(template)}
    wrong = []
    # Numbers are no requests: a wrong column name in the template is found here.
    for column, text in texts.items():
        if not isinstance(text, str):
            wrong.append(column)
    if wrong:
        raise ValueError(f"column {wrong[0]}: wanted a text, got {excerpt(str(texts[wrong[0]]))}")
    if not any(text.strip() for text in texts.values()):
        raise ValueError("empty request")
    # In one pass: braces within a cell's own text must not be filled again.
    return _COLUMN.sub(lambda match: texts[match[1]].strip(), template).strip()


def _cell(row: Mapping[str, Any], suite: Definition, role: str) -> str:
    column = suite.columns.get(role)
    return "" if column is None else str(row.get(column) or "").strip()


def _expected(row: Mapping[str, Any], suite: Definition) -> str:
    if suite.expected is None:
        return ""
    column, values = suite.expected
    word = row.get(column)
    if isinstance(word, list):
        # A statement holds spaces and stands on a line of its own; names of acts hold none.
        return ("\n" if "must_haves" in suite.scorers else " ").join(
            " ".join(str(one).split()) for one in word
        )
    if values is None:
        return str(word or "").strip()
    # A word without a meaning would be expected literally, and every completion be wrong.
    if str(word).strip() not in values:
        raise ValueError(f"{column} is {excerpt(str(word))}; wanted {', '.join(values)}")
    return values[str(word).strip()]
