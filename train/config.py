"""How a policy is trained, and on what hardware."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from records.setting_ranges import MANY, Ranged, ranged
from train.engine.optimisation import OptimiserConfig


@dataclass(frozen=True, kw_only=True)
class TrainerConfig(Ranged):
    """Hardware and bookkeeping, shared by every training stage.

    How weights move is each method's own: `optimiser`.
    """

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = ranged(1, at_least=1, at_most=10_000)
    """Ranks on this node."""
    num_nodes: int = ranged(1, at_least=1, at_most=100_000)
    strategy: Literal["auto", "ddp", "deepspeed"] = "auto"
    """auto is one process for one device and ddp for more."""
    zero_stage: int = ranged(2, at_least=1, at_most=3)
    """DeepSpeed: 1 shards optimiser states, 2 gradients too, 3 parameters too."""
    offload: Literal["none", "cpu", "nvme"] = "none"
    """DeepSpeed: optimiser states, and in ZeRO-3 the weights too, wait in the host's memory or on a
    node's disk while they are not needed. Slow; for a model that the GPUs at hand cannot hold. nvme
    needs ZeRO-3 and DeepSpeed's async_io (libaio)."""
    offload_path: str = ""
    """Folder on a local disk of every node, for offload=nvme."""
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    """auto is bf16-mixed where the processor multiplies bfloat16 natively, else 16-mixed on a GPU
    (V100, T4) and 32-true on a CPU and under DeepSpeed; weights stay float32."""
    micro_batch_tokens: int = ranged(4096, at_least=1, at_most=MANY)
    """Tokens that a rank holds at once in training: memory grows with it, speed hardly once it is
    in the thousands. A longer row goes alone."""
    gradient_checkpointing: bool = False
    """Keep each layer's input only and compute the rest again in the backward pass: a third more
    arithmetic, a fraction of the memory."""
    compile_layers: Literal["auto", "on", "off"] = "auto"
    """Compile the decoder layer of packed rows: two fifths of the kernels to launch. auto: on a
    GPU, where launches take longer than a small model's arithmetic; not on a CPU, where the
    compiler takes 20 to 40 s of a core before the first step, and needs a C++ compiler."""
    checkpoint_every_steps: int = ranged(10, at_least=1, at_most=MANY)
    """A killed stage loses at most this many optimiser steps."""
    cpu_threads: int | None = ranged(None, at_least=1, at_most=1024)
    """Threads a CPU rank may use; None takes all cores, shared between the ranks of a node."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.offload != "none" and self.strategy != "deepspeed":
            raise ValueError(
                f"trainer.offload={self.offload} needs trainer.strategy=deepspeed, got "
                f"{self.strategy}"
            )
        # DeepSpeed offers a disk with stage 3 only.
        if self.offload == "nvme" and (self.zero_stage != 3 or not self.offload_path):
            got = f"{self.zero_stage} and {self.offload_path!r}"
            raise ValueError(
                "trainer.offload=nvme needs trainer.zero_stage=3 and trainer.offload_path, a "
                f"folder on a local disk; got {got}"
            )
        if self.compile_layers == "on" and loads_sharded(self):
            raise ValueError(
                "trainer.compile_layers=on does not go with trainer.zero_stage=3, whose hooks "
                "gather a layer's weights; set it to auto or off"
            )
        if self.strategy == "deepspeed" and self.precision == "16-mixed":
            raise ValueError(
                "trainer.precision=16-mixed does not go with trainer.strategy=deepspeed; use "
                "bf16-mixed or 32-true"
            )

    @property
    def world_size(self) -> int:
        """Ranks of all nodes."""
        return self.devices * self.num_nodes

    def rank(self, environment: Mapping[str, str]) -> int:
        """This process's global rank as its launcher says in the environment: srun, torchrun, or
        Lightning for its own children.
        """
        # Under srun RANK may be left over from the shell that submitted the job.
        launched = (
            environment.get("SLURM_PROCID") if under_slurm(environment) else environment.get("RANK")
        )
        if launched is not None:
            return int(launched)
        # Lightning's children carry their place on the node; the parent, rank 0 of its node, has
        # none.
        return int(environment.get("NODE_RANK") or 0) * self.devices + int(
            environment.get("LOCAL_RANK") or 0
        )


def under_slurm(environment: Mapping[str, str]) -> bool:
    """Started by srun, by the signs that Lightning goes by: a shell inside a job is not."""
    return {"SLURM_NTASKS", "SLURM_PROCID"} <= set(environment) and environment.get(
        "SLURM_JOB_NAME"
    ) not in ("bash", "interactive")


@dataclass(frozen=True, kw_only=True)
class WandbConfig:
    mode: Literal["auto", "online", "offline", "disabled"] = "auto"
    """auto is online when WANDB_API_KEY is set, else off; WANDB_MODE in the environment decides
    before it."""
    project: str = "primum"
    entity: str | None = None
    group: str | None = None


def wandb_trouble(config: WandbConfig) -> list[str]:
    """Why runs would not be recorded where the config wants them, with the remedy."""
    asked = config.mode if config.mode != "auto" else os.environ.get("WANDB_MODE", "auto")
    if asked != "online" or os.environ.get("WANDB_API_KEY") or _has_wandb_login():
        return []
    return [
        "wandb is online but no key is set; export WANDB_API_KEY, run `wandb login`, or set "
        "wandb.mode=offline and `wandb sync` later"
    ]


def _has_wandb_login() -> bool:
    # Where `wandb login` leaves the key, under the name of the server: a user's own may be set.
    server = urlsplit(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname
    netrc = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if not server or not netrc.is_file():
        return False
    return server in netrc.read_text(encoding="utf-8", errors="replace").lower().split()


@dataclass(frozen=True, kw_only=True)
class SftConfig(Ranged):
    """Supervised fine-tuning on safe completions and benign replay; the loss is taken on completion
    tokens only.
    """

    epochs: int = ranged(2, at_least=1, at_most=10_000)
    learning_rate: float = ranged(2e-4, above=0, at_most=1)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    global_batch_size: int = ranged(16, at_least=1, at_most=1_000_000)
    benign_answers: Literal["base", "reference", "both"] = "base"
    """Benign replay: the base policy's own completion where it does not refuse (keeps what the
    model knows), the reference completion, or both."""


MOST_ROUNDS = 9
"""A round costs as much as the first."""


@dataclass(frozen=True, kw_only=True)
class MultiplierConfig(Ranged):
    """How the weight of a suite's over-refusal pairs against the harm pairs follows
    `dpo.over_refusal_limit`.
    """

    follows: Literal["difference", "upper_end"] = "difference"
    """What is held against the limit: the measured rise above the base, or the upper end of its
    interval at `eval.scoreboard.confidence`, which is what decides the choice of an epoch. Of a few
    dozen prompts the difference is mostly noise, and what looks like room is none."""
    start: float = ranged(1.0, at_least=0, at_most=1000)
    """Before the first measurement."""
    rate: float = ranged(5.0, above=0, at_most=1000)
    """What an excess of 100 points over the limit adds, at each measurement; 10 points add a
    tenth."""
    proportional: float = ranged(0.0, at_least=0, at_most=1000)
    """What an excess of 100 points adds for as long as it lasts, until the next measurement; room
    below the limit takes as much away. `rate` adds up what was too much, so that alone it is
    highest when the excess is gone, and swings; this acts at once and damps it (PID Lagrangian,
    arXiv 2007.03964)."""
    cap: float = ranged(10.0, above=0, at_most=1000)
    """No multiplier grows beyond this: a limit that cannot be held must not drown the harm
    pairs."""


@dataclass(frozen=True, kw_only=True)
class DpoConfig(Ranged):
    """Direct preference optimisation from the SFT policy, against that policy's own
    log-probabilities.
    """

    loss: Literal["sigmoid", "ipo", "kto"] = "sigmoid"
    """sigmoid is DPO; kto learns from single completions with a thumb up or down (`unpaired`)."""
    beta: float = ranged(0.1, above=0, at_most=100, why="0 would ignore the reference model")
    """Pull towards the reference; larger stays closer. Dimensionless (sigmoid); for ipo the target
    margin is 1 / (2 beta)."""
    label_smoothing: float = ranged(0.0, at_least=0, below=0.5)
    """Probability that a preference is the wrong way round (conservative DPO); sigmoid only."""
    sft_weight: float = ranged(
        0.0, at_least=0, at_most=1000, why="below 0 it would unlearn what is chosen"
    )
    """Weight of the chosen completion's negative log-likelihood per token, which keeps its
    probability from falling (RPO)."""
    unpaired: list[str] = field(default_factory=list)
    """kto: files of rows with prompt, completion and label (true is desirable), as `primum
    review-import` and TRL write them. Without any, both sides of every preference pair are such
    rows."""
    desirable_weight: float = ranged(1.0, at_least=0, at_most=1000)
    """kto: weight of the loss of desirable completions."""
    undesirable_weight: float = ranged(1.0, at_least=0, at_most=1000)
    """kto: weight of the loss of undesirable completions. Where there are k times as many desirable
    ones, about k balances."""
    epochs: int = ranged(1, at_least=1, at_most=10_000)
    learning_rate: float = ranged(5e-5, above=0, at_most=1)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    global_batch_size: int = ranged(16, at_least=1, at_most=1_000_000)
    candidates_per_epoch: int = ranged(1, at_least=1, at_most=1000)
    """How often in an epoch the policy is measured on validation prompts and offered to the choice,
    at even distances, the last time at the epoch's end. Each costs the generation of the
    scoreboard's completions."""
    over_refusal_limit: float | None = ranged(None, at_least=0, at_most=1)
    """Least harm with over-refusal on every benign suite at most this much above the base's (0.1 is
    10 points): over-refusal pairs of each suite weigh in the loss by a multiplier that follows the
    scoreboard. None gives every pair the same weight."""
    multipliers: MultiplierConfig = field(default_factory=MultiplierConfig)
    rounds: int = ranged(1, at_least=1, at_most=MOST_ROUNDS)
    """How often to sample, score, build pairs and train; from the second round on, with what the
    last round's policy writes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss == "ipo" and self.label_smoothing:
            raise ValueError("dpo.label_smoothing applies to the sigmoid loss only")
        faults = _not_with_kto(self) if self.loss == "kto" else []
        if self.loss != "kto" and self.unpaired:
            faults.append(
                f"dpo.unpaired names rows with thumbs, which dpo.loss={self.loss} cannot learn "
                "from; set dpo.loss=kto"
            )
        if faults:
            raise ValueError("; ".join(faults))


def _not_with_kto(config: DpoConfig) -> list[str]:
    """Settings that need pairs, which KTO does not have."""
    # Values with which the setting changes nothing, so that a config may state them.
    neutral = {"label_smoothing": 0, "sft_weight": 0, "over_refusal_limit": None}
    given = {name: getattr(config, name) for name in neutral}
    needs = (
        "needs preference pairs, and dpo.loss=kto learns from single completions; take one of the "
        "two out"
    )
    faults = []
    for name, value in given.items():
        if value != neutral[name]:
            faults.append(f"dpo.{name}={value} {needs}")
    if not config.desirable_weight and not config.undesirable_weight:
        faults.append(
            "dpo.desirable_weight and dpo.undesirable_weight are both 0: nothing would be learnt"
        )
    return faults


@dataclass(frozen=True, kw_only=True)
class ControlConfig:
    """SFT from the same policy on the same chosen completions for as many optimiser steps as DPO:
    what DPO must beat.
    """

    enabled: bool = True


def loads_sharded(config: TrainerConfig) -> bool:
    """Whether ranks read their shards of a model only, once they can talk; until then nobody has
    any weight.
    """
    return config.strategy == "deepspeed" and config.zero_stage == 3
