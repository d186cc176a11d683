"""Which stages of finished runs took how long, and on what evaluation spent its tokens.

    python -m benchmarks.demo_shares runs/demo/seed-0 runs/demo/seed-1

Prints a Markdown table with a row a stage: seconds and share of each run, from the records of the
run itself; then the share of each suite in the tokens that evaluation wrote. A stage whose result
was shared with an earlier run shows the time of that run.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.run.registry import STAGES
from records.errors import ArtifactError
from records.run_files import MEASURED_COMPLETIONS
from records.stage_folder import read_json


def seconds_by_stage(run: Path) -> dict[str, float]:
    """In the order of a run. Raises ArtifactError for what is no run."""
    found = {}
    # By the registry, as times of beginning mislead where a stage was shared with an earlier run.
    for name in STAGES:
        path = run / name / "manifest.json"
        if path.is_file():
            found[name] = float(read_json(path)["summary"]["seconds"])
    if not found:
        raise ArtifactError(f"{run}: holds no finished stage; name the folder of a run")
    return found


def tokens_by_suite(run: Path) -> Counter[str]:
    """What all policies together wrote in evaluation."""
    tokens: Counter[str] = Counter()
    for row in MEASURED_COMPLETIONS.read(run / MEASURED_COMPLETIONS.stage):
        tokens[row.suite] += row.num_tokens
    return tokens


def table(head: str, unit: str, runs: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """A column a run: the figure and its share of the run's sum."""
    names = list(dict.fromkeys(name for _, found in runs for name in found))
    lines = [f"| {head} | " + " | ".join(title for title, _ in runs) + " |"]
    lines.append("|---" * (len(runs) + 1) + "|")
    for name in [*names, "all"]:
        cells = []
        for _, found in runs:
            total = sum(found.values())
            value = total if name == "all" else found.get(name)
            share = 0.0 if value is None else 100 * value / total
            cells.append("-" if value is None else f"{value:,.0f}{unit}, {share:.0f} %")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(words: Sequence[str]) -> None:
    """Print both tables of the runs that are named."""
    runs = [Path(word) for word in words]
    print(table("stage", " s", [(run.name, seconds_by_stage(run)) for run in runs]))
    print()
    print(table("suite", " tokens", [(run.name, tokens_by_suite(run)) for run in runs]))


if __name__ == "__main__":
    main(sys.argv[1:])
