"""abachaa/MedQuAD: questions and answers of NIH websites, one XML file a topic, in a collection's
folder or a checkout of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from data_prep.config import SourceConfig
from data_prep.source_kind import KnownSet, SourceFacts, SourceKind, Terms
from data_prep.sources.rows import default_suite, read_rows, single_turn
from records.errors import RecordError
from records.regular_files import read_whole
from records.rows import Demonstration


class Row(NamedTuple):
    question: str
    answer: str
    topic: str
    collection: str


def read(config: SourceConfig) -> list[Demonstration]:
    """A pair whose completion upstream took out for copyright is a prompt without a completion."""
    path = Path(config.path)
    files = (
        [path]
        if path.is_file()
        else sorted(file for file in path.rglob("*") if file.suffix.lower() == ".xml")
    )
    if not files:
        raise RecordError(
            f"{path}: no .xml file here or below; point data.sources.path at a collection "
            "(5_NIDDK_QA) or the repository"
        )
    return read_rows(files, _rows, lambda row: _demonstration(row, config))


def _rows(file: Path) -> Iterator[tuple[str, Row]]:
    """Some files write their tags in lower case: <pair>, <question>, <answer>."""
    try:
        # forbid_dtd: entities of a document type can expand to gigabytes or read local files.
        root = ElementTree.fromstring(read_whole(file), forbid_dtd=True)
    except OSError as error:
        raise RecordError(
            f"{file}: cannot be read ({error.strerror}); check data.sources.path"
        ) from error
    except ElementTree.ParseError as error:
        raise RecordError(
            f"{file}:{error.position[0]}: not XML ({error}); mend or remove the file"
        ) from error
    except DefusedXmlException as error:
        raise RecordError(
            f"{file}: declares a document type or entities, which MedQuAD's files do not; remove "
            "the file"
        ) from error
    except (
        LookupError,
        ValueError,
    ) as error:  # of an encoding that is unknown, or that the parser cannot read
        raise RecordError(
            f"{file}: not XML in an encoding that can be read ({error}); save it as UTF-8"
        ) from error
    # Any other XML would give no rows, without a word.
    if root.find("QAPairs") is None and root.find("qaPairs") is None:
        raise RecordError(
            f"{file}: no file of MedQuAD; wanted Document/QAPairs/QAPair with Question and Answer"
        )
    pairs = (element for element in root.iter() if element.tag.lower() in ("qapair", "pair"))
    for number, pair in enumerate(pairs, start=1):
        parts = {part.tag.lower(): part for part in pair}
        question, answer = parts.get("question"), parts.get("answer")
        name = question.get("qid") if question is not None else None
        topic = question.get("qtype", "") if question is not None else ""
        yield (
            f"{file}: question {name or number}",
            Row(_text(question), _text(answer), topic, file.parent.name),
        )


def _text(element: Any) -> str:
    """The text inside, without the indentation that page layouts left in it."""
    text = "" if element is None else "".join(element.itertext())
    # Line by line, so that paragraphs survive while the indentation goes.
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _demonstration(row: Row, config: SourceConfig) -> Demonstration:
    columns = {"generator": row.collection or "nih", "topic": row.topic}
    return single_turn(
        config,
        row.question,
        row.answer,
        kind="benign",
        suite=default_suite(config, "benign"),
        **columns,
    )


FACTS = SourceFacts(
    decided=(
        "nobody row by row: questions on pages of the United States' National Institutes of "
        "Health are taken as benign"
    ),
    principles="none is named",
    written=(
        "answers by the editors of NIH websites; questions made from the pages' headings by "
        "the authors' patterns (Ben Abacha and Demner-Fushman 2019)"
    ),
    not_represented=(
        "English, one turn, encyclopaedic; no question in a patient's own words, and health "
        "care as in the United States"
    ),
    cost="none known: it holds no harmful text",
    personal="none known: pages for the public",
    citation=(
        "@article{benabacha2019question, author = {Ben Abacha, Asma and Demner-Fushman, "
        "Dina}, title = {A Question-Entailment Approach to Question Answering}, journal = "
        "{BMC Bioinformatics}, volume = {20}, number = {1}, pages = {511}, year = "
        "{2019}}"
    ),
)
SOURCE = SourceKind(
    read=read,
    known=KnownSet(
        terms=Terms(
            licence="CC-BY-4.0",
            note="questions and answers of NIH websites; the licence asks for attribution",
        ),
        facts=FACTS,
    ),
)
