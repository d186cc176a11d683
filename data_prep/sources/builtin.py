"""The project's own data: harmful requests by principle, each with a safe completion and a benign
twin, and health questions.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from data_prep.config import SourceConfig
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
