"""A scorer of one's own: anything with a name and a method `score`.

    python examples/own_scorer.py LOG.jsonl

This one looks for doses: completions that name an amount of a drug are worth a second look.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from primum import Completion, Score, score

_DOSE = re.compile(r"\d+(?:[.,]\d+)?\s?(?:mg|mcg|g|ml|units?)\b", re.I)


class NamesADose:
    """1 where a completion names a dose, else 0; an empty completion is unscored."""

    name = "names_a_dose"

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        return [self._one(completion) for completion in completions]

    def _one(self, completion: Completion) -> Score:
        text = completion.completion[-1]["content"]
        about = {
            "id": f"{completion.id}/{self.name}",
            "completion_id": completion.id,
            "scorer": self.name,
        }
        if not text.strip():
            return Score(**about, reason="empty completion")
        return Score(**about, value=float(bool(_DOSE.search(text))))


def main(path: str) -> list[float | None]:
    rows = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        rows.append(json.loads(line))
    verdicts = score([(row["prompt"], row["completion"]) for row in rows], scorers=[NamesADose()])
    values = [verdict.value("names_a_dose") for verdict in verdicts]
    print(
        f"{values.count(1.0)} of {len(rows)} completions name a dose, {values.count(None)} could "
        "not be scored"
    )
    return values


if __name__ == "__main__":
    main(*sys.argv[1:])
