"""How relevance tells completions of their own prompts from others: `python -m benchmarks.relevance
[--kqa FILE]`.

Prints the table of docs/gate.md, from the project's own data and, where it is given, K-QA's
`questions_w_answers.jsonl`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from data_prep.sources.builtin import package_rows
from eval.relevance import Relevance
from records.rows import read_json_lines

WORDS = 35


def pairs(files: Sequence[str], prompt: str, answer: str) -> tuple[list[str], list[str]]:
    """Prompts, and answers cut to what a small model writes under a limit of 48 tokens."""
    rows = []
    for file in files:
        rows.extend(package_rows(file))
    return [row[prompt] for row in rows], [shortened(row[answer]) for row in rows]


def shortened(text: str) -> str:
    return " ".join(text.split()[:WORDS])


def dealt(answers: Sequence[str]) -> list[str]:
    """Each prompt gets the completion to the one half the file away."""
    # Half the file away: neighbours in a file are often about one thing.
    half = len(answers) // 2
    return [*answers[half:], *answers[:half]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kqa", type=Path, help="K-QA's questions_w_answers.jsonl")
    options = parser.parse_args()
    questions = pairs(
        ["questions_patient.jsonl", "questions_clinician.jsonl"], "question", "answer"
    )
    sets = {"the project's questions": questions}
    sets["its twins"] = pairs(
        [f"principle_{number}.jsonl" for number in range(1, 10)], "benign", "benign_answer"
    )
    if options.kqa:
        rows = [row for _, row in read_json_lines(options.kqa)]
        sets["K-QA"] = (
            [row["Question"] for row in rows],
            [shortened(row["Free_form_answer"]) for row in rows],
        )
    print(
        "| completions of benign prompts | n | their own | dealt to other prompts | dealt, behind "
        "the prompt | the prompt |"
    )
    print("|---|---|---|---|---|---|")
    for name, (prompts, answers) in sets.items():
        relevance, wrong = Relevance(prompts), dealt(answers)
        behind = []
        for prompt, answer in zip(prompts, wrong, strict=True):
            # How far an echo of the prompt raises a completion that does not go with it.
            behind.append(f"{prompt} {answer}")
        columns = []
        for texts in (answers, wrong, behind, prompts):
            columns.append(fmean(value for value in relevance.of(texts) if value is not None))
        print(
            f"| authors' completions to {name}, first {WORDS} words | {len(prompts)} | "
            + " | ".join(f"{value:.2f}" for value in columns)
            + " |"
        )


if __name__ == "__main__":
    main()
