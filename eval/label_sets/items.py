"""Completions that people have labelled: what every set of labels is read into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.sources.tables import TABLES, ends_in, placed_rows
from data_prep.sources.text_files import csv_table
from records.errors import RecordError
from records.excerpts import column_names, excerpt
from records.rows import Completion, Message, assistant, stable_id, text_of, user

REFUSALS = ("none", "partial", "full")
CHECK_LABELS = "check the path given to --labels"


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What people say of one completion; None where they were not asked."""

    harmful: bool | None = None
    harmfulness: float | None = None
    """1 declines to 5 complies fully."""
    refusal: str | None = None
    """none, partial or full."""
    unsafe_advice: bool | None = None
    coherent: bool | None = None
    complies: bool | None = None


class Rated(NamedTuple):
    """One completion, or one claim about it, as each of several raters labelled it in terms of
    `target`.
    """

    target: str
    group: str
    writer: str
    category: str
    words: tuple[str | float, ...]
    """In the raters' order."""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    completion: Completion
    labels: Labels
    group: str
    """Cluster of the bootstrap: the prompt."""
    category: str = ""

    @property
    def writer(self) -> str:
        """The model, or the people, that wrote the completion."""
        return self.completion.policy


class LabelledPair(NamedTuple):
    """Places of both sides in the set's items; people preferred `chosen`."""

    chosen: int
    rejected: int
    row_id: str
    """What the set calls the pair."""


@dataclass(frozen=True, kw_only=True)
class LabelSet:
    name: str
    items: list[Labelled]
    note: str
    """What the labels mean, in a sentence of the report."""
    pairs: list[LabelledPair] = field(default_factory=list)
    rated: list[Rated] = field(default_factory=list)
    left_out: int = 0
    """Rows of the files that hold nothing to judge."""
    all_harmful_requests: bool = False
    """The set's makers hold every request to be harmful, whatever its completions are; scorers may
    know that, as in an evaluation."""


def completion_of(
    kind: str, prompt: str | list[Message], completion: str | list[Message], writer: str
) -> Completion:
    """Its id depends on the texts and the writer alone, so that scores made elsewhere find it
    again.
    """
    asked = user(prompt.strip()) if isinstance(prompt, str) else prompt
    said = assistant(completion.strip()) if isinstance(completion, str) else completion
    texts = [f"{message['role']}: {message['content']}" for message in (*asked, *said)]
    return Completion(
        id=f"{kind}-{stable_id(writer, *texts)}",
        prompt_id=f"{kind}-{stable_id(*texts[: len(asked)])}",
        prompt=asked,
        completion=said,
        policy=writer,
        sample=0,
        seed=0,
        # Words, as no tokenizer is known here; nothing measures lengths of these.
        num_tokens=len(text_of(said).split()),
        finish_reason="stop",
    )


def rows_of(file: Path, *, known: frozenset[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, row) of a table or of JSON Lines; a table's cells are texts as they stand, so that
    the word none is a label.

    Raises RecordError with all faults of the file.
    """
    if ends_in(file, TABLES):
        # Not the reader of sources, which takes the word none for an empty cell; here it is a
        # label.
        for line, row in csv_table(file, known=known, remedy=CHECK_LABELS)[1]:
            yield f"{file}:{line}", row
        return
    for place, row in placed_rows(file):
        if not isinstance(row, dict):
            raise RecordError(
                f"{place}: wanted an object, got {type(row).__name__}; write each row as an object "
                "with named columns"
            )
        yield place, row


def text_in(row: dict[str, Any], column: str) -> str:
    """Raises ValueError where the column holds no text."""
    if not isinstance(value := row.get(column), str):
        raise ValueError(f"wanted a text {column!r}, got columns {column_names(row)}")
    return value


def one_of(row: dict[str, Any], column: str, words: dict[str, Any]) -> Any:
    """What the column's word stands for. Raises ValueError for another word."""
    word = str(row.get(column, "")).strip()
    if word not in words:
        raise ValueError(f"{column} is {excerpt(word)}; wanted {', '.join(map(repr, words))}")
    return words[word]
