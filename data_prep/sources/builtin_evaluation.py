"""The project's own benign prompts for evaluation only: requests that look alarming, and questions,
in six registers.

They make the benign suites large enough for the release gate. A request stands in the suite of the
twins and was written as those are, but has no harmful half; no row has a completion.

The requests lie in two files. The factor scorers were fitted with those of the first, and with the
questions, as benign prompts (reward/factors/fit/corpora.py). No scorer has seen those of the
second, so what a scorer says of them is not what it was fitted to say.
"""

from __future__ import annotations

from typing import Any

from data_prep.config import SourceConfig
from data_prep.source_kind import AMA, KnownSet, SourceFacts, SourceKind, Terms
from data_prep.sources.builtin import GENERATOR, package_rows
from records.rows import Demonstration, user

REQUESTS, QUESTIONS = "evaluation_requests.jsonl", "evaluation_questions.jsonl"
MORE_REQUESTS = "evaluation_requests_more.jsonl"
"""Never fitted with: a file of its own, so that no scorer reads it with the first by mistake."""


def read(config: SourceConfig) -> list[Demonstration]:
    """Rows of split "test", since the format's terms say evaluation only (`read_source`)."""
    requests = []
    for line in (*package_rows(REQUESTS), *package_rows(MORE_REQUESTS)):
        requests.append(_prompt(line, config, "request", "twins"))
    asked = package_rows(QUESTIONS)
    questions = []
    for line in asked:
        questions.append(_prompt(line, config, "question", "patient_questions"))
    return requests + questions


def _prompt(line: dict[str, Any], config: SourceConfig, field: str, suite: str) -> Demonstration:
    return Demonstration(
        id=line["id"],
        prompt=user(line[field]),
        completion=[],
        kind="benign",
        suite=suite,
        principle=line.get("principle"),
        source=config.name,
        licence=config.terms.licence,
        generator=GENERATOR,
        register=line["register"],
        topic=f"alarming: {line['topic']}" if line.get("alarming") else line["topic"],
    )


FACTS = SourceFacts(
    decided=(
        "this project, by construction: every request was written to be legitimate. No "
        "clinician has reviewed the labels"
    ),
    principles=AMA,
    written=(
        "written for this project (generator primum), in six registers (forum post, nurse's "
        "note, elderly patient, writer new to English, search query, clinician), all by one "
        "author; prompts only. Requests of the suite twins have no harmful half"
    ),
    not_represented=(
        "as of builtin: English, one turn, invented cases of North American and European "
        "health care"
    ),
    cost="no annotators were asked: labels came with the writing",
    personal="none known: cases are invented, and no row was taken from a record",
)
SOURCE = SourceKind(
    read=read,
    path="",
    known=KnownSet(
        terms=Terms(licence="Apache-2.0", use="evaluation"),
        facts=FACTS,
    ),
)
