"""How a policy is trained, and on what hardware."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """Hardware and bookkeeping, shared by every training stage."""

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = 1
    """Ranks on this node."""
    num_nodes: int = 1
    strategy: Literal["auto", "ddp", "deepspeed"] = "auto"
    """auto is one process for one device and ddp for more."""
    zero_stage: int = 2
    """DeepSpeed: 1 shards optimiser states, 2 gradients too, 3 parameters too."""
    offload: Literal["none", "cpu", "nvme"] = "none"
    """DeepSpeed: optimiser states, and in ZeRO-3 the weights too, wait in the host's memory or on a node's disk while they are not needed. Slow;
    for a model that the GPUs at hand cannot hold. nvme needs ZeRO-3 and DeepSpeed's async_io (libaio)."""
    offload_path: str = ""
    """Folder on a local disk of every node, for offload=nvme."""
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    """auto is bf16-mixed where the processor multiplies bfloat16 natively, else 32-true; weights stay float32."""
    micro_batch_tokens: int = 4096
    """Tokens that a rank holds at once in training: memory grows with it, speed hardly once it is in the thousands. A longer row goes alone."""
    gradient_checkpointing: bool = False
    """Keep each layer's input only and compute the rest again in the backward pass: a third more arithmetic, a fraction of the memory."""
    gradient_clip_norm: float = 1.0
    weight_decay: float = 0.0
    warmup: float = 0.1
    """Share of all steps over which the learning rate rises; a cosine brings it to zero after that."""
    checkpoint_every_steps: int = 10
    """A killed stage loses at most this many optimiser steps."""
    cpu_threads: int | None = None
    """Threads a CPU rank may use; None takes all cores, shared between the ranks of a node."""

    def __post_init__(self) -> None:
        if self.devices < 1 or self.num_nodes < 1:
            raise ValueError(f"trainer.devices and trainer.num_nodes must be at least 1, got {self.devices} and {self.num_nodes}")
        if self.zero_stage not in (1, 2, 3):
            raise ValueError(f"trainer.zero_stage must be 1, 2 or 3, got {self.zero_stage}")
        if self.offload != "none" and self.strategy != "deepspeed":
            raise ValueError(f"trainer.offload={self.offload} needs trainer.strategy=deepspeed, got {self.strategy}")
        if self.offload == "nvme" and (self.zero_stage != 3 or not self.offload_path):
            got = f"{self.zero_stage} and {self.offload_path!r}"
            raise ValueError(
                f"trainer.offload=nvme needs trainer.zero_stage=3 and trainer.offload_path, a folder on a local disk; got {got}"
            )
        if not 0 <= self.warmup < 1 or self.gradient_clip_norm <= 0:
            raise ValueError("trainer.warmup must be in [0, 1) and trainer.gradient_clip_norm > 0")
        if self.weight_decay < 0 or (self.cpu_threads is not None and self.cpu_threads < 1):
            raise ValueError(
                f"trainer.weight_decay must be >= 0 and trainer.cpu_threads at least 1, or null for all cores, got {self.weight_decay} and "
                f"{self.cpu_threads}"
            )
        if self.strategy == "deepspeed" and self.precision == "16-mixed":
            raise ValueError("trainer.precision=16-mixed does not go with trainer.strategy=deepspeed; use bf16-mixed or 32-true")
        if self.checkpoint_every_steps < 1 or self.micro_batch_tokens < 1:
            got = f"{self.checkpoint_every_steps} and {self.micro_batch_tokens}"
            raise ValueError(f"trainer.checkpoint_every_steps and trainer.micro_batch_tokens must be at least 1, got {got}")

    @property
    def world_size(self) -> int:
        return self.devices * self.num_nodes

    def rank(self, environment: Mapping[str, str]) -> int:
        """This process's global rank as its launcher says in the environment: srun, torchrun, or Lightning for its own children."""
        launched = environment.get("SLURM_PROCID") if under_slurm(environment) else environment.get("RANK")
        if launched is not None:
            return int(launched)
        return int(environment.get("NODE_RANK") or 0) * self.devices + int(environment.get("LOCAL_RANK") or 0)


def under_slurm(environment: Mapping[str, str]) -> bool:
    """Started by srun, by the signs that Lightning goes by: a shell inside a job is not."""
    return {"SLURM_NTASKS", "SLURM_PROCID"} <= set(environment) and environment.get("SLURM_JOB_NAME") not in ("bash", "interactive")


@dataclass(frozen=True, kw_only=True)
class WandbConfig:
    mode: Literal["auto", "online", "offline", "disabled"] = "auto"
    """auto is online when WANDB_API_KEY is set, else off; WANDB_MODE in the environment decides before it."""
    project: str = "primum"
    entity: str | None = None
    group: str | None = None


def wandb_trouble(config: WandbConfig) -> list[str]:
    """Why runs would not be recorded where the config wants them, with the remedy."""
    asked = config.mode if config.mode != "auto" else os.environ.get("WANDB_MODE", "auto")
    if asked != "online" or os.environ.get("WANDB_API_KEY") or _has_wandb_login():
        return []
    return ["wandb is online but no key is set; export WANDB_API_KEY, run `wandb login`, or set wandb.mode=offline and `wandb sync` later"]


def _has_wandb_login() -> bool:
    netrc = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    return netrc.is_file() and "api.wandb.ai" in netrc.read_text(encoding="utf-8", errors="replace")


@dataclass(frozen=True, kw_only=True)
class SftConfig:
    """Supervised fine-tuning on safe answers and benign replay; the loss is taken on completion tokens only."""

    epochs: int = 2
    learning_rate: float = 2e-4
    global_batch_size: int = 16
    benign_answers: Literal["base", "reference", "both"] = "base"
    """Benign replay: the base policy's own answer where it does not refuse (keeps what the model knows), the reference answer, or both."""

    def __post_init__(self) -> None:
        _check_optimisation("sft", self.epochs, self.learning_rate, self.global_batch_size)


MOST_ROUNDS = 9
"""A round costs as much as the first."""


@dataclass(frozen=True, kw_only=True)
class DpoConfig:
    """Direct preference optimisation from the SFT policy, against that policy's own log-probabilities."""

    loss: Literal["sigmoid", "ipo"] = "sigmoid"
    beta: float = 0.1
    """Pull towards the reference; larger stays closer. Dimensionless (sigmoid); for ipo the target margin is 1 / (2 beta)."""
    label_smoothing: float = 0.0
    """Probability that a preference is the wrong way round (conservative DPO); sigmoid only."""
    sft_weight: float = 0.0
    """Weight of the chosen completion's negative log-likelihood per token, which keeps its probability from falling (RPO)."""
    epochs: int = 1
    learning_rate: float = 5e-5
    global_batch_size: int = 16
    rounds: int = 1
    """How often to sample, score, build pairs and train; from the second round on, with what the last round's policy answers."""

    def __post_init__(self) -> None:
        if not 1 <= self.rounds <= MOST_ROUNDS:
            raise ValueError(f"dpo.rounds must be 1 to {MOST_ROUNDS}, got {self.rounds}")
        _check_optimisation("dpo", self.epochs, self.learning_rate, self.global_batch_size)
        if self.beta <= 0:
            raise ValueError(f"dpo.beta must be > 0, got {self.beta}; 0 would ignore the reference model")
        if self.sft_weight < 0:
            raise ValueError(f"dpo.sft_weight must be >= 0, got {self.sft_weight}; below 0 it would unlearn what is chosen")
        if not 0 <= self.label_smoothing < 0.5:
            raise ValueError(f"dpo.label_smoothing must be in [0, 0.5), got {self.label_smoothing}")
        if self.loss == "ipo" and self.label_smoothing:
            raise ValueError("dpo.label_smoothing applies to the sigmoid loss only")


@dataclass(frozen=True, kw_only=True)
class ControlConfig:
    """SFT from the same policy on the same chosen completions for as many optimiser steps as DPO: what DPO must beat."""

    enabled: bool = True


def loads_sharded(config: TrainerConfig) -> bool:
    """Whether ranks read their shards of a model only, once they can talk; until then nobody has any weight."""
    return config.strategy == "deepspeed" and config.zero_stage == 3


def _check_optimisation(stage: str, epochs: int, learning_rate: float, global_batch: int) -> None:
    if epochs < 1 or learning_rate <= 0:
        raise ValueError(f"{stage}.epochs must be >= 1 and {stage}.learning_rate > 0, got {epochs} and {learning_rate}")
    if global_batch < 1:
        raise ValueError(f"{stage}.global_batch_size must be at least 1, got {global_batch}")
