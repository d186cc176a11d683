"""What a run takes of GPUs, host and disk, from its config and the model's, and where that is more than there is."""

from __future__ import annotations

import shutil
from pathlib import Path

from data_prep.artifacts import existing_parent
from data_prep.errors import first_line
from models.footprint import COPY_SHARE, GB, GPU_CONTEXT, Shape, checkpoint_bytes, peak_bytes, policy_bytes, shape_of, training_bytes
from models.load import DTYPES
from pipeline.config import RunConfig
from pipeline.job_script import JobScript
from pipeline.rounds import parsed
from pipeline.stages import stage_names
from train.trainer import loads_sharded


def room_faults(config: RunConfig, job: JobScript | None, gpu_gb: float) -> tuple[list[str], list[str]]:
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
    faults += _copy_faults(config, shape, job, gpu_gb)
    host, why = _host_bytes(config, shape)
    if job and job.memory_gb is not None and job.memory_gb * GB < host:
        faults.append(f"{job.path}: --mem={job.options['--mem']}: {why}, {host / GB:.0f} GB a node; raise it")
    disk = _disk_bytes(config, shape)
    free = shutil.disk_usage(existing_parent(Path(config.run_dir))).free
    if free < disk:
        faults.append(
            f"run_dir={config.run_dir}: {free / GB:.0f} GB free on that disk, the run writes about {disk / GB:.0f} GB; free some or set run_dir elsewhere"
        )
    return faults, [*lines, f"host memory about {host / GB:.1f} GB a node, disk about {disk / GB:.1f} GB"]


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
    policies = len([name for name in stage_names(config) if parsed(name)[0] in ("sft", "dpo", "sft_control", "release")])
    epochs = max(config.sft.epochs, config.dpo.epochs) + 1
    return policies * policy_bytes(shape, config.model.base) + 3 * checkpoint_bytes(shape) + epochs * 4 * shape.trained + 0.5 * GB


def _copy_faults(config: RunConfig, shape: Shape, job: JobScript | None, gpu_gb: float) -> list[str]:
    """Where policies only answer (sample, eval), a task holds a whole one in 16 bits."""
    if config.trainer.accelerator != "gpu" or not job or job.trains or not job.gpus_per_task:
        return []
    needed, room = 2 * shape.parameters, COPY_SHARE * job.gpus_per_task * gpu_gb * GB
    if needed <= room:
        return []
    wanted = -int(-needed // (COPY_SHARE * gpu_gb * GB))
    return [
        f"{job.path}: a task answers with a whole policy, {needed / GB:.0f} GB, and may fill {room / GB:.0f} GB of its {job.gpus_per_task} GPU(s) with it; "
        f"ask for {wanted} GPUs a task, as in --ntasks-per-node=1 --gpus-per-node={wanted}: it is spread over them"
    ]


def _host_bytes(config: RunConfig, shape: Shape) -> tuple[float, str]:
    """Of a node, and what takes it."""
    trainer, whole = config.trainer, policy_bytes(shape, config.model.base)
    off_gpu = whole / trainer.num_nodes if trainer.offload == "cpu" and loads_sharded(trainer) else 0.0
    if trainer.offload == "cpu":
        off_gpu += 12 * shape.trained / trainer.num_nodes
    if loads_sharded(trainer):
        return whole + off_gpu, "rank 0 exports the whole model" + (" beside what is offloaded" if off_gpu else "")
    return trainer.devices * whole + off_gpu, f"each of {trainer.devices} ranks reads the whole model"
