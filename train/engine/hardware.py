"""What a process computes with: a GPU or a CPU, in which arithmetic, on how many threads.

Of libraries it imports torch alone, as some of it must be settled before libraries make their first
tensors.
"""

from __future__ import annotations

import os
import shutil
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from models.layout.arithmetic import cpu_multiplies_bf16, gpu_multiplies_bf16
from train.config import TrainerConfig, loads_sharded


def uses_gpu(config: TrainerConfig) -> bool:
    """Whether training runs on GPUs of this machine."""
    return config.accelerator == "gpu" or (
        config.accelerator == "auto" and torch.cuda.is_available()
    )


def compiles(config: TrainerConfig) -> bool:
    """Whether to compile decoder layers, with auto resolved for this machine and strategy."""
    if config.compile_layers != "auto":
        return config.compile_layers == "on"
    return uses_gpu(config) and not loads_sharded(config)


def device_faults(config: TrainerConfig) -> list[str]:
    """Whether what the config asks for is there, on the machine that trains: a GPU, a compiler."""
    return _gpu_faults(config) + _compiler_faults(config)


def _compiler_faults(config: TrainerConfig) -> list[str]:
    named = os.environ.get("CXX")
    wanted = [named] if named else ["g++", "clang++"]
    if config.compile_layers != "on" or uses_gpu(config) or any(map(shutil.which, wanted)):
        return []
    return [
        "trainer.compile_layers=on: no C++ compiler on this machine, looked for "
        f"{' and '.join(wanted)}; wanted one, as torch compiles layers for a CPU with it; install "
        "g++, name yours in CXX, or set trainer.compile_layers=off"
    ]


def _gpu_faults(config: TrainerConfig) -> list[str]:
    if config.accelerator != "gpu" or torch.cuda.is_available():
        return []
    return [
        f"trainer.accelerator=gpu: torch {torch.__version__} sees no GPU on this machine; wanted "
        "one for each rank; look at nvidia-smi, at CUDA_VISIBLE_DEVICES and at the job's "
        "--gpus-per-node, or set trainer.accelerator=cpu"
    ]


def precision(config: TrainerConfig) -> str:
    """`config.precision`, with auto resolved for this machine."""
    if config.precision != "auto":
        return config.precision
    if uses_gpu(config):
        # Our DeepSpeed strategy scales no loss, which float16 needs.
        half = "32-true" if config.strategy == "deepspeed" else "16-mixed"
        return "bf16-mixed" if gpu_multiplies_bf16() else half
    return "bf16-mixed" if cpu_multiplies_bf16() else "32-true"


def autocast(config: TrainerConfig) -> AbstractContextManager[Any]:
    """The arithmetic of training, for what is computed outside the Trainer (reference
    log-probabilities).
    """
    dtype = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision(config))
    # As Lightning's.
    return (
        torch.autocast("cuda" if uses_gpu(config) else "cpu", dtype, cache_enabled=False)
        if dtype
        else nullcontext()
    )


def use_cpu(config: TrainerConfig) -> None:
    """Settle before the first tensor how this process computes on a CPU.

    The cores of a node are shared between its ranks; more threads than cores cost far more than
    they bring. Where training is in float32, large tensors ask for huge pages: peaks are a sixth to
    a quarter lower, and steps as fast or a little faster (docs/speed.md). In bfloat16 that brings
    nothing.
    """
    if uses_gpu(config):
        return
    torch.set_num_threads(
        config.cpu_threads or max(1, len(os.sched_getaffinity(0)) // config.devices)
    )
    if precision(config) == "32-true":
        # Torch reads it once, when it first allocates.
        os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
