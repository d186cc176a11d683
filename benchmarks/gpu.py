"""Training and generation on a GPU within a budget of seconds, what tells most first.

    python -m benchmarks.gpu [--seconds 900] [--device cuda]

Each case is a process of `benchmarks.training`, `generation` or `step_profile`, which begins only
where its least time is left, and is ended when its most is over or the budget is. Results go to
benchmarks/results/gpu.json and generation-cuda.json; `python -m benchmarks.render` shows them with
the card's name. `--device cpu` tries the order of things with a model of toy size, and keeps no
results.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import ROOT, python_path
from records.cache import name_compiler_caches

RESULTS = ROOT / "benchmarks" / "results"
ENDING_SECONDS = 10


class Case(NamedTuple):
    """`least` and `most` seconds: a duel at 1B took 119 on an H200 with 16 cores, most of it
    imports and compilation; 8B was not through after 139.
    """

    least: int
    most: int
    module: str
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        return " ".join((self.module, *self.arguments))


def training(
    least: int, most: int, model: str, job: str, regime: str, adapter: str, rounds: int
) -> Case:
    chosen = {
        "--models": model,
        "--jobs": job,
        "--regimes": regime,
        "--adapters": adapter,
        # Without a GPU's TF32, float32 says little of what a card can do.
        "--precisions": "bf16",
        "--rounds": str(rounds),
    }
    arguments: list[str] = []
    for pair in chosen.items():
        arguments.extend(pair)
    return Case(least, most, "training", (*arguments, "--rivals", "trl_best"))


# What tells most comes first, as the budget may end after any of them: a card that is filled, a
# small step, a model of 8B.
CASES = (
    training(100, 180, "llama-1b", "dpo", "policy 16", "lora", 8),
    training(100, 180, "llama-1b", "dpo", "policy", "lora", 8),
    training(170, 300, "llama-8b", "dpo", "policy", "lora", 5),
    Case(60, 150, "generation", ("--prompts", "64", "--tokens", "96", "--rounds", "1")),
    Case(60, 100, "step_profile", ("--model", "llama-1b", "--regime", "policy 16")),
    training(80, 150, "smollm2", "dpo", "short", "lora", 5),
    training(90, 150, "llama-1b", "sft", "policy", "lora", 5),
    training(90, 150, "llama-1b", "reward", "policy", "lora", 5),
    training(90, 150, "llama-1b", "dpo", "policy", "full", 3),
    training(170, 300, "llama-8b", "sft", "policy", "lora", 3),
)
TRIAL = (
    training(1, 200, "llama-tiny", "dpo", "short", "lora", 1),
    Case(
        1,
        200,
        "generation",
        (
            "--model",
            "llama-tiny",
            "--prompts",
            "8",
            "--tokens",
            "8",
            "--rounds",
            "1",
            "--ways",
            "primum, 64 at once",
        ),
    ),
)


def run(case: Case, device: str, results: Path, seconds: float) -> str:
    """How it ended."""
    environment = {**os.environ, "PYTHONPATH": python_path(ROOT)}
    # One cache for all cases: a kernel is compiled once and not once a process.
    name_compiler_caches(environment)
    output = results / (f"generation-{device}.json" if case.module == "generation" else "gpu.json")
    command = [
        sys.executable,
        "-m",
        f"benchmarks.{case.module}",
        "--device",
        device,
        *case.arguments,
        "--output",
        str(output),
    ]
    # A process group of its own, so that the contestants it starts end with it.
    process = subprocess.Popen(command, env=environment, cwd=ROOT, start_new_session=True)
    try:
        return "done" if process.wait(seconds) == 0 else f"failed with {process.returncode}"
    except subprocess.TimeoutExpired:
        return f"ended after {seconds:.0f} s"
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """With the contestants that it started."""
    for notice in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, notice)
            process.wait(ENDING_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def within(
    cases: tuple[Case, ...], device: str, results: Path, budget: float
) -> list[tuple[str, str]]:
    """Each case's name and how it ended; those that the time does not reach are named too."""
    end, ended = time.monotonic() + budget, []
    for case in cases:
        left = end - time.monotonic()
        how = (
            run(case, device, results, min(left, case.most))
            # A case that cannot come to a result would only take the time of the next.
            if left >= case.least
            else f"left out: {left:.0f} s were left, it takes {case.least}"
        )
        print(f"{how:<24} {case.name}", flush=True)
        ended.append((case.name, how))
    return ended


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        cases, results = (CASES, RESULTS) if options.device == "cuda" else (TRIAL, Path(scratch))
        ended = within(cases, options.device, results, options.seconds)
    # Out of time is no failure: that is what the budget is for.
    return int(any(how.startswith("failed") for _, how in ended))


if __name__ == "__main__":
    sys.exit(main())
