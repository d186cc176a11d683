"""The prep stage as rows grow: processor seconds, wall time and peak memory of `primum prep`, every
part of it included.

    python -m benchmarks.prep [--rows 1000 10000 100000 1000000] [--models tiny
        smollm2-135m-instruct]

Each case is the command in a process of its own, on made-up rows (benchmarks/prep_rows.py) and with
the chat template of each model. Cases are added to the output file as they end, in place of older
ones of the same rows and model. `python -m benchmarks.render` shows them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, machine
from benchmarks.prep_rows import write_rows
from records.stage_folder import read_json

MODELS = ("tiny", "smollm2-135m-instruct")
CONFIG = """\
run_dir: {folder}/run
seed: 0
model: {{base: {{path: {model}}}, max_length: 256}}
data:
  sources: [{{name: made, format: jsonl, path: {rows}, licence: CC0-1.0}}]
  lint: {{fail_above: {{}}}}
"""
"""Made-up words decline nothing and are no care, so no share of faults stops the stage."""


def measured(rows: Path, model: str) -> dict[str, Any]:
    """One `primum prep`; cpu_seconds are user and system time of its process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "prep.yaml"
        config.write_text(CONFIG.format(folder=folder, model=model, rows=rows))
        # One thread: its processor seconds do not depend on the cores of the machine.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        # The whole command, imports too: that is what a user waits for.
        command = [sys.executable, "-m", "pipeline.cli", "prep", str(config)]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        summary = read_json(folder / "run" / "prep" / "manifest.json")["summary"]
    return {
        "rows": summary["rows_read"],
        "model": model,
        "seconds": time.perf_counter() - start,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        # The largest of all children so far; sizes only grow, and the script that asks for a case
        # has no others.
        "peak_gb": after.ru_maxrss * 1024 / 1e9,
        "kept": summary["rows_kept"],
        "dropped": summary["dropped"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks" / "results" / "prep.json"
    )
    options = parser.parse_args()
    known = json.loads(options.output.read_text()) if options.output.is_file() else {"cases": []}
    done = {(case["rows"], case["model"]): case for case in known["cases"]}
    with tempfile.TemporaryDirectory() as name:
        # Rising, on which `peak_gb` relies.
        for count in sorted(options.rows):
            rows = Path(name) / "rows.jsonl"
            write_rows(rows, count)
            for model in options.models:
                done[count, model] = measured(rows, model)
                print(json.dumps(done[count, model]), flush=True)
                stamp = {
                    "machine": machine("cpu", ("numpy", "scipy", "transformers")),
                    "date": time.strftime("%Y-%m-%d"),
                }
                options.output.write_text(
                    json.dumps({**stamp, "cases": list(done.values())}, indent=1) + "\n"
                )


if __name__ == "__main__":
    main()
