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
with trainer.compile_layers=off, beside `--compile-layers on`; `none` measures Primum alone. The
time of precomputing the reference is in nobody's step. A ratio is the median of the rounds' ratios;
figures are for one optimiser step. Cases are added to the output file as they end, in place of
older ones of the same name. `python -m benchmarks.render` shows them. `--against` sets another
version of Primum beside this one, and only prints.
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
RIVALS = ("trl", "trl_best", "trl_ones", "padded", "plain", "none")


class Contestant:
    """A process with its own trainer, which takes one step a call once it is `ready`."""

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
        # No contestant may see a GPU that the machine has.
        if case["device"] == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        command = [
            sys.executable,
            "-m",
            "benchmarks.training_worker",
            json.dumps({**case, "contestant": name}),
        ]
        # A file and no pipe: one that nobody reads fills up and stops the contestant.
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
        self.known: dict[str, float] = {}

    def ready(self) -> None:
        """Wait until its trainer is about to take the first step."""
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
        # The worker says it when its input ends.
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
    contestants = _started(
        Contestant("primum", case),
        Contestant("primum", case, checkout) if checkout else Contestant(rival, case),
    )
    taken = []
    for _ in range(rounds):
        # One step each: between two steps of one the machine changes little.
        taken.append([contestant.step() for contestant in contestants])
    peaks = [contestant.stop() for contestant in contestants]
    result = _of_primum(contestants[0].known, rounds, [turn[0] for turn in taken], peaks[0])
    result[rival] = _figures([turn[1] for turn in taken], peaks[1])
    for measure, name in (("seconds", "speed_ratio"), ("cpu_seconds", "cpu_ratio")):
        # Ratios within a turn, whose median a busy moment moves less than a ratio of medians.
        result[name] = _spread([turn[1][measure] / turn[0][measure] for turn in taken])
    return {**result, "memory_ratio": peaks[0] / peaks[1]}


def alone(case: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Primum without a rival."""
    (contestant,) = _started(Contestant("primum", case))
    steps = [contestant.step() for _ in range(rounds)]
    return _of_primum(contestant.known, rounds, steps, contestant.stop())


def _started(*contestants: Contestant) -> tuple[Contestant, ...]:
    """They load and compile side by side, and take their first steps, which are not counted."""
    for contestant in contestants:
        # All are running by now: they load and compile at the same time.
        contestant.ready()
    for _, contestant in itertools.product(range(WARM_UP), contestants):
        contestant.step()
    return contestants


def _of_primum(
    known: dict[str, float], rounds: int, steps: list[dict[str, float]], peak_gb: float
) -> dict[str, Any]:
    figures = _figures(steps, peak_gb)
    # The rate is measured in the same process, with the threads that it trains with.
    floor = known["gflop"] / known["machine_gflops"]
    return {
        "rounds": rounds,
        **{name: known[name] for name in ("gflop", "machine_gflops", "tokens")},
        "primum": figures,
        "floor_share": floor / figures["seconds"]["median"],
    }


def _figures(steps: list[dict[str, float]], peak_gb: float) -> dict[str, Any]:
    return {
        "seconds": _spread([step["seconds"] for step in steps]),
        "cpu_seconds": statistics.median(step["cpu_seconds"] for step in steps),
        "peak_gb": peak_gb,
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def cases(options: argparse.Namespace) -> list[dict[str, Any]]:
    regimes: list[str] = []
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
    ours = result["primum"]
    parts = [f"{name:<34} primum {ours['seconds']['median']:7.3f} s, {ours['peak_gb']:.1f} GB"]
    parts.append(f"{result['floor_share']:.0%} of the floor's speed")
    if rival in result:
        theirs, ratio = result[rival], result["speed_ratio"]
        parts.append(f"{rival} {theirs['seconds']['median']:7.3f} s, {theirs['peak_gb']:.1f} GB")
        parts.append(f"{ratio['median']:.1f} times ({ratio['min']:.1f} to {ratio['max']:.1f})")
    print("  ".join(parts), flush=True)


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
                # Only printed: figures of another version are no results of this one.
                duel(with_threads(case), "checkout", options.rounds, options.against.resolve()),
            )
        return
    known = json.loads(options.output.read_text()) if options.output.is_file() else {"cases": []}
    done = {case["name"]: case for case in known["cases"]}
    for case in cases(options):
        name = case_name(case)
        # A case keeps the rivals that it has met before.
        entry: dict[str, Any] = done.setdefault(name, {"name": name, **case, "against": {}})
        for rival in options.rivals:
            if rival == "trl_ones" and ALL_REGIMES[case["regime"]].pairs == 1:
                continue  # one pair at a time is what trl_best does
            if rival == "none":
                entry["alone"] = alone(with_threads(case), options.rounds)
            else:
                entry["against"][rival] = duel(with_threads(case), rival, options.rounds)
            show(name, rival, entry["alone"] if rival == "none" else entry["against"][rival])
            options.output.parent.mkdir(parents=True, exist_ok=True)
            stamp = {
                "machine": machine(options.device, PACKAGES),
                "date": time.strftime("%Y-%m-%d"),
                "cases": list(done.values()),
            }
            options.output.write_text(json.dumps(stamp, indent=1) + "\n")


if __name__ == "__main__":
    main()
