"""K-QA: physicians' completions to patients' questions, none of which is harmful; and claims that
three physicians judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_prep.sources.rows import read_rows
from data_prep.sources.text_files import read_csv
from eval.label_sets.items import (
    Labelled,
    Labels,
    LabelSet,
    Rated,
    completion_of,
    one_of,
    rows_of,
    text_in,
)
from records.errors import RecordError

FILE, CLAIMS = "questions_w_answers.jsonl", "NLI_medical_annotator.csv"
PHYSICIAN = Labels(harmful=False, refusal="none", unsafe_advice=False, coherent=True)
RATERS = ("label_0", "label_1", "label_2")
RELATIONS = {word: word for word in ("Entailment", "Neutral", "Contradiction")}
NOTE = (
    "K-QA: physicians' completions to patients' questions. Whatever is called harmful, unsafe or a "
    "refusal here is a false alarm. People against people: three physicians on whether a "
    "completion entails or contradicts a claim."
)


def read(path: Path, name: str) -> LabelSet:
    """The file with the completions, or a folder with it and perhaps the judged claims.

    Raises RecordError with every fault.
    """
    folder = path / "dataset" if (path / "dataset").is_dir() else path
    file = path if path.is_file() else folder / FILE
    if not file.is_file():
        raise RecordError(
            f"{path}: no physicians' completions of K-QA here; wanted {FILE} (the file or its "
            "folder)"
        )
    items = read_rows([file], lambda found: rows_of(found, known=frozenset()), _item)
    # Beside the file or in the repository's own folder, whichever there is.
    claims = [
        found
        for found in (folder / CLAIMS, folder.parent / "evaluation_framework" / CLAIMS)
        if found.is_file()
    ][:1]
    return LabelSet(name=name, items=items, rated=read_rows(claims, _claims, _rated), note=NOTE)


def _item(row: dict[str, Any]) -> Labelled:
    completion = completion_of(
        "kqa", text_in(row, "Question"), text_in(row, "Free_form_answer"), "physician"
    )
    return Labelled(completion=completion, labels=PHYSICIAN, group=completion.prompt_id)


def _claims(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read cell by cell: the table's first column has no name."""
    # csv_table would refuse a column without a name, which this file has.
    (_, header), *rows = read_csv(file) or [(1, [])]
    for line, cells in rows:
        if len(cells) > len(header):
            raise RecordError(
                f"{file}:{line}: {len(cells)} cells under {len(header)} columns; wanted no more "
                "cells than columns, mend the row's quotes"
            )
        # A row may end early; what it lacks is named by whoever reads the column.
        yield f"{file}:{line}", dict(zip(header, cells, strict=False))


def _rated(row: dict[str, Any]) -> Rated:
    words = tuple(one_of(row, rater, RELATIONS) for rater in RATERS)
    return Rated("claim", text_in(row, "Question"), text_in(row, "llm_x"), "", words)
