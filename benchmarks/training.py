"""Training speed and memory beside TRL: SmolLM2-135M, the same rows, batch, adapter and arithmetic, on this machine's CPU.

    python -m benchmarks.training [--jobs dpo sft reward] [--regimes short policy long] [--adapters lora full]
                                   [--precisions fp32 bf16] [--rounds 3] [--output benchmarks/results/training.json]

Contestants are processes that take turns step by step, two at a time, so that a busy machine slows both alike. `trl` is TRL's trainer as
it comes; `trl_best` has gradient checkpointing off and, for DPO, the reference precomputed. The time of precomputing the reference is in
nobody's step. A ratio is the median of the rounds' ratios; figures are for one optimiser step.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.training_cases import REGIMES

ROOT = Path(__file__).parent.parent
WARM_UP = 1


class Contestant:
    """A process with its own trainer, which takes one step a call."""

    def __init__(self, name: str, case: dict[str, Any]) -> None:
        self.name = name
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(case["threads"]), "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, "-m", "benchmarks.training_worker", json.dumps({**case, "contestant": name})]
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  open as long as the process runs
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment, cwd=ROOT
        )
        self._read()

    def step(self) -> dict[str, float]:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._read()

    def stop(self) -> float:
        """Peak memory in GB."""
        assert self.process.stdin
        self.process.stdin.close()
        peak = self._read()["peak_gb"]
        self.process.wait()
        return peak

    def _read(self) -> dict[str, float]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise SystemExit(f"{self.name} ended early:\n{self.log.read()[-4000:]}")
        return json.loads(line)


def duel(case: dict[str, Any], rival: str, rounds: int) -> dict[str, Any]:
    """Primum and one rival, step by step in turn."""
    names = ("primum", rival)
    contestants = [Contestant(name, case) for name in names]
    for _, contestant in itertools.product(range(WARM_UP), contestants):
        contestant.step()
    taken = [[contestant.step() for contestant in contestants] for _ in range(rounds)]
    peaks = [contestant.stop() for contestant in contestants]
    result: dict[str, Any] = {"rounds": rounds}
    for k, name in enumerate(names):
        seconds = sorted(turn[k]["seconds"] for turn in taken)
        result[name] = {
            "seconds": {"min": seconds[0], "median": statistics.median(seconds), "max": seconds[-1]},
            "cpu_seconds": statistics.median(turn[k]["cpu_seconds"] for turn in taken),
            "peak_gb": peaks[k],
        }
    ratios = sorted(turn[1]["seconds"] / turn[0]["seconds"] for turn in taken)
    result["speed_ratio"] = {"min": ratios[0], "median": statistics.median(ratios), "max": ratios[-1]}
    result["memory_ratio"] = peaks[0] / peaks[1]
    return result


def machine() -> dict[str, Any]:
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    packages = {name: version(name) for name in ("torch", "transformers", "trl", "peft", "pytorch-lightning")}
    return {"processor": model, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version(), **packages}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", nargs="+", default=["dpo", "sft", "reward"], choices=["dpo", "sft", "reward"])
    parser.add_argument("--regimes", nargs="+", default=list(REGIMES), choices=list(REGIMES))
    parser.add_argument("--adapters", nargs="+", default=["lora"], choices=["lora", "full"])
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"], choices=["fp32", "bf16"])
    parser.add_argument("--rivals", nargs="+", default=["trl", "trl_best"], choices=["trl", "trl_best"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--micro-batch", type=int, default=None, help="pairs at once; default: all of a step")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "training.json")
    options = parser.parse_args()
    known = json.loads(options.output.read_text()) if options.output.is_file() else {"cases": []}
    cases = {case["name"]: case for case in known["cases"]}
    for job, regime, adapter, precision in itertools.product(options.jobs, options.regimes, options.adapters, options.precisions):
        micro = options.micro_batch or REGIMES[regime].pairs
        case = {"job": job, "regime": regime, "adapter": adapter, "precision": precision, "micro_batch": micro}
        name = " ".join(str(part) for part in case.values())
        done: dict[str, Any] = cases.setdefault(name, {"name": name, **case, "against": {}})
        for rival in options.rivals:
            result = duel({**case, "threads": len(os.sched_getaffinity(0))}, rival, options.rounds)
            done["against"][rival] = result
            ours, theirs, ratio = result["primum"], result[rival], result["speed_ratio"]
            print(
                f"{name:<26} {rival:<9} {theirs['seconds']['median']:6.2f} s  primum {ours['seconds']['median']:6.2f} s  "
                f"{ratio['median']:4.1f} times ({ratio['min']:.1f} to {ratio['max']:.1f})  memory {ours['peak_gb']:.1f} of {theirs['peak_gb']:.1f} GB",
                flush=True,
            )
            options.output.parent.mkdir(parents=True, exist_ok=True)
            stamp = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "cases": list(cases.values())}
            options.output.write_text(json.dumps(stamp, indent=1) + "\n")


if __name__ == "__main__":
    main()
