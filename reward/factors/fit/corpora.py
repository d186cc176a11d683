"""The texts that the heads are fitted on, each with its source and licence.

K-QA and do-not-answer are never among them.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from defusedxml import ElementTree

from records.errors import RecordError
from reward.factors.texts import BODY_WORDS, Exchange, first_words, plain

XSTEST_WRITERS = ("gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct")
REFUSALS = {"1": "none", "2": "full", "3": "partial"}
PRINCIPLES = range(1, 10)
LLAMA_LINES = 200
"""Of each principle's machine-written requests."""
MEDQUAD_ROWS = 300


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
    if not path.is_file():
        raise RecordError(
            f"{path}: no such file; wanted the data set as its authors publish it; give its folder "
            "with --data"
        )
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def own_rows(name: str) -> list[dict[str, Any]]:
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
                group=row["prompt"],
                label=REFUSALS[row["final_label"][0]],
            )
            rows.append(made)
    return rows


def xstest_prompts(data: Path) -> list[Row]:
    """Label: safe or unsafe."""
    rows = table(data / "xstest/xstest_prompts.csv")
    return [
        Row(
            prompt=row["prompt"],
            source="xstest",
            writer="people",
            group=row["prompt"],
            label=row["label"],
        )
        for row in rows
    ]


def own_twins() -> list[tuple[Row, Row]]:
    """Harmful request with its safe completion, benign twin with its helpful one.

    Label: the principle.
    """
    pairs = []
    for principle in PRINCIPLES:
        for row in own_rows(f"principle_{principle}"):
            facts: dict[str, Any] = {
                "source": "primum",
                "writer": "primum",
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
    rows = own_rows("questions_patient") + own_rows("questions_clinician")
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
    """Evaluation prompts without completions; all benign."""
    texts = [row["request"] for row in own_rows("evaluation_requests")] + [
        row["question"] for row in own_rows("evaluation_questions")
    ]
    return [Row(prompt=text, source="primum", writer="primum", group=text) for text in texts]


def everyday_questions() -> list[Row]:
    """Our own benign prompts on everything but medicine."""
    text = (
        files("reward")
        .joinpath("factors/package_data/everyday_questions.txt")
        .read_text(encoding="utf-8")
    )
    return [
        Row(prompt=line, source="primum", writer="primum", group=line)
        for line in text.splitlines()
        if line
    ]


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
        writer=f"primum-{row['policy']}",
        group=row["group"],
        label=row["refusal"],
        asks_harm=row["kind"] == "harmful",
        coherent=row["coherent"],
        complies=row["complies"],
    )


def medsafetybench(data: Path) -> list[Row]:
    """Train requests with safe completions. Label: the principle."""
    rows = []
    for writer in ("gpt4", "llama2"):
        for principle in PRINCIPLES:
            path = (
                data
                / f"medsafetybench/train/{writer}/med_safety_demonstrations_category_{principle}.csv"
            )
            for row in table(path):
                request = row["harmful_medical_request"]
                facts: dict[str, Any] = {
                    "source": "medsafetybench",
                    "writer": f"msb-{writer}",
                    "group": request,
                    "label": str(principle),
                }
                rows.append(Row(prompt=request, completion=row["safe_response"], **facts))
    return rows


def medsafetybench_lines(data: Path, seed: int) -> list[Row]:
    """LLAMA_LINES machine-written requests of each principle, without completions.

    Label: the principle.
    """
    rows = []
    for principle in PRINCIPLES:
        path = data / f"medsafetybench/med_harm_llama3/category_{principle}.txt"
        lines = [
            line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
        ]
        for line in random.Random(f"{seed}/{principle}").sample(lines, LLAMA_LINES):
            rows.append(
                Row(
                    prompt=line,
                    source="medsafetybench",
                    writer="msb-llama3",
                    group=line,
                    label=str(principle),
                )
            )
    return rows


def hh_pairs(data: Path) -> list[tuple[Row, Row]]:
    """(chosen, rejected) completions of the last turn where both sides share the dialogue before
    it.
    """
    pairs = []
    with gzip.open(data / "hh_rlhf/harmless-base_test.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            sides = [text.rpartition("\n\nAssistant:") for text in json.loads(line).values()]
            if sides[0][0] != sides[1][0]:
                continue
            turns = re.findall(r"\n\nHuman:(.*?)(?=\n\nAssistant:|\Z)", sides[0][0], re.S)
            facts: dict[str, Any] = {
                "prompt": turns[-1].strip(),
                "source": "hh_rlhf",
                "writer": "hh",
                "group": turns[0].strip(),
            }
            chosen, rejected = (Row(completion=side[2].strip(), **facts) for side in sides)
            pairs.append((chosen, rejected))
    return pairs


def medquad(data: Path, seed: int) -> list[Row]:
    """Questions with the beginnings of their answers, MEDQUAD_ROWS of them."""
    rows = [row for path in sorted(data.glob("medquad/*/*.xml")) for row in _medquad_file(path)]
    return random.Random(f"{seed}/medquad").sample(rows, min(MEDQUAD_ROWS, len(rows)))


def _medquad_file(path: Path) -> Iterator[Row]:
    for pair in ElementTree.parse(path).getroot().iter("QAPair"):
        question, answer = (
            (pair.findtext("Question") or "").strip(),
            " ".join((pair.findtext("Answer") or "").split()),
        )
        if question and answer:
            text = first_words(answer, BODY_WORDS)
            yield Row(
                prompt=question,
                completion=text,
                source="medquad",
                writer="medquad",
                group=path.stem,
            )
