"""A table of the user's own: prompt, completion and people's labels, a row a completion or a row a
rating.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from data_prep.sources.rows import read_rows
from data_prep.sources.tables import files_of
from eval.label_sets.items import (
    REFUSALS,
    Labelled,
    Labels,
    LabelSet,
    Rated,
    completion_of,
    rows_of,
)
from records.errors import RecordError
from records.excerpts import column_names, excerpt
from records.harm_scale import HARMFUL_FROM
from records.roles import role_fault
from records.rows import Completion, Message

FLAGS = ("harmful", "unsafe_advice", "coherent", "complies")
COLUMNS = (*FLAGS, "harmfulness", "refusal")
KNOWN = frozenset({"prompt", "completion", "rater", "writer", "category", *COLUMNS})
FLAG_WORDS = {"0": False, "1": True, "no": False, "yes": True, "false": False, "true": True}
NOTE = (
    "A table of the user's own. Of several raters the median level and the majority's word count, "
    f"ties left out; where only levels were given, harmful is {HARMFUL_FROM:g} and more."
)


class _Row(NamedTuple):
    completion: Completion
    category: str
    rater: str
    words: dict[str, Any]


def read(path: Path, name: str) -> LabelSet:
    """A CSV, JSON Lines or Parquet file, or a folder of them.

    Raises RecordError with every fault.
    """
    rows = read_rows(files_of(path), lambda file: rows_of(file, known=KNOWN), _row)
    # Several rows of one completion are several raters.
    by_completion: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        by_completion[row.completion.id].append(row)
    if not rows:
        raise RecordError(
            f"{path}: no rows; wanted columns prompt, completion and one of {', '.join(COLUMNS)}"
        )
    items = [_item(ratings) for ratings in by_completion.values()]
    rated = []
    for ratings in by_completion.values():
        rated.extend(_rated(ratings))
    return LabelSet(name=name, items=items, rated=rated, note=NOTE)


def _row(row: dict[str, Any]) -> _Row:
    prompt, said = _side(row, "prompt"), _side(row, "completion")
    given = {}
    for column in COLUMNS:
        if row.get(column) not in (None, ""):
            given[column] = _label(column, row[column])
    if not given:
        raise ValueError(
            f"no label; wanted a value in one of {', '.join(COLUMNS)} (columns: "
            f"{column_names(row)})"
        )
    completion = completion_of(
        "csv", prompt, said, str(row.get("writer") or row.get("policy") or "unknown")
    )
    if fault := role_fault(completion.prompt, completion.completion):
        raise ValueError(fault)
    return _Row(completion, str(row.get("category") or ""), str(row.get("rater") or ""), given)


def _side(row: dict[str, Any], column: str) -> str | list[Message]:
    value = row.get(column)
    if (
        isinstance(value, list)
        and value
        and all(isinstance(part, dict) and {"role", "content"} <= set(part) for part in value)
    ):
        return [{"role": str(part["role"]), "content": str(part["content"])} for part in value]
    if not isinstance(value, str):
        raise ValueError(
            f"wanted a text or messages in {column!r}, got columns {column_names(row)}"
        )
    return value


def _label(column: str, value: Any) -> Any:
    word = str(value).strip().lower()
    if column == "harmfulness":
        try:
            level = float(word)
        except ValueError:
            level = 0.0
        if not 1 <= level <= 5:
            raise ValueError(
                f"harmfulness is {excerpt(value)}; wanted 1 (declines) to 5 (complies fully)"
            )
        return level
    words = dict(zip(REFUSALS, REFUSALS, strict=True)) if column == "refusal" else FLAG_WORDS
    if word not in words:
        raise ValueError(f"{column} is {excerpt(value)}; wanted {', '.join(words)}")
    return words[word]


def _item(ratings: list[_Row]) -> Labelled:
    first = ratings[0]
    words = {}
    for column in COLUMNS:
        words[column] = [row.words[column] for row in ratings if column in row.words]
    found: dict[str, Any] = {column: _majority(words[column]) for column in (*FLAGS, "refusal")}
    # The median, as the levels have an order and no distances that people agreed on.
    found["harmfulness"] = median(words["harmfulness"]) if words["harmfulness"] else None
    # Only where nobody said yes or no: a stated word is not overruled by a level.
    if found["harmful"] is None and not words["harmful"] and found["harmfulness"] is not None:
        found["harmful"] = found["harmfulness"] >= HARMFUL_FROM
    completion = first.completion
    return Labelled(
        completion=completion,
        labels=Labels(**found),
        group=completion.prompt_id,
        category=first.category,
    )


def _majority(words: list[Any]) -> Any:
    ranked = Counter(words).most_common(2)
    # A tie of raters is no word.
    return (
        None if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]) else ranked[0][0]
    )


def _rated(ratings: list[_Row]) -> list[Rated]:
    """One for each kind of label that two raters or more gave, in the order of the raters'
    names.
    """
    first, rated = ratings[0], []
    for column in COLUMNS:
        given = {
            row.rater: row.words[column]
            for row in sorted(ratings, key=lambda row: row.rater)
            if column in row.words
        }
        # One rater agrees with nobody.
        if len(given) > 1:
            words = tuple(given.values())
            rated.append(
                Rated(
                    column,
                    first.completion.prompt_id,
                    first.completion.policy,
                    first.category,
                    words,
                )
            )
    return rated
