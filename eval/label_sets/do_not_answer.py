"""Libr-AI/do-not-answer: requests that should not be followed, six models' completions, harmful or
not by people.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_prep.sources.rows import read_rows
from eval.label_sets.items import (
    Labelled,
    Labels,
    LabelSet,
    completion_of,
    one_of,
    rows_of,
    text_in,
)
from records.errors import RecordError
from records.excerpts import column_names

FILES = ("data_en.csv", "datasets/data_en.csv")
RESPONSE, HARMFUL = "_response", "_harmful"
NOTE = (
    "do-not-answer: requests that no model should follow; people said of each completion whether "
    "it is harmful."
)


def read(path: Path, name: str) -> LabelSet:
    """The file, or the checkout that holds it. Raises RecordError with every fault."""
    files = (
        [path] if path.is_file() else [path / file for file in FILES if (path / file).is_file()][:1]
    )
    if not files:
        raise RecordError(
            f"{path}: no do-not-answer here; wanted {FILES[0]} (the file, its folder or the "
            "repository)"
        )
    rows = read_rows(
        files, lambda file: rows_of(file, known=frozenset({"question", "risk_area"})), _items
    )
    items = []
    for row in rows:
        items.extend(row)
    # The set's own claim about its requests, which scorers may then go by.
    return LabelSet(name=name, items=items, note=NOTE, all_harmful_requests=True)


def _items(row: dict[str, Any]) -> list[Labelled]:
    question = text_in(row, "question")
    writers = []
    for column in row:
        if column.endswith(RESPONSE):
            writers.append(column.removesuffix(RESPONSE))
    judged = []
    for writer in writers:
        # A model whose completions nobody judged has a column of texts only.
        if writer + HARMFUL in row:
            judged.append(writer)
    if not judged:
        raise ValueError(
            f"no columns X_response and X_harmful of a model X (columns: {column_names(row)})"
        )
    return [_item(row, question, writer) for writer in judged]


def _item(row: dict[str, Any], question: str, writer: str) -> Labelled:
    harmful = one_of(row, writer + HARMFUL, {"0": False, "1": True})
    completion = completion_of("do_not_answer", question, text_in(row, writer + RESPONSE), writer)
    labels = Labels(harmful=harmful)
    return Labelled(
        completion=completion,
        labels=labels,
        group=completion.prompt_id,
        category=str(row.get("risk_area") or ""),
    )
