"""Results of finished runs in README.md, and the demo's report as a picture in docs/report.png.

    python -m benchmarks.readme                        # from benchmarks/results/runs.json
    python -m benchmarks.readme demo RUN [RUN ...]     # from finished runs, the first one in full

Runs are of one recipe with one seed each, as `primum run configs/demo.yaml --seeds 3` leaves them.
What is shown of them is kept in benchmarks/results/runs.json. The picture needs chromium.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from eval.endpoint import Endpoint
from eval.gate import judge
from eval.gate_result import SHOWN
from eval.report.sections.safety import safety_table
from eval.report.tables import Cell, change_cell, rate_cell, score_cell, spoken
from eval.report.text import aligned, turned_round
from eval.results.results import Results
from eval.results.stored import read_results
from pipeline.release_limits import release_settings
from records.run_files import RESULTS as RESULTS_FILE

Json = dict[str, Any]
RECIPES = {
    "demo": "configs/demo.yaml",
    "medsafetybench": "configs/medsafetybench_smollm2.yaml",
}
STORED = ROOT / "benchmarks" / "results" / "runs.json"
PAGE, PICTURE = ROOT / "README.md", ROOT / "docs" / "report.png"
START, END = "<!-- {name}, written by `python -m benchmarks.readme` -->", "<!-- end of {name} -->"
WINDOW = "1200,1500"
SHORT = 96
"""Letters of a gate's reason that are shown."""


def taken_from(run: Path) -> Json:
    """What the page shows of a finished run."""
    results = read_results(run / RESULTS_FILE.stage / RESULTS_FILE.name)
    policy = results.endpoint.policy
    gate = []
    for line in judge(results, policy, release_settings(run, []).gate):
        gate.append({"outcome": SHOWN[line.outcome], "line": f"{line.name}: {line.detail}"})
    return {
        "seed": results.provenance.get("seed"),
        "commit": results.provenance.get("commit"),
        "created": results.created,
        "table": aligned(turned_round(safety_table(results))),
        "by_seed": _by_seed(results, policy),
        "gate": gate,
    }


def _by_seed(results: Results, policy: str) -> Json:
    """Row to (the base's figure, the policy's)."""
    harmful = results.endpoint.suite
    wanted = [(harmful, "refusal_rate", rate_cell), (harmful, "harm_chance", rate_cell)]
    for suite in results.suite_names("benign"):
        wanted += [(suite, "over_refusal_rate", rate_cell), (suite, "relevance", score_cell)]
    titles = {
        "refusal_rate": "refused",
        "harm_chance": "chance of harm",
        "over_refusal_rate": "over-refused",
        "relevance": "relevance",
    }
    rows: Json = {}
    for suite, metric, to_cell in wanted:
        about = f"{spoken(suite)}: {titles[metric]}"
        rows[about] = [
            to_cell(results.metric(one, suite, metric)).value for one in ("base", policy)
        ]
        if metric in ("harm_chance", "over_refusal_rate"):
            change = results.change(Endpoint(policy, results.baseline, suite, metric))
            cell = change_cell(change) if change else Cell("not measured")
            # Without n, which stands in the table above.
            rows[f"{about}, change"] = ["", f"{cell.value} ({cell.detail.partition(', n ')[0]})"]
    return rows


def section(name: str, runs: list[Json]) -> str:
    """The part of README.md between a recipe's two marks."""
    first, several = runs[0], []
    if len(runs) > 1:
        several = [
            f"DPO in {len(runs)} runs that differ in their seed alone:",
            "",
            *_seeds(runs),
            "",
        ]
    start, end = START.format(name=name), END.format(name=name)
    shown = ["```text", *first["table"], "", *_gate_lines(first["gate"]), "```"]
    return "\n".join([start, "", *shown, "", *several, end])


def _gate_lines(gate: list[Json]) -> list[str]:
    passed = sum(line["outcome"] == "pass" for line in gate)
    lines = [f"release gate: {passed} of {len(gate)} lines pass; the others:"]
    for line in gate:
        if line["outcome"] != "pass":
            shown = line["line"]
            # At a word's end, so that the table keeps its width.
            shown = shown if len(shown) <= SHORT else f"{shown[:SHORT].rsplit(' ', 1)[0]} ..."
            lines.append(f"{line['outcome']:<12}  {shown}")
    return lines


def _seeds(runs: list[Json]) -> list[str]:
    lines = [
        "| | base | " + " | ".join(f"seed {run['seed']}" for run in runs) + " |",
        "|---|---|" + "---|" * len(runs),
    ]
    for about, (base, _) in runs[0]["by_seed"].items():
        cells = [run["by_seed"][about][1] for run in runs]
        lines.append("| " + " | ".join([about, base, *cells]) + " |")
    said = []
    for run in runs:
        failed = [line["line"] for line in run["gate"] if line["outcome"] == "FAIL"]
        said.append(f"declined: {'; '.join(failed)}" if failed else "released")
    return [*lines, "| " + " | ".join(["release gate", "", *said]) + " |"]


def document(page: str, stored: Json) -> str:
    """The page with the sections of these recipes replaced."""
    for name, runs in stored.items():
        before, _, rest = page.partition(START.format(name=name))
        page = before + section(name, runs) + rest.partition(END.format(name=name))[2]
    return page


def draw(run: Path) -> None:
    """The first screen of a run's report, made anew. Says so where there is no chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print(f"{PICTURE.name} stays as it is: chromium is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "report"
        primum = [sys.executable, "-m", "pipeline.cli"]
        subprocess.run([*primum, "report", str(run), "--output", str(made)], check=True)
        page = (made / "report.html").as_uri()
        # Chromium refuses its sandbox to root, as whom containers run.
        command = [chromium, "--headless", "--no-sandbox", "--hide-scrollbars"]
        shot = [f"--window-size={WINDOW}", f"--screenshot={PICTURE}", page]
        subprocess.run([*command, *shot], check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", choices=RECIPES, help="the recipe that the runs are of")
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    options = parser.parse_args()
    if options.name and not options.runs:
        parser.error(f"name the finished runs of {RECIPES[options.name]}")
    stored = json.loads(STORED.read_text()) if STORED.is_file() else {}
    if options.name:
        stored[options.name] = [taken_from(run) for run in options.runs]
        STORED.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
    if options.name == "demo":
        draw(options.runs[0])
    PAGE.write_text(document(PAGE.read_text(), stored))


if __name__ == "__main__":
    main()
