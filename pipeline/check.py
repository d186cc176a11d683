"""`primum check`: what would fail on the cluster, found on the login node in seconds, all at once, each with its remedy."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from data_prep.artifacts import existing_parent
from data_prep.errors import PrimumError, first_line
from data_prep.prepare import read_sources
from data_prep.records import Demonstration
from eval.suites import own_suites
from models.footprint import GB, GPU_CONTEXT, Shape, checkpoint_bytes, peak_bytes, policy_bytes, shape_of, training_bytes
from models.inspection import model_faults, tokenizer_faults
from models.load import DTYPES, cache_directory
from models.tokens import prompt_ids
from pipeline.config import RunConfig
from pipeline.job_script import JobScript, read_job_script, script_faults
from pipeline.stages import stage_names
from train.config import TrainerConfig, wandb_trouble

LONG_SHARE = 0.1
"""Of prompts that may be too long for model.max_length before it is a fault; they are dropped, and counted."""
PROMPTS_TRIED = 500


def check(config: RunConfig, script: Path | None, gpu_gb: float) -> list[str]:
    """Lines that describe what the run will take. Raises PrimumError with every fault found."""
    faults: list[str] = []
    job = None
    if script:
        try:
            job = read_job_script(script)
            faults += script_faults(job, gpu=config.trainer.accelerator == "gpu")
            config = replace(config, trainer=_on(job, config.trainer))
        except PrimumError as error:
            faults += error.faults
    model = model_faults(config.model.base)
    tokenizer, format_faults = (None, []) if model else tokenizer_faults(config.model.base)
    rows, data_faults = _rows(config)
    faults += [
        *model,
        *format_faults,
        *data_faults,
        *_place_faults(config),
        *wandb_trouble(config.wandb),
        *_installation_faults(config),
    ]
    lines = [f"{len(rows)} prompts in {len({row.suite for row in rows})} suites from {len(config.data.sources)} sources"] if rows else []
    if tokenizer and rows:
        more, lengths = _length_faults(config, tokenizer, rows)
        faults += more
        lines.append(lengths)
    faults += _rank_faults(config, rows)
    if not model:
        more, needs = _room_faults(config, job, gpu_gb)
        faults += more
        lines += needs
    if faults:
        raise PrimumError(faults)
    return lines


def _on(job: JobScript, trainer: TrainerConfig) -> TrainerConfig:
    """The trainer as slurm/env.sh sets it from the job."""
    return replace(trainer, num_nodes=job.nodes, devices=job.tasks_per_node or trainer.devices)


def _rows(config: RunConfig) -> tuple[list[Demonstration], list[str]]:
    faults: list[str] = []
    rows: list[Demonstration] = []
    try:
        rows = read_sources(config.data.sources, config.seed)
    except PrimumError as error:
        faults += error.faults
    try:
        own_suites(config.eval)
    except PrimumError as error:
        faults += error.faults
    return rows, faults


def _length_faults(config: RunConfig, tokenizer: Any, rows: list[Demonstration]) -> tuple[list[str], str]:
    tried = rows[:: max(1, len(rows) // PROMPTS_TRIED)]
    lengths = sorted(len(prompt_ids(tokenizer, row.prompt)) for row in tried)
    middle, high, limit = lengths[len(lengths) // 2], lengths[int(0.95 * (len(lengths) - 1))], config.model.max_length
    said = f"prompts of {middle} tokens (median), {high} (95 %), {lengths[-1]} (longest of {len(lengths)}); model.max_length is {limit}"
    long = sum(length > limit // 2 for length in lengths) / len(lengths)
    if long <= LONG_SHARE:
        return [], said
    return [f"model.max_length={limit}: {long:.0%} of prompts take more than half of it ({said}); set it to {4 * high} or so"], said


def _rank_faults(config: RunConfig, rows: list[Demonstration]) -> list[str]:
    ranks = config.trainer.world_size
    blocks = {"sft": config.sft.global_batch_size, "dpo": config.dpo.global_batch_size, "reward": config.reward.global_batch_size}
    return [
        f"{name}.global_batch_size={size}: fewer rows a step than the {ranks} ranks of trainer.num_nodes times trainer.devices; raise it to {ranks} or more"
        for name, size in blocks.items()
        if size < ranks
    ] + ([f"{len(rows)} prompts are fewer than {ranks} ranks; use fewer ranks or more data"] if rows and len(rows) < ranks else [])


def _place_faults(config: RunConfig) -> list[str]:
    faults = []
    for name, folder in {"run_dir": Path(config.run_dir), "PRIMUM_CACHE": cache_directory()}.items():
        place = existing_parent(folder)
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            faults.append(f"{name}={folder}: {place} cannot be written; choose a directory of yours, on a disk that all nodes see")
    unknown = [name for name in stage_names(config) if (Path(config.run_dir) / name).is_file()]
    return faults + [
        f"run_dir={config.run_dir}: {name} is a file there, wanted a stage's folder; choose another run_dir" for name in unknown
    ]


def _installation_faults(config: RunConfig) -> list[str]:
    faults, trainer = [], config.trainer
    if trainer.accelerator == "gpu" and torch.version.cuda is None and torch.version.hip is None:
        faults.append(
            f"torch {torch.__version__} is built without GPU support but trainer.accelerator is gpu; install a CUDA build of torch"
        )
    if trainer.strategy == "deepspeed" and importlib.util.find_spec("deepspeed") is None:
        faults.append("trainer.strategy is deepspeed, which is not installed; pip install deepspeed")
    if config.data.lint.personal_data and importlib.util.find_spec("presidio_analyzer") is None:
        faults.append("data.lint.personal_data is true and presidio_analyzer is not installed; pip install -e '.[pii]'")
    return faults


def _room_faults(config: RunConfig, job: JobScript | None, gpu_gb: float) -> tuple[list[str], list[str]]:
    """GPU, host and disk against what the model's config says that they must hold."""
    try:
        shape = shape_of(config.model.base, config.model.adapter)
    except Exception as error:  # transformers and remote code raise anything
        return [f"model.base.path={config.model.base.path}: its architecture cannot be built ({first_line(error)})"], []
    faults = []
    if shape.positions and config.model.max_length > shape.positions:
        faults.append(f"model.max_length={config.model.max_length}: the model knows positions up to {shape.positions}; lower it to that")
    if shape.trained == 0:
        faults.append(f"model.adapter.target_modules={config.model.adapter.target_modules}: the model has no such layers; use all-linear")
    peak, lines = _memory(config, shape)
    if config.trainer.accelerator == "gpu" and peak + GPU_CONTEXT > gpu_gb * GB:
        faults.append(
            f"a rank needs about {(peak + GPU_CONTEXT) / GB:.0f} GB, a GPU has {gpu_gb:.0f} (--gpu-gb); raise trainer.zero_stage or the number of ranks, "
            "set trainer.gradient_checkpointing, lower trainer.micro_batch_tokens, or train LoRA on model.base.dtype=bfloat16"
        )
    host = config.trainer.devices * policy_bytes(shape, config.model.base)
    if job and job.memory_gb is not None and job.memory_gb * GB < host:
        faults.append(
            f"{job.path}: --mem={job.options['--mem']}: each of {config.trainer.devices} ranks reads the whole model, {host / GB:.0f} GB a node; raise it"
        )
    disk = _disk_bytes(config, shape)
    free = shutil.disk_usage(existing_parent(Path(config.run_dir))).free
    if free < disk:
        faults.append(
            f"run_dir={config.run_dir}: {free / GB:.0f} GB free on that disk, the run writes about {disk / GB:.0f} GB; free some or set run_dir elsewhere"
        )
    return faults, [*lines, f"host memory about {host / GB:.1f} GB a node while loading, disk about {disk / GB:.1f} GB"]


def _memory(config: RunConfig, shape: Shape) -> tuple[float, list[str]]:
    trainer, stored = config.trainer, DTYPES[config.model.base.dtype].itemsize
    parts = training_bytes(
        shape,
        weight_bytes=stored,
        matrix_bytes=4 if trainer.precision == "32-true" else 2,
        zero_stage=trainer.zero_stage if trainer.strategy == "deepspeed" else 0,
        ranks=trainer.world_size,
        tokens=trainer.micro_batch_tokens,
        checkpointing=trainer.gradient_checkpointing,
    )
    split = ", ".join(f"{name} {size / GB:.1f}" for name, size in parts.items())
    return peak_bytes(parts), [
        f"{shape.parameters / 1e9:.2f} billion parameters, {shape.trained / 1e6:.1f} million trained",
        f"about {peak_bytes(parts) / GB:.1f} GB on each of {trainer.world_size} ranks while training ({split})",
    ]


def _disk_bytes(config: RunConfig, shape: Shape) -> float:
    """Policies of the training stages and the release, and the checkpoints of the largest of them."""
    policies = len([name for name in stage_names(config) if name in ("sft", "dpo", "sft_control", "release")])
    epochs = max(config.sft.epochs, config.dpo.epochs) + 1
    return policies * policy_bytes(shape, config.model.base) + 3 * checkpoint_bytes(shape) + epochs * 4 * shape.trained + 0.5 * GB
