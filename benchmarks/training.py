"""Training speed and memory beside TRL: the same rows, batch, adapter and arithmetic, on one
machine.

    python -m benchmarks.training [--jobs dpo sft reward reward-cut] [--regimes short policy
        long] [--adapters lora full] [--precisions fp32 bf16]
    python -m benchmarks.training --regimes growth --jobs dpo --precisions bf16 --rivals
        trl_best --output benchmarks/results/growth.json
    python -m benchmarks.training --against ../older-checkout --jobs dpo --regimes short --rounds 6
    python -m benchmarks.training --device cuda --models smollm2 llama-1b llama-8b --output
        benchmarks/results/gpu.json

Contestants are processes that take turns step by step, two at a time, so that a busy machine slows
both alike. `trl` is TRL's trainer as it comes; `trl_best` has gradient checkpointing off and, for
DPO, the reference precomputed; `trl_ones` is that, one pair at a time; `padded` is Primum on padded
rows with peft's own LoRA layers, as architectures that cannot be packed get it; `plain` is Primum
with trainer.compile_layers=off, beside `--compile-layers on`. The time of precomputing the
reference is in nobody's step. A ratio is the median of the rounds' ratios; figures are for one
optimiser step. Cases are added to the output file as they end, in place of older ones
of the same name. `python -m benchmarks.render` shows them. `--against` sets another version of
Primum beside this one, and only prints.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, machine, python_path
from benchmarks.random_llama import MODELS, SMOLLM2
from benchmarks.training_cases import ADAPTERS, ALL_REGIMES, GROWTH, JOBS, PRECISIONS, REGIMES
from records.cache import name_compiler_caches

WARM_UP = 1
PACKAGES = ("torch", "transformers", "trl", "peft", "pytorch-lightning")
RIVALS = ("trl", "trl_best", "trl_ones", "padded", "plain")


class Contestant:
    """A process with its own trainer, which takes one step a call."""

    def __init__(self, name: str, case: dict[str, Any], root: Path = ROOT) -> None:
        self.name = name
        self.scratch = tempfile.TemporaryDirectory(prefix="primum-bench-")
        environment = {
            **os.environ,
            "PYTHONPATH": python_path(root),
            "OMP_NUM_THREADS": str(case["threads"]),
            "TMPDIR": self.scratch.name,
        }
        # Else under TMPDIR: every contestant would compile what others have.
        name_compiler_caches(environment)
        if case["device"] == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        command = [
            sys.executable,
            "-m",
            "benchmarks.training_worker",
            json.dumps({**case, "contestant": name}),
        ]
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  open as long as the process runs
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=environment,
            cwd=root,
        )
        self.known = self._read()

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
        self.scratch.cleanup()
        return peak

    def _read(self) -> dict[str, float]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise SystemExit(f"{self.name} ended early:\n{self.log.read()[-4000:]}")
        return json.loads(line)


def duel(
    case: dict[str, Any], rival: str, rounds: int, checkout: Path | None = None
) -> dict[str, Any]:
    """Primum and one rival, step by step in turn.

    With `checkout` the rival is the Primum that lies there.
    """
    names = ("primum", rival)
    contestants = [
        Contestant("primum", case),
        Contestant("primum", case, checkout) if checkout else Contestant(rival, case),
    ]
    for _, contestant in itertools.product(range(WARM_UP), contestants):
        contestant.step()
    taken = []
    for _ in range(rounds):
        taken.append([contestant.step() for contestant in contestants])
    peaks = [contestant.stop() for contestant in contestants]
    known = contestants[0].known
    result: dict[str, Any] = {
        "rounds": rounds,
        "gflop": known["gflop"],
        "machine_gflops": known["machine_gflops"],
        "tokens": known["tokens"],
    }
    for k, name in enumerate(names):
        seconds = sorted(turn[k]["seconds"] for turn in taken)
        result[name] = {
            "seconds": {
                "min": seconds[0],
                "median": statistics.median(seconds),
                "max": seconds[-1],
            },
            "cpu_seconds": statistics.median(turn[k]["cpu_seconds"] for turn in taken),
            "peak_gb": peaks[k],
        }
    for measure, name in (("seconds", "speed_ratio"), ("cpu_seconds", "cpu_ratio")):
        ratios = sorted(turn[1][measure] / turn[0][measure] for turn in taken)
        result[name] = {"min": ratios[0], "median": statistics.median(ratios), "max": ratios[-1]}
    result["memory_ratio"] = peaks[0] / peaks[1]
    result["floor_share"] = (
        known["gflop"] / known["machine_gflops"] / result["primum"]["seconds"]["median"]
    )
    return result


def cases(options: argparse.Namespace) -> list[dict[str, Any]]:
    regimes = []
    for given in options.regimes:
        regimes.extend(GROWTH if given == "growth" else [given])
    found: list[dict[str, Any]] = []
    for model, job, adapter, precision, regime in itertools.product(
        options.models, options.jobs, options.adapters, options.precisions, regimes
    ):
        found.append(
            {
                "model": model,
                "job": job,
                "regime": regime,
                "adapter": adapter,
                "precision": precision,
                "device": options.device,
                "compile_layers": options.compile_layers,
            }
        )
    return found


def case_name(case: dict[str, Any]) -> str:
    return " ".join(case[part] for part in ("model", "job", "regime", "adapter", "precision"))


def with_threads(case: dict[str, Any]) -> dict[str, Any]:
    return {**case, "threads": len(os.sched_getaffinity(0))}


def show(name: str, rival: str, result: dict[str, Any]) -> None:
    ours, theirs, ratio = result["primum"], result[rival], result["speed_ratio"]
    print(
        f"{name:<34} {rival:<9} {theirs['seconds']['median']:7.3f} s  primum "
        f"{ours['seconds']['median']:7.3f} s  {ratio['median']:4.1f} times ({ratio['min']:.1f} to "
        f"{ratio['max']:.1f})  memory {ours['peak_gb']:.1f} of {theirs['peak_gb']:.1f} GB  "
        f"{result['floor_share']:.0%} of the floor's speed",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=[SMOLLM2], choices=MODELS)
    parser.add_argument("--jobs", nargs="+", default=list(JOBS), choices=JOBS)
    parser.add_argument(
        "--regimes", nargs="+", default=list(REGIMES), choices=["growth", *ALL_REGIMES]
    )
    parser.add_argument("--adapters", nargs="+", default=["lora"], choices=ADAPTERS)
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=PRECISIONS)
    parser.add_argument("--rivals", nargs="+", default=["trl", "trl_best"], choices=RIVALS)
    parser.add_argument(
        "--against",
        type=Path,
        metavar="CHECKOUT",
        help="another checkout of this repository, in place of the rivals",
    )
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument(
        "--compile-layers", default="auto", choices=["auto", "on", "off"], help="Primum's setting"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks" / "results" / "training.json"
    )
    options = parser.parse_args()
    if options.against:
        for case in cases(options):
            show(
                case_name(case),
                "checkout",
                duel(with_threads(case), "checkout", options.rounds, options.against.resolve()),
            )
        return
    known = json.loads(options.output.read_text()) if options.output.is_file() else {"cases": []}
    done = {case["name"]: case for case in known["cases"]}
    for case in cases(options):
        name = case_name(case)
        entry: dict[str, Any] = done.setdefault(name, {"name": name, **case, "against": {}})
        for rival in options.rivals:
            if rival == "trl_ones" and ALL_REGIMES[case["regime"]].pairs == 1:
                continue  # one pair at a time is what trl_best does
            result = duel(with_threads(case), rival, options.rounds)
            entry["against"][rival] = result
            show(name, rival, result)
            options.output.parent.mkdir(parents=True, exist_ok=True)
            stamp = {
                "machine": machine(options.device, PACKAGES),
                "date": time.strftime("%Y-%m-%d"),
                "cases": list(done.values()),
            }
            options.output.write_text(json.dumps(stamp, indent=1) + "\n")


if __name__ == "__main__":
    main()
