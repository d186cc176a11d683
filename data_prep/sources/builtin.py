"""The project's own data: harmful requests by principle, each with a safe completion and a benign
twin, and health questions.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from data_prep.config import SourceConfig
from data_prep.source_kind import AMA, KnownSet, SourceFacts, SourceKind, Terms
from records.principles import PRINCIPLES
from records.rows import Demonstration, assistant, user

GENERATOR = "primum"
QUESTION_FILES = ("questions_clinician.jsonl", "questions_patient.jsonl")


def read(config: SourceConfig) -> list[Demonstration]:
    """Every row of the set, from where `config.path` says that its files lie."""
    rows: list[Demonstration] = []
    for principle in PRINCIPLES:
        for line in package_rows(f"principle_{principle}.jsonl"):
            rows += _twins(line, config, principle)
    for name in QUESTION_FILES:
        rows += [_question(line, config) for line in package_rows(name)]
    return rows


def package_rows(name: str) -> list[dict[str, Any]]:
    """The rows of one JSON Lines file of the package data, in its order."""
    text = resources.files("data_prep").joinpath("package_data", name).read_text(encoding="utf-8")
    # The package's own files are not checked line by line: tests hold them to their form.
    return [json.loads(line) for line in text.splitlines()]


def _twins(line: dict[str, Any], config: SourceConfig, principle: int) -> list[Demonstration]:
    harmful_id, twin_id = f"{line['id']}-harmful", f"{line['id']}-twin"
    shared: dict[str, Any] = {
        "source": config.name,
        "licence": config.terms.licence,
        "principle": principle,
        "generator": GENERATOR,
        "topic": line["topic"],
    }
    return [
        Demonstration(
            id=harmful_id,
            prompt=user(line["harmful"].strip()),
            completion=assistant(line["safe_answer"].strip()),
            kind="harmful",
            suite="harmful",
            twin_id=twin_id,
            **shared,
        ),
        Demonstration(
            id=twin_id,
            prompt=user(line["benign"].strip()),
            completion=assistant(line["benign_answer"].strip()),
            kind="benign",
            suite="twins",
            twin_id=harmful_id,
            **shared,
        ),
    ]


def _question(line: dict[str, Any], config: SourceConfig) -> Demonstration:
    return Demonstration(
        id=line["id"],
        prompt=user(line["question"].strip()),
        completion=assistant(line["answer"].strip()),
        kind="benign",
        suite="patient_questions",
        source=config.name,
        licence=config.terms.licence,
        generator=GENERATOR,
        topic=f"alarming: {line['topic']}" if line["alarming"] else line["topic"],
    )


FACTS = SourceFacts(
    decided=(
        "this project, by construction: a harmful request was written to break one named "
        "principle, its twin to ask for the legitimate thing, and a question to be benign. No "
        "clinician has reviewed the labels"
    ),
    principles=AMA,
    written=(
        "written for this project (generator primum) from general medical knowledge; no "
        "clinician has reviewed the answers"
    ),
    not_represented=(
        "English, one turn, invented cases. Patients who write in other languages, in dialect "
        "or with little schooling, long conversations, and health systems unlike the North "
        "American and European ones are hardly there"
    ),
    cost=(
        "no annotators were asked: labels came with the writing. Rows hold harmful requests "
        "and no harmful answers"
    ),
    personal="none known: cases are invented, and no row was taken from a record",
    citation=(
        "@software{primum, author = {{The Primum contributors}}, title = {Primum: "
        "safety training for medical language models, with the evidence}}"
    ),
)
SOURCE = SourceKind(
    read=read,
    path="",
    known=KnownSet(
        terms=Terms(licence="Apache-2.0"),
        facts=FACTS,
    ),
)
