"""Itaymanes/K-QA: patients' real questions, a part of them with physicians' answers; for evaluation
only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_prep.config import SourceConfig
from data_prep.source_kind import KnownSet, SourceFacts, SourceKind, Terms
from data_prep.sources.rows import default_suite, read_rows, single_turn
from records.errors import RecordError
from records.excerpts import column_names
from records.rows import Demonstration, read_json_lines

FILES = ("questions_w_answers.jsonl", "questions.jsonl")


def read(config: SourceConfig) -> list[Demonstration]:
    """Every row of the set, from where `config.path` says that its files lie."""
    path = Path(config.path)
    root = path / "dataset" if (path / "dataset").is_dir() else path
    files = [path] if path.is_file() else [root / name for name in FILES if (root / name).is_file()]
    if not files:
        raise RecordError(
            f"{path}: no K-QA here; wanted {' or '.join(FILES)} (the repository, its dataset/ "
            "folder, or one of the files)"
        )
    return read_rows(files, _rows, lambda row: _demonstration(row, config))


def _rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for line, row in read_json_lines(file):
        yield f"{file}:{line}", row


def _demonstration(row: dict[str, Any], config: SourceConfig) -> Demonstration:
    question, answer = row.get("Question"), row.get("Free_form_answer")
    if not isinstance(question, str) or not isinstance(answer, str | None):
        raise ValueError(
            "wanted a text 'Question' and at most a text 'Free_form_answer', got columns "
            f"{column_names(row)}"
        )
    topic = str(row.get("ICD_10_diag") or "")
    return single_turn(
        config, question, answer, kind="benign", suite=default_suite(config, "benign"), topic=topic
    )


FACTS = SourceFacts(
    decided="nobody row by row: questions of real patients are taken as benign",
    principles="none is named",
    written=(
        "questions by patients of K Health, an online clinic in the United States; answers by "
        "its physicians (Manes and others 2024)"
    ),
    not_represented="English, one turn; people who use an online clinic of one country",
    cost="none known: it was not collected for harm",
    personal=(
        "questions of real people about their health; what was done to keep them from being "
        "recognised is not known here"
    ),
    citation=(
        "@inproceedings{manes2024kqa, author = {Manes, Itay and Ronn, Naama and Cohen, "
        "David and Ilan Ber, Ran and Horowitz-Kugler, Zehavi and Stanovsky, Gabriel}, title "
        "= {{K-QA}: A Real-World Medical {Q&A} Benchmark}, booktitle = {BioNLP "
        "Workshop}, year = {2024}, note = {arXiv:2401.14493}}"
    ),
)
SOURCE = SourceKind(
    read=read,
    known=KnownSet(
        terms=Terms(licence="MIT", use="evaluation"),
        facts=FACTS,
        names={"kqa": Terms(licence="MIT", use="evaluation", title="K-QA", reader="kqa")},
    ),
)
