"""Score a log: how much of what a model has said is called harmful, and how much of it declines.

    python examples/score_a_log.py LOG.jsonl

A row of the log is a prompt and a completion. No text is printed, only counts.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from primum import score


def main(path: str) -> Counter[str]:
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    verdicts = score((row["prompt"], row["completion"]) for row in rows)
    counts = Counter(verdict.label("default") or "unscored" for verdict in verdicts)
    counts.update(f"declines: {verdict.label('default/refusal')}" for verdict in verdicts)
    for name, count in counts.items():
        print(f"{count} of {len(rows)} {name}")
    return counts


if __name__ == "__main__":
    main(*sys.argv[1:])
