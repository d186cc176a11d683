"""How well the rule of eval/must_have_rule.py tells a completion that holds a statement from one
that does not.

    python -m benchmarks.must_haves data/kqa/questions_w_answers.jsonl

Prints the share of K-QA's must-have statements that the physicians' own completions hold, and
answers to other questions.
"""

from __future__ import annotations

import sys
from pathlib import Path

from eval.must_have_rule import held
from records.rows import read_json_lines

SHIFTS = (7, 31, 50)
"""How far away the other questions' answers are taken."""


def shares(rows: list[dict[str, object]]) -> tuple[float, float, int]:
    """(held by the own completion, by others, statements)"""
    own, others = [], []
    for place, row in enumerate(rows):
        question, statements = str(row["Question"]), [str(one) for one in row["Must_have"]]  # type: ignore[attr-defined]
        own += held(str(row["Free_form_answer"]), question, statements)
        for shift in SHIFTS:
            # Of other questions: what these seem to hold is what the rule finds by chance.
            others += held(
                str(rows[(place + shift) % len(rows)]["Free_form_answer"]), question, statements
            )
    return sum(own) / len(own), sum(others) / len(others), len(own)


if __name__ == "__main__":
    found = shares([row for _, row in read_json_lines(Path(sys.argv[1]))])
    print(f"own answers {found[0]:.1%}, answers to other questions {found[1]:.1%}, n {found[2]}")
