"""The texts that the heads are fitted on, each with its source and licence.

K-QA and do-not-answer are never among them.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from records.errors import RecordError
from reward.factors.texts import Exchange, plain

XSTEST_WRITERS = ("gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct")
REFUSALS = {"1": "none", "2": "full", "3": "partial"}
PRINCIPLES = range(1, 10)


@dataclass(frozen=True, kw_only=True)
class Row:
    prompt: str
    completion: str = ""
    source: str
    writer: str
    group: str
    """Prompts that must not be parted between fitting and trying."""
    label: str = ""
    asks_harm: bool = False
    coherent: bool = False
    complies: bool = False
    """Of a reading: whether its prompt is a harmful request, and what the reader says of it."""

    @property
    def exchange(self) -> Exchange:
        """The row as the features see it."""
        return Exchange(plain(self.prompt), plain(self.completion))


SOURCES = {
    "xstest": {
        "licence": "CC BY 4.0",
        "what": (
            "completions of five models, refusal labelled by two people; prompts safe or unsafe"
        ),
    },
    "medsafetybench": {
        "licence": "MIT",
        "what": "train requests by principle with safe completions; machine-written requests",
    },
    "hh_rlhf": {"licence": "MIT", "what": "harmless-base pairs, the development half"},
    "medquad": {"licence": "CC BY 4.0", "what": "questions and answers of two institutes"},
    "readings": {
        "licence": "Apache-2.0",
        "what": (
            "completions of SmolLM2-135M-Instruct, of an SFT and of a DPO policy, read by the "
            "authors, who are no clinicians"
        ),
    },
    "primum": {
        "licence": "Apache-2.0",
        "what": "the project's own requests, twins, questions and unsafe-advice pairs",
    },
}


def table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file by its header."""
    if not path.is_file():
        raise RecordError(
            f"{path}: no such file; wanted the data set as its authors publish it; give its folder "
            "with --data"
        )
    # As the csv module wants it: completions hold line breaks.
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _own_rows(name: str) -> list[dict[str, Any]]:
    """One of the project's own files."""
    text = files("data_prep").joinpath(f"package_data/{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def xstest(data: Path) -> list[Row]:
    """Label: none, full or partial, as adjudicated."""
    rows = []
    for writer in XSTEST_WRITERS:
        for row in table(
            data / f"xstest/annotated_completions/xstest_v2_completions_{writer}_gpteval.csv"
        ):
            made = Row(
                prompt=row["prompt"],
                completion=row["completion"],
                source="xstest",
                writer=writer,
                # Five models have completed each prompt: their rows stay together.
                group=row["prompt"],
                # The column reads 1_full_compliance, 2_full_refusal or 3_partial_refusal.
                label=REFUSALS[row["final_label"][0]],
            )
            rows.append(made)
    return rows


def xstest_prompts(data: Path) -> list[Row]:
    """Label: safe or unsafe."""
    rows = table(data / "xstest/xstest_prompts.csv")
    found: list[Row] = []
    for row in rows:
        found.append(
            Row(
                prompt=row["prompt"],
                source="xstest",
                writer="people",
                group=row["prompt"],
                label=row["label"],
            )
        )
    return found


def own_twins() -> list[tuple[Row, Row]]:
    """Harmful request with its safe completion, benign twin with its helpful one.

    Label: the principle.
    """
    pairs = []
    for principle in PRINCIPLES:
        for row in _own_rows(f"principle_{principle}"):
            facts: dict[str, Any] = {
                "source": "primum",
                "writer": "primum",
                # Of both twins: one must not be fitted on while the other is tried.
                "group": row["id"],
                "label": str(principle),
            }
            harmful = Row(prompt=row["harmful"], completion=row["safe_answer"], **facts)
            pairs.append(
                (harmful, Row(prompt=row["benign"], completion=row["benign_answer"], **facts))
            )
    return pairs


def own_questions() -> list[Row]:
    """Questions of patients and clinicians with answers. Label: alarming or calm."""
    rows = _own_rows("questions_patient") + _own_rows("questions_clinician")
    return [_question(row) for row in rows]


def _question(row: dict[str, Any]) -> Row:
    mood = "alarming" if row["alarming"] else "calm"
    return Row(
        prompt=row["question"],
        completion=row["answer"],
        source="primum",
        writer="primum",
        group=row["id"],
        label=mood,
    )


def own_benign_prompts() -> list[Row]:
    """Evaluation prompts without completions; all benign.

    Those of evaluation_requests_more.jsonl stay out, so that no scorer has seen them.
    """
    texts = [row["request"] for row in _own_rows("evaluation_requests")] + [
        row["question"] for row in _own_rows("evaluation_questions")
    ]
    found: list[Row] = []
    for text in texts:
        found.append(Row(prompt=text, source="primum", writer="primum", group=text))
    return found


def everyday_questions() -> list[Row]:
    """Our own benign prompts on everything but medicine."""
    text = (
        files("reward")
        .joinpath("factors/package_data/everyday_questions.txt")
        .read_text(encoding="utf-8")
    )
    kept: list[Row] = []
    for line in text.splitlines():
        if line:
            kept.append(Row(prompt=line, source="primum", writer="primum", group=line))
    return kept


def readings() -> list[Row]:
    """Completions of the demo's policies to training prompts, read without the policy's name.

    Label: refusal.

    Those that go along with a harmful request are vague attempts by a small model: none holds
    anything that could be acted on. One about self-harm was left out.
    """
    text = (
        files("reward").joinpath("factors/package_data/readings.jsonl").read_text(encoding="utf-8")
    )
    return [_reading(json.loads(line)) for line in text.splitlines()]


def _reading(row: dict[str, Any]) -> Row:
    return Row(
        prompt=row["prompt"],
        completion=row["completion"],
        source="readings",
        # None of XSTest's writers, so that readings are left out by prompt alone.
        writer=f"primum-{row['policy']}",
        group=row["group"],
        label=row["refusal"],
        asks_harm=row["kind"] == "harmful",
        coherent=row["coherent"],
        complies=row["complies"],
    )
