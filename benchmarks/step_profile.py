"""Where the time of a training step goes on a GPU: kernels, launches, and what waits for them.

    python -m benchmarks.step_profile [--model llama-1b] [--job dpo] [--regime policy]

Steps are timed first without torch's profiler, which slows what issues the kernels by half, and
then under it. What comes out is added to `--output`, where benchmarks.training has left its cases;
the profiler's whole table goes to `--table`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.random_llama import MODELS
from benchmarks.training_cases import ADAPTERS, ALL_REGIMES, JOBS
from benchmarks.training_worker import Turns, run_primum

WARM_UP, TIMED, PROFILED = 3, 5, 3
KINDS = {
    "attention": ("flex_attention",),
    "products": ("nvjet", "gemm", "cutlass", "cublas"),
    "fused by the compiler": ("triton_",),
}
"""What a kernel does, by a part of its name; the first that fits. Others are torch's own."""


class Profile(Turns):
    """Takes steps without being told to, and ends the process after the last."""

    def __init__(self, device: str, name: str, output: Path | None, table: Path | None) -> None:
        # Not the parent's `__init__`: nobody reads its messages here.
        self.known, self.device, self.name = {}, device, name
        self.output, self.table = output, table
        kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
        self.profiler = profile(activities=kinds)
        self.seconds: list[float] = []

    def begin(self) -> None:
        # Only now: under the profiler a step is slower by half, and those before it are the timed
        # ones.
        if len(self.seconds) == WARM_UP + TIMED:
            self.profiler.start()
        self._wait()
        self.started = time.perf_counter()

    def end(self, loss: float) -> None:
        self._wait()
        self.seconds.append(time.perf_counter() - self.started)
        if len(self.seconds) == WARM_UP + TIMED + PROFILED:
            self.profiler.stop()
            self._tell()
            os._exit(0)  # a trainer's own shutdown is not what is measured

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    def _tell(self) -> None:
        averages = self.profiler.key_averages()
        kernels = {
            # From microseconds over all profiled steps to milliseconds a step.
            event.key: event.self_device_time_total / 1e3 / PROFILED
            for event in averages
            # Kernels alone: annotations such as ProfilerStep#1 span kernels that are counted
            # already.
            if str(event.device_type).endswith("CUDA") and "#" not in event.key
        }
        # Under two names: cudaLaunchKernel of torch's own kernels, cuLaunchKernelEx of Triton's.
        launches = sum(event.count for event in averages if "LaunchKernel" in event.key)
        line = {
            "name": self.name,
            "launches": launches / PROFILED,
            "busy_ms": sum(kernels.values()),
            "kernel_ms": by_kind(kernels),
            "step_ms": 1e3 * statistics.median(self.seconds[WARM_UP : WARM_UP + TIMED]),
        }
        print(json.dumps(line, indent=1))
        if self.table:
            kind = "self_cuda_time_total" if self.device == "cuda" else "self_cpu_time_total"
            self.table.write_text(averages.table(sort_by=kind, row_limit=80))
        if self.output and self.output.is_file():
            known = json.loads(self.output.read_text())
            others = [other for other in known.get("profiles", []) if other["name"] != self.name]
            known["profiles"] = [*others, line]
            self.output.write_text(json.dumps(known, indent=1) + "\n")


def by_kind(kernels: dict[str, float]) -> dict[str, float]:
    """Milliseconds of kernels, by what they do, largest first."""
    sums: dict[str, float] = {}
    for name, milliseconds in kernels.items():
        fitting = (kind for kind, parts in KINDS.items() if any(part in name for part in parts))
        kind = next(fitting, "torch's own")
        sums[kind] = sums.get(kind, 0.0) + milliseconds
    return dict(sorted(sums.items(), key=lambda pair: -pair[1]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--model", default="llama-1b", choices=MODELS)
    parser.add_argument("--job", default="dpo", choices=JOBS)
    parser.add_argument("--regime", default="policy", choices=ALL_REGIMES)
    parser.add_argument("--adapter", default="lora", choices=ADAPTERS)
    parser.add_argument("--output", type=Path, help="a results file of benchmarks.training")
    parser.add_argument("--table", type=Path, help="where the profiler's table goes")
    options = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    name = f"{options.model} {options.job} {options.regime} {options.adapter} bf16"
    case: dict[str, Any] = {
        **{part: getattr(options, part) for part in ("device", "model", "job", "regime")},
        "adapter": options.adapter,
        "precision": "bf16",
        "compile_layers": "auto",
        "threads": threads,
        "contestant": "primum",
    }
    run_primum(case, Profile(options.device, name, options.output, options.table))


if __name__ == "__main__":
    main()
