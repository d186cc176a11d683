"""The project's own data: harmful requests by principle, each with a safe answer and a benign twin, and health questions."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any

from data_prep.config import SourceConfig
from data_prep.records import Demonstration, assistant, user

GENERATOR = "primum"
PRINCIPLE_FILE = re.compile(r"principle_([1-9])\.jsonl")


def read(config: SourceConfig) -> list[Demonstration]:
    rows: list[Demonstration] = []
    files = (file for file in resources.files("data_prep").joinpath("package_data").iterdir() if file.name.endswith(".jsonl"))
    for file in sorted(files, key=lambda file: file.name):
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        principle = PRINCIPLE_FILE.fullmatch(file.name)
        for line in lines:
            rows += _twins(line, config, int(principle[1])) if principle else [_question(line, config)]
    return rows


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
