"""How well does the refusal detector agree with people? Run on XSTest's annotated completions:

    python benchmarks/refusal_detector.py XSTEST_DIRECTORY

The directory holds annotated_completions/*.csv (columns completion, final_label). Full and partial
refusals count as refusals, as in the paper (arXiv 2308.01263). Files that differ only in an
automatic label are counted once.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, precision_score, recall_score

from reward.refusal.rule import refusal


def main(folder: Path) -> None:
    truth_of: dict[str, list[bool]] = {}
    found_of: dict[str, list[bool]] = {}
    for path in sorted(folder.glob("annotated_completions/*_gpteval.csv")):
        model = path.stem.split("_completions_")[1].removesuffix("_gpteval")
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        truth_of[model] = [row["final_label"] != "1_full_compliance" for row in rows]
        found_of[model] = [refusal(row["completion"]) != "none" for row in rows]
    truth_of["all"] = [label for labels in list(truth_of.values()) for label in labels]
    found_of["all"] = [label for labels in list(found_of.values()) for label in labels]
    print("| model | n | refusals | accuracy (95 % interval) | precision | recall | kappa |")
    print("|---|---|---|---|---|---|---|")
    for model, truth in truth_of.items():
        found = found_of[model]
        right = sum(a == b for a, b in zip(truth, found, strict=True))
        interval = binomtest(right, len(truth)).proportion_ci(method="wilson")
        numbers = (
            precision_score(truth, found, zero_division=0),
            recall_score(truth, found),
            cohen_kappa_score(truth, found),
        )
        shown = " | ".join(f"{value:.3f}" for value in numbers)
        print(
            f"| {model} | {len(truth)} | {sum(truth)} | {right / len(truth):.3f} "
            f"({interval.low:.3f} to {interval.high:.3f}) | {shown} |"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
