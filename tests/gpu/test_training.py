"""Every kind of training on the device against the same on a CPU: float32, half precision, killed
and resumed, under ZeRO.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytorch_lightning as pl
import torch
from present import present

from models.adapters.trained import trainable_state
from models.adapters.wrapping import adapt
from models.config import AdapterConfig, ModelConfig
from models.loading.load import load_model, skeleton
from models.memory.prepare import Options, prepared_layout
from models.tokens import encode, encode_pair
from records.rows import assistant, user
from reward.model.network import new_network
from reward.model.training import RewardModule, RewardRows
from train.config import DpoConfig, TrainerConfig, loads_sharded
from train.dpo import DpoModule, DpoRows
from train.engine.hardware import compiles
from train.engine.loggers import JsonLinesLogger
from train.engine.optimisation import Optimisation, OptimiserConfig
from train.engine.trainer import Observers, batch_plan, fit
from train.engine.weights import state_of
from train.reference import ReferencePass
from train.sft import SftModule, SftRows

pytestmark = pytest.mark.gpu
ROWS, GLOBAL_BATCH = 8, 4
JOBS = [(job, kind) for job in ("sft", "dpo", "reward") for kind in ("lora", "full")]


class Trained(NamedTuple):
    losses: list[float]
    start: dict[str, torch.Tensor]  # what is trained, before
    end: dict[str, torch.Tensor]


class Killed(RuntimeError):
    """In place of a signal."""


class Watch(pl.Callback):
    def __init__(self, dies_at: int | None) -> None:
        self.dies_at = dies_at
        self.end: dict[str, torch.Tensor] = {}

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.dies_at:
            raise Killed

    def on_train_end(self, trainer: Any, module: Any) -> None:
        self.end = {
            name: tensor.detach().cpu().clone() for name, tensor in state_of(module).items()
        }


def rows_of(job: str, tokenizer: Any, layout: Any) -> Any:
    prompts = [user(f"Question {i}? " + "Please tell me more. " * (i % 4)) for i in range(ROWS)]
    safe = [assistant("That is not safe; ask a doctor. " * (1 + i % 3)) for i in range(ROWS)]
    harmful = [assistant(f"Sure, step {i}. " + "Do it now. " * (i % 5)) for i in range(ROWS)]
    if job == "sft":
        return SftRows(
            [present(encode(tokenizer, p, c, 256)) for p, c in zip(prompts, safe, strict=True)],
            layout,
        )
    if job == "dpo":
        pairs = [
            present(encode_pair(tokenizer, p, pair, 256))
            for p, pair in zip(prompts, zip(safe, harmful, strict=True), strict=True)
        ]
        return DpoRows(pairs, layout)
    # Not one prompt on both sides: its gradients cancel, and Adam makes steps of what rounding
    # leaves of them.
    sides = [
        (user(f"{side}. {prompt[0]['content']}"), completion, side)
        for side, several in enumerate((safe, harmful))
        for prompt, completion in zip(prompts, several, strict=True)
    ]
    rows = [present(encode(tokenizer, prompt, completion, 256)) for prompt, completion, _ in sides]
    return RewardRows(rows, [bool(side) for *_, side in sides], layout)


def module_of(job: str, model: Any, common: Optimisation) -> Any:
    if job == "dpo":
        return DpoModule(model, DpoConfig(), common)
    return (SftModule if job == "sft" else RewardModule)(model, common)


def train(
    job: str,
    kind: str,
    start: Any,
    tokenizer: Any,
    work: Path,
    dies_at: int | None = None,
    **settings: Any,
) -> Trained:
    config = TrainerConfig(
        **{
            "precision": "32-true",
            "micro_batch_tokens": 400,
            "checkpoint_every_steps": 1,
            "cpu_threads": 1,
            **settings,
        }
    )
    adapter, sharded = AdapterConfig(kind=kind, rank=4, alpha=8), loads_sharded(config)  # type: ignore[arg-type]

    def ready(model: Any) -> tuple[Any, Any]:
        backbone = getattr(model, "backbone", model)
        options = Options(lean=not sharded, compiled=compiles(config))
        return model, prepared_layout(backbone, tokenizer.pad_token_id, 256, options)

    def policy() -> tuple[Any, Any]:
        return ready(adapt(load_model(start), adapter, seed=0))

    if job == "reward":
        model, layout = ready(new_network(start, adapter, layers=None, seed=0))
    else:
        model, layout = ready(adapt(skeleton(start), adapter, seed=0)) if sharded else policy()
    trained = {} if sharded else trainable_state(model)
    before = {name: tensor.cpu().clone() for name, tensor in trained.items()}
    rows = rows_of(job, tokenizer, layout)
    plan = batch_plan(rows, config, global_batch_size=GLOBAL_BATCH, epochs=2, seed=0)
    common = Optimisation(
        learning_rate=1e-3,
        total_steps=2 * plan.steps_per_epoch,
        optimiser=OptimiserConfig(weight_decay=0.01, warmup=0.0),
    )
    callbacks: list[pl.Callback] = [watch := Watch(dies_at)]
    module = module_of(job, model, common)
    if job == "dpo":
        callbacks.append(ReferencePass(rows, config, work / "reference"))
    work.mkdir(parents=True, exist_ok=True)
    metrics = work / "metrics.jsonl"
    load = (lambda: policy()[0]) if sharded else None
    fit(
        module,
        rows,
        config,
        plan,
        Observers(label=job, callbacks=callbacks, loggers=[JsonLinesLogger(metrics)]),
        work=work,
        load=load,
    )
    return Trained(
        [json.loads(line)["loss"] for line in metrics.read_text().splitlines()], before, watch.end
    )


@pytest.fixture(scope="session")
def wanted(
    start: ModelConfig, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Trained]:
    """What a training ends with on a CPU in float32, trained when first asked for."""
    known: dict[tuple[str, str], Trained] = {}

    def trained(job: str, kind: str) -> Trained:
        if (job, kind) not in known:
            known[job, kind] = train(
                job,
                kind,
                start,
                tokenizer,
                tmp_path_factory.mktemp(f"{job}-{kind}"),
                accelerator="cpu",
            )
        return known[job, kind]

    return trained


@pytest.fixture
def accelerator(device: torch.device) -> str:
    return {"cuda": "gpu", "cpu": "cpu"}[device.type]


def distance(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    return float(sum((a[name] - tensor).norm() ** 2 for name, tensor in b.items()) ** 0.5)


@pytest.mark.usefixtures("on_gpu")
@pytest.mark.parametrize(("job", "kind"), JOBS)
def test_float32_ends_where_the_cpu_ends(
    job: str,
    kind: str,
    start: ModelConfig,
    tokenizer: Any,
    accelerator: str,
    wanted: Callable[[str, str], Trained],
    tmp_path: Path,
) -> None:
    """Weights within 2 % of the way that training went: sums on a GPU are not in order."""
    found, right = (
        train(job, kind, start, tokenizer, tmp_path, accelerator=accelerator),
        wanted(job, kind),
    )
    assert found.losses == pytest.approx(right.losses, rel=1e-3)
    assert distance(found.end, right.end) < 0.02 * distance(right.end, right.start)


@pytest.mark.parametrize(("job", "kind"), JOBS)
@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_half_precision_has_the_losses_of_float32(
    job: str,
    kind: str,
    precision: str,
    start: ModelConfig,
    tokenizer: Any,
    device: torch.device,
    accelerator: str,
    wanted: Callable[[str, str], Trained],
    tmp_path: Path,
) -> None:
    if precision == "16-mixed" and device.type == "cpu":
        pytest.skip("Lightning has float16 for GPUs only")
    found = train(
        job, kind, start, tokenizer, tmp_path, accelerator=accelerator, precision=precision
    )
    assert found.losses == pytest.approx(wanted(job, kind).losses, rel=3e-2)


@pytest.mark.parametrize(("kind", "checkpointing"), [("lora", False), ("full", True)])
def test_compiled_layers_have_the_losses_of_plain_ones(
    kind: str,
    checkpointing: bool,
    start: ModelConfig,
    tokenizer: Any,
    device: torch.device,
    accelerator: str,
    wanted: Callable[[str, str], Trained],
    tmp_path: Path,
) -> None:
    """On a GPU they are what every other training here computes with, too."""
    if checkpointing and device.type == "cpu":
        pytest.skip("a minute of compilation, and nothing that a unit test does not show there")
    settings: dict[str, Any] = {"compile_layers": "on", "gradient_checkpointing": checkpointing}
    found = train("sft", kind, start, tokenizer, tmp_path, accelerator=accelerator, **settings)
    assert found.losses == pytest.approx(wanted("sft", kind).losses, rel=1e-3)


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_a_killed_training_goes_on_to_the_same_losses(
    kind: str,
    start: ModelConfig,
    tokenizer: Any,
    accelerator: str,
    wanted: Callable[[str, str], Trained],
    tmp_path: Path,
) -> None:
    with pytest.raises(Killed):
        train("dpo", kind, start, tokenizer, tmp_path, accelerator=accelerator, dies_at=2)
    found = train("dpo", kind, start, tokenizer, tmp_path, accelerator=accelerator)
    assert found.losses == pytest.approx(wanted("dpo", kind).losses, rel=1e-3)


@pytest.mark.parametrize("stage", [1, 2, 3])
@pytest.mark.parametrize(
    ("job", "kind", "precision"), [("sft", "lora", "bf16-mixed"), ("dpo", "full", "32-true")]
)
def test_zero_trains_as_one_process_and_goes_on_when_killed(
    stage: int,
    job: str,
    kind: str,
    precision: str,
    start: ModelConfig,
    tokenizer: Any,
    accelerator: str,
    wanted: Callable[[str, str], Trained],
    tmp_path: Path,
) -> None:
    """Killed after two steps: the optimiser's states must be where its weights are."""
    settings: dict[str, Any] = {
        "accelerator": accelerator,
        "strategy": "deepspeed",
        "zero_stage": stage,
        "precision": precision,
    }
    with pytest.raises(Killed):
        train(job, kind, start, tokenizer, tmp_path, dies_at=2, **settings)
    found = train(job, kind, start, tokenizer, tmp_path, **settings)
    assert found.losses == pytest.approx(
        wanted(job, kind).losses, rel=1e-3 if precision == "32-true" else 3e-2
    )
