"""Seconds a step and peak memory of online training beside TRL's RLOO and GRPO: same prompts,
completions a prompt, tokens and rewards.

python -m benchmarks.rlhf --output benchmarks/results/rlhf.json [--model smollm2] [--prompts 8]
    [--generations 4] [--new-tokens 64]

Each contestant runs in a process of its own, one after the other, several rounds of all. The reward
is a count of letters, so that trainers are compared and no scorer. TRL's have gradient
checkpointing off and the settings that compute the same loss. Figures need a machine that does
nothing else.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import machine

CONTESTANTS = ("primum", "trl_rloo", "trl_grpo")


def compare(settings: dict[str, Any], rounds: int) -> dict[str, Any]:
    """All contestants, each in a process of its own, in turn."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    for _ in range(rounds):
        # In turn within a round: a machine that gets busy slows all alike.
        for name in CONTESTANTS:
            command = [
                sys.executable,
                "-m",
                "benchmarks.rlhf_worker",
                json.dumps(settings | {"contestant": name}),
            ]
            # A process each: peaks and imports of one must not be another's.
            made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            # The last line: libraries print before it.
            found[name].append(json.loads(made.stdout.splitlines()[-1]))
    summaries = {name: summary(made) for name, made in found.items()}
    return {
        "machine": machine("cpu", ("torch", "transformers", "trl", "peft")),
        "settings": settings,
        "contestants": summaries,
    }


def summary(rounds: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Medians over the steps of all rounds, and the highest peak."""
    steps = []
    for made in rounds:
        steps.extend(made["steps"])
    middle = {}
    for name in ("seconds", "cpu_seconds"):
        middle[name] = median(step[name] for step in steps)
    # The highest: memory that one round wants is memory that a user needs.
    return {**middle, "peak_gb": max(made["peak_gb"] for made in rounds)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--precision", choices=("32-true", "bf16-mixed"), default="32-true")
    for name, default in (
        ("prompts", 8),
        ("generations", 4),
        ("new-tokens", 64),
        ("steps", 3),
        ("rounds", 2),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--output", type=Path)
    options = vars(parser.parse_args())
    output, rounds = options.pop("output"), options.pop("rounds")
    found = compare(options, rounds)
    print(json.dumps(found["contestants"], indent=2))
    if output:
        output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
