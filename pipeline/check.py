"""`primum check`: what would fail on the cluster, found on the login node in seconds, all at once, each with its remedy."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from data_prep.artifacts import existing_parent
from data_prep.errors import PrimumError
from data_prep.licences import restrictions_of, sentences
from data_prep.prepare import read_sources
from data_prep.records import Demonstration, text_of
from eval.suites import own_suites
from models.inspection import model_faults, tokenizer_faults
from models.load import cache_directory
from models.tokens import prompt_ids
from models.vllm_engine import vllm_version
from pipeline.config import RunConfig, embedding_model
from pipeline.job_script import JobScript, read_job_script, script_faults
from pipeline.needs import duration, room_faults
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
        *_embedding_faults(config),
        *data_faults,
        *_place_faults(config),
        *wandb_trouble(config.wandb),
        *_installation_faults(config),
    ]
    lines = [f"{len(rows)} prompts in {len({row.suite for row in rows})} suites from {len(config.data.sources)} sources"] if rows else []
    lines += [f"licences: {line}" for line in sentences(restrictions_of(rows))]
    if tokenizer and rows:
        more, lengths = _length_faults(config, tokenizer, rows)
        faults += more
        lines.append(lengths)
    faults += _rank_faults(config, rows)
    if not model:
        more, needs = room_faults(config, job, gpu_gb)
        faults += more
        lines += needs
        if tokenizer and rows and not more and config.trainer.accelerator == "gpu" and (job is None or job.trains):
            lines.append(duration(config, rows, _row_lengths(tokenizer, rows)))
    if faults:
        raise PrimumError(faults)
    return lines


def _embedding_faults(config: RunConfig) -> list[str]:
    model = embedding_model(config)
    return model_faults(model, "data.embedding.model") if model else []


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


def _row_lengths(tokenizer: Any, rows: list[Demonstration]) -> list[int]:
    """Tokens of some rows; one without an answer counts its prompt twice."""
    tried = rows[:: max(1, len(rows) // PROMPTS_TRIED)]
    prompts = [len(prompt_ids(tokenizer, row.prompt)) for row in tried]
    answers = [
        len(tokenizer(text_of(row.completion))["input_ids"]) if row.completion else prompt
        for row, prompt in zip(tried, prompts, strict=True)
    ]
    return [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]


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


def _has_async_io() -> bool:
    from deepspeed.ops.op_builder import AsyncIOBuilder  # noqa: PLC0415  importing DeepSpeed costs seconds

    return bool(AsyncIOBuilder().is_compatible())


def _installation_faults(config: RunConfig) -> list[str]:
    faults, trainer = [], config.trainer
    if trainer.accelerator == "gpu" and torch.version.cuda is None and torch.version.hip is None:
        faults.append(
            f"torch {torch.__version__} is built without GPU support but trainer.accelerator is gpu; install a CUDA build of torch"
        )
    if trainer.strategy == "deepspeed" and importlib.util.find_spec("deepspeed") is None:
        faults.append("trainer.strategy is deepspeed, which is not installed; pip install deepspeed")
    elif trainer.offload == "nvme" and not _has_async_io():
        faults.append(
            "trainer.offload is nvme, and DeepSpeed cannot build its async_io here; install libaio's headers (libaio-dev) and a compiler"
        )
    if "vllm" in (config.sample.engine, config.eval.engine):
        try:
            vllm_version(config.model.vllm)
        except PrimumError as error:
            faults += error.faults
    if config.data.lint.personal_data and importlib.util.find_spec("presidio_analyzer") is None:
        faults.append("data.lint.personal_data is true and presidio_analyzer is not installed; pip install -e '.[pii]'")
    return faults
