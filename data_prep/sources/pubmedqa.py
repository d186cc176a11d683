"""pubmedqa/pubmedqa: questions on an abstract with its conclusion as answer; the ids of
test_ground_truth.json are for evaluation only.
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.config import SourceConfig
from data_prep.source_kind import KnownSet, SourceFacts, SourceKind, Terms
from data_prep.sources.rows import default_suite, read_rows, single_turn
from data_prep.sources.text_files import read_json_file
from records.errors import RecordError
from records.excerpts import column_names, excerpt
from records.rows import Demonstration, Split

DATA, TEST = "ori_pqal.json", "test_ground_truth.json"


class Row(NamedTuple):
    fields: Any
    is_test: bool


def read(config: SourceConfig) -> list[Demonstration]:
    """Every row of the set, from where `config.path` says that its files lie."""
    path = Path(config.path)
    root = path / "data" if (path / "data").is_dir() else path
    file = path if path.is_file() else root / DATA
    if not file.is_file():
        raise RecordError(
            f"{path}: no PubMedQA here; wanted {DATA} (the repository, its data/ folder, or the "
            "file itself)"
        )
    test = _test_ids(file.parent / TEST, config)
    return read_rows(
        [file], lambda file: _rows(file, test), lambda row: _demonstration(row, config)
    )


def _test_ids(file: Path, config: SourceConfig) -> Set[str]:
    # Without the list of ids the test part would be trained on without a word.
    if not file.is_file() and not config.is_for_evaluation:
        raise RecordError(
            f"{file}: no such file, and nothing else tells the test part; put it there, or set "
            "evaluation_only: true"
        )
    return _object(file).keys() if file.is_file() else set()


def _rows(file: Path, test: Set[str]) -> list[tuple[str, Row]]:
    found: list[tuple[str, Row]] = []
    for pmid, fields in _object(file).items():
        found.append((f"{file}: pmid {pmid}", Row(fields, pmid in test)))
    return found


def _object(file: Path) -> dict[str, Any]:
    table = read_json_file(file, wanted="an object by PubMed id")
    if not isinstance(table, dict):
        raise RecordError(f"{file}: wanted an object by PubMed id, got {type(table).__name__}")
    return table


def _demonstration(row: Row, config: SourceConfig) -> Demonstration:
    fields = row.fields if isinstance(row.fields, dict) else {}
    question, contexts, answer = (
        fields.get("QUESTION"),
        fields.get("CONTEXTS"),
        fields.get("LONG_ANSWER"),
    )
    if (
        not isinstance(question, str)
        or not isinstance(contexts, list)
        or not isinstance(answer, str | None)
    ):
        raise ValueError(
            "wanted QUESTION, a list CONTEXTS and LONG_ANSWER, got "
            f"{column_names(fields) if fields else excerpt(row.fields)}"
        )
    if not question.strip():
        raise ValueError("empty QUESTION")
    # The question comes last, behind its abstract, as the prompt ends with what is asked.
    request = "\n\n".join(str(text).strip() for text in (*contexts, question))
    split: Split = "test" if row.is_test else "train"
    return single_turn(
        config, request, answer, kind="benign", suite=default_suite(config, "benign"), split=split
    )


FACTS = SourceFacts(
    decided="nobody row by row: questions on published research are taken as benign",
    principles="none is named",
    written=(
        "questions and abstracts by the authors of PubMed articles; yes, no or maybe by "
        "annotators (Jin and others 2019)"
    ),
    not_represented="English; researchers' questions, no patient's",
    cost="none known: it holds no harmful text",
    personal="none known: published abstracts",
    citation=(
        "@inproceedings{jin2019pubmedqa, author = {Jin, Qiao and Dhingra, Bhuwan and Liu, "
        "Zhengping and Cohen, William and Lu, Xinghua}, title = {{PubMedQA}: A Dataset "
        "for Biomedical Research Question Answering}, booktitle = {EMNLP-IJCNLP}, year = "
        "{2019}}"
    ),
)
SOURCE = SourceKind(
    read=read,
    known=KnownSet(
        terms=Terms(licence="MIT", use="parts"),
        facts=FACTS,
        names={
            "pubmedqa|oripqal": Terms(
                licence="MIT", use="evaluation", title="PubMedQA", reader="pubmedqa"
            )
        },
    ),
)
