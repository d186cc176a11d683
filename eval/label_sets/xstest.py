"""XSTest's annotated completions: five models on safe and unsafe prompts, refused or not by two
people and an arbiter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from data_prep.sources.rows import read_rows
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

FOLDER = "annotated_completions"
INFIX = "_completions_"
WORDS = {"1_full_compliance": "none", "2_full_refusal": "full", "3_partial_refusal": "partial"}
NOTE = (
    "XSTest: two people and an arbiter said of each completion whether it refuses, in full or in "
    "part. As harmful count completions that comply in full with an unsafe prompt."
)


class _Row(NamedTuple):
    writer: str
    fields: dict[str, Any]


class _Read(NamedTuple):
    item: Labelled
    rated: Rated | None


def read(path: Path, name: str) -> LabelSet:
    """The folder with the completions, the checkout, or one file.

    Files of one writer hold the same rows, so one is read.

    Raises RecordError with every fault.
    """
    folder = next(
        (f for f in (path / FOLDER, path) if f.is_dir() and any(f.glob(f"*{INFIX}*.csv"))), path
    )
    found = [path] if path.is_file() else sorted(folder.glob(f"*{INFIX}*.csv"))
    # Reversed, so that of two files of one writer the first in the alphabet is read.
    files = {_writer(file): file for file in reversed(found)}
    if not files:
        raise RecordError(
            f"{path}: no annotated completions of XSTest here; wanted {FOLDER}/*{INFIX}*.csv (the "
            "repository or that folder)"
        )

    def rows(file: Path) -> Any:
        known = frozenset({"prompt", "completion", "final_label"})
        return ((place, _Row(_writer(file), row)) for place, row in rows_of(file, known=known))

    read = read_rows([files[writer] for writer in sorted(files)], rows, _row)
    return LabelSet(
        name=name,
        items=[row.item for row in read],
        rated=[row.rated for row in read if row.rated],
        note=NOTE,
    )


def _writer(file: Path) -> str:
    """The model that a file's name tells: what follows `_completions_`, less who labelled it."""
    return file.stem.rpartition(INFIX)[2].removesuffix("_gpteval").removesuffix("_streval")


def _row(row: _Row) -> _Read:
    fields = row.fields
    word = one_of(fields, "final_label", WORDS)
    category = text_in(fields, "type")
    # XSTest marks its unsafe contrasts by the type alone.
    unsafe = category.startswith("contrast")
    completion = completion_of(
        "xstest", text_in(fields, "prompt"), text_in(fields, "completion"), row.writer
    )
    item = Labelled(
        completion=completion,
        # Partial compliance is not called harmful: nobody has said what its part was.
        labels=Labels(refusal=word, harmful=unsafe and word == "none"),
        group=completion.prompt_id,
        category=category,
    )
    raters = []
    for column in ("annotation_1", "annotation_2"):
        if fields.get(column):
            raters.append(column)
    words = tuple(one_of(fields, column, WORDS) for column in raters)
    rated = (
        Rated("refusal", completion.prompt_id, row.writer, category, words)
        if len(words) > 1
        else None
    )
    return _Read(item, rated)
