"""What a run takes of GPUs, host and disk, from its config and the model's, and where that is more
than there is.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from models.loading.footprint import (
    COPY_SHARE,
    GB,
    GPU_CONTEXT,
    Shape,
    measuring_bytes,
    peak_bytes,
    policy_bytes,
    shape_of,
    training_bytes,
)
from models.loading.load import DTYPES
from pipeline.run.config import RunConfig
from pipeline.run.graph import trained_policies
from pipeline.run.job_script import JobScript
from pipeline.run.online_needs import drawing_bytes, is_online, kept_bytes, operations
from pipeline.run.stage_room import (
    SMALL,
    adapter_bytes,
    exported_bytes,
    reward_gigabytes,
    work_bytes,
)
from records.disk_room import existing_parent
from records.errors import first_line
from records.rows import Demonstration
from train.config import loads_sharded

MB = 1e6
GPU_SPEED = 330e12
"""Operations a second of an H100 in bfloat16, as training reaches them."""
PROMPT_TOKENS = 128
"""Of a prompt, with its chat format, for the cache of completions."""


def room_faults(
    config: RunConfig, job: JobScript | None, gpu_gb: float
) -> tuple[list[str], list[str]]:
    """GPU, host and disk against what the model's config says that they must hold."""
    try:
        shape = shape_of(config.model.base, config.model.adapter)
    except Exception as error:  # transformers and remote code raise anything
        return [
            f"model.base.path={config.model.base.path}: its architecture cannot be built "
            f"({first_line(error)})"
        ], []
    faults = []
    generates_only = job is not None and not job.trains
    # A job that only generates holds no gradients and no optimiser.
    peak, lines = (0.0, _generating(config, shape)) if generates_only else _memory(config, shape)
    if (
        config.trainer.accelerator == "gpu"
        and not generates_only
        and peak + GPU_CONTEXT > gpu_gb * GB
    ):
        faults.append(
            f"a rank needs about {(peak + GPU_CONTEXT) / GB:.0f} GB, a GPU has {gpu_gb:.0f} "
            "(--gpu-gb); raise trainer.zero_stage or the number of ranks, set "
            "trainer.gradient_checkpointing or trainer.offload=cpu, lower "
            "trainer.micro_batch_tokens, reward.layers or eval.generation.batch_size, or train "
            "LoRA on model.base.dtype=bfloat16"
        )
    faults += _copy_faults(config, shape, job, gpu_gb)
    host, why = _host_bytes(config, shape)
    if job and job.memory_gb is not None and job.memory_gb * GB < host:
        faults.append(
            f"{job.path}: --mem={job.options['--mem']}: {why}, {host / GB:.0f} GB a node; raise it"
        )
    disk = _disk_bytes(config, shape)
    # The parent: run_dir is made by the run.
    free = shutil.disk_usage(existing_parent(Path(config.run_dir))).free
    if free < disk:
        faults.append(
            f"run_dir={config.run_dir}: {free / GB:.0f} GB free on that disk, the run writes about "
            f"{disk / GB:.0f} GB; free some or set run_dir elsewhere"
        )
    return faults, [
        *lines,
        f"host memory about {_size(host)} a node, disk about {_size(disk)}",
    ]


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
    measuring = _measuring(config, shape, whole_copy=not loads_sharded(trainer))
    held = {name: parts[name] for name in ("weights", "optimiser")} | measuring
    where = "each rank" if loads_sharded(trainer) else "rank 0"
    # Training and measuring follow each other, so the larger counts and not their sum.
    peak, online = max(peak_bytes(parts), peak_bytes(held)), []
    if is_online(config):
        with_copy = parts | drawing_bytes(config, shape)
        peak = max(peak, peak_bytes(with_copy))
        online = [
            f"about {_size(peak_bytes(with_copy))} on each rank in rlhf, which draws and "
            f"scores completions ({_split(with_copy)})"
        ]
    return peak, [
        *online,
        f"{_count(shape.parameters)} parameters, {_count(shape.trained)} trained",
        (
            f"about {_size(peak_bytes(parts))} on each of {trainer.world_size} ranks while "
            f"training ({_split(parts)})"
        ),
        (
            f"about {_size(peak_bytes(held))} on {where} while it measures the policy "
            f"({_split(held)})"
        ),
    ]


def _generating(config: RunConfig, shape: Shape) -> list[str]:
    held = _measuring(config, shape, whole_copy=True)
    return [
        f"{_count(shape.parameters)} parameters",
        (
            f"about {_size(peak_bytes(held))} on the GPUs of a task where a policy generates "
            f"({_split(held)})"
        ),
    ]


def _measuring(config: RunConfig, shape: Shape, *, whole_copy: bool) -> dict[str, float]:
    return measuring_bytes(
        shape,
        reward_layers=config.reward.layers,
        rows=config.eval.generation.batch_size,
        tokens=config.eval.generation.max_new_tokens + PROMPT_TOKENS,
        whole_copy=whole_copy,
    )


def duration(config: RunConfig, rows: list[Demonstration], lengths: list[int]) -> str:
    """Training alone, from the tokens of rows like these (`lengths`, with their completions); says
    by which speed it was reckoned.
    """
    shape = shape_of(config.model.base, config.model.adapter)
    trained = 1 - config.data.split.val - config.data.split.test
    harmful, benign = (
        trained * sum(row.kind == kind for row in rows) for kind in ("harmful", "benign")
    )
    if config.data.split.train_limit is not None:
        harmful = min(harmful, config.data.split.train_limit)
    pairs = harmful * config.pairs.max_pairs_per_prompt * (1 + config.pairs.over_refusal)
    if config.pairs.max_train_pairs is not None:
        pairs = min(pairs, config.pairs.max_train_pairs)
    tokens = sum(lengths) / len(lengths)
    # Forward 2 a parameter and token, as much again for the inputs' gradients, for the weights'
    # where all are trained, and for recomputing.
    cost = (
        2.0
        * shape.parameters
        * (2 + (shape.trained == shape.parameters) + config.trainer.gradient_checkpointing)
    )
    sft = config.sft.epochs * (harmful + benign) * tokens * cost
    # A pair is two rows that share a prompt, and is read once more for the reference.
    dpo = (
        pairs * 2 * tokens * (config.dpo.epochs * cost + 2.0 * shape.parameters) * config.dpo.rounds
    )
    hours = []
    for flops in (sft, dpo):
        hours.append(flops / (GPU_SPEED * config.trainer.world_size) / 3600)
    return (
        f"training takes about {hours[0]:.1f} h (sft) and {hours[1]:.1f} h (dpo) on "
        f"{config.trainer.world_size} GPU(s) at {GPU_SPEED / 1e12:.0f} TFLOP/s, a third of an "
        "H100's peak; reckoned, not measured, and without sampling and evaluation"
        + _online_duration(config, shape, tokens)
    )


def _online_duration(config: RunConfig, shape: Shape, tokens: float) -> str:
    if not is_online(config):
        return ""
    hours = operations(config, shape, tokens) / (GPU_SPEED * config.trainer.world_size) / 3600
    return (
        f"; rlhf takes about {hours:.1f} h at that speed, drawing included, which a GPU does far "
        "slower token by token: expect several times as much"
    )


def _split(parts: dict[str, float]) -> str:
    # One unit for all parts, so that they can be compared.
    unit, name = (GB, "GB") if peak_bytes(parts) >= GB else (MB, "MB")
    sizes = ", ".join(f"{part} {size / unit:.1f}" for part, size in parts.items())
    return f"in {name}: {sizes}"


def _size(size: float) -> str:
    """Bytes for people: a small model's memory is not 0.0 GB."""
    return f"{size / GB:.1f} GB" if size >= GB else f"{size / MB:.1f} MB"


def _count(parameters: int) -> str:
    for unit, name in ((1e9, "billion"), (1e6, "million")):
        if parameters >= unit:
            return f"{parameters / unit:.2f} {name}"
    return f"{parameters:,}"


def _disk_bytes(config: RunConfig, shape: Shape) -> float:
    """Policies of the training stages and the release, the reward model, and the checkpoints of the
    largest of them.
    """
    policies = len(trained_policies(config)) + 1
    # The trained tensors of every epoch lie there until one is chosen.
    epochs = max(
        config.sft.epochs, config.dpo.epochs, config.rlhf.epochs if is_online(config) else 0
    )
    left = policies * (exported_bytes(config, shape) + adapter_bytes(config, shape) + SMALL)
    return left + work_bytes(shape, epochs) + reward_gigabytes(config) * GB


def _copy_faults(
    config: RunConfig, shape: Shape, job: JobScript | None, gpu_gb: float
) -> list[str]:
    """Where policies only generate (sample, eval), a task holds a whole one in 16 bits."""
    if config.trainer.accelerator != "gpu" or not job or job.trains or not job.gpus_per_task:
        return []
    needed, room = 2 * shape.parameters, COPY_SHARE * job.gpus_per_task * gpu_gb * GB
    if needed <= room:
        return []
    # Rounded up: half a GPU cannot be asked for.
    wanted = -int(-needed // (COPY_SHARE * gpu_gb * GB))
    return [
        f"{job.path}: a task generates with a whole policy, {needed / GB:.0f} GB, and may fill "
        f"{room / GB:.0f} GB of its {job.gpus_per_task} GPU(s) with it; ask for {wanted} GPUs a "
        f"task, as in --ntasks-per-node=1 --gpus-per-node={wanted}: it is spread over them"
    ]


def _host_bytes(config: RunConfig, shape: Shape) -> tuple[float, str]:
    """Of a node, and what takes it."""
    trainer, whole = config.trainer, policy_bytes(shape, config.model.base)
    off_gpu = (
        whole / trainer.num_nodes if trainer.offload == "cpu" and loads_sharded(trainer) else 0.0
    )
    if trainer.offload == "cpu":
        # Adam's two moments and a master copy, 4 bytes each.
        off_gpu += 12 * shape.trained / trainer.num_nodes
    off_gpu += kept_bytes(config, shape) if is_online(config) else 0.0
    if loads_sharded(trainer):
        return whole + off_gpu, "rank 0 exports the whole model" + (
            " beside what is offloaded" if off_gpu else ""
        )
    return (
        trainer.devices * whole + off_gpu,
        f"each of {trainer.devices} ranks reads the whole model",
    )
