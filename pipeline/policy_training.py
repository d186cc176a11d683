"""What sft, dpo and sft_control have in common: fit with a scoreboard, choose an epoch, export it verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

from eval.scoreboard_shape import read_scoreboard
from eval.selection import choose_epoch
from eval.suites.loading import scoreboard_prompts
from models.adapters.lora import trainable_state
from models.config import ModelConfig
from models.layout.collation import Collation
from models.loading.load import load_tokenizer
from models.ranks import is_sharded
from pipeline.harm_model import ACCEPTS, AUDITED, harm_model
from pipeline.policies import (
    HARDWARE,
    lineage,
    policy_to_train,
    trained_for_generation,
    trained_policy,
)
from pipeline.recording.wandb_stage import resolved_config, tie
from pipeline.run.stage import Context
from records.contracts import Scorer
from records.errors import ArtifactError
from records.hash_beside import hash_faults
from records.run_files import PROMPTS
from records.stage_folder import write_json
from reward.scorers import RefusalRule
from train.config import loads_sharded
from train.engine.candidates import candidate_steps

if TYPE_CHECKING:
    import pytorch_lightning as pl

    from eval.measure import Measured
    from eval.scoreboard import Follower, Scoreboard
    from train.engine.batches import BatchPlan
    from train.engine.module import TrainedModule

MEASURED = ("eval.generation", "eval.scoreboard", "eval.confidence")
"""What of the eval block a training stage depends on: how its scoreboard measures."""
TRAINED_BY = tuple(
    f"trainer.{name}" for name in ("precision", "gradient_clip_norm", "weight_decay", "warmup")
)
"""What of the trainer block a result depends on. Ranks, strategy and token budget are not in it: a job may go on with others."""

MEASURED_ON = (PROMPTS.of("val"), *AUDITED)
"""What every training reads for its scoreboard."""
BESIDE = (*HARDWARE, "wandb", ACCEPTS)
"""What a training sees besides, without its result depending on it."""


@dataclass(frozen=True)
class Training:
    """One policy training: where it starts, on what, and for how long."""

    start: ModelConfig
    rows_of: Callable[[Any, Collation], Any]
    """Rows with `lengths`, `weights` and `collate`, from (tokenizer, how token rows become a batch)."""
    module_of: Callable[[Any, dict[str, Any]], TrainedModule]
    """The LightningModule from (adapted model, optimisation settings)."""
    epochs: int
    global_batch_size: int
    before: list[dict[str, Any]] = field(default_factory=list)
    """Scoreboard of the stage that made the starting policy: its first row is the run's base policy, its kept row is this one's epoch 0."""
    before_epoch: int = 0
    """The epoch that was kept there."""
    began_with: Path | None = None
    """The directory of that stage; None where training starts from the run's base policy."""
    callbacks_of: Callable[[Any], Sequence[pl.Callback]] = lambda rows: ()
    """What the training needs beside the scoreboard, from its rows."""
    plan_of: Callable[[Any], BatchPlan] | None = None
    """How its rows are cut into steps, where that is not by `global_batch_size`."""
    candidates_per_epoch: int = 1
    """How often in an epoch the policy is measured."""
    follower: Follower | None = None
    """What goes by the scoreboard's rows."""
    watch: Watch | None = None


@dataclass(frozen=True)
class Watch:
    """What an online training adds to its scoreboard, all of which it measures itself, its first row too."""

    harm_model: Callable[[], Scorer]
    """The one that rewards are made of, which measures too."""
    scorers: Callable[[], Sequence[Scorer]]
    """Beside it and the refusal rule."""
    also: Callable[[Sequence[Measured]], dict[str, Any]]
    """Further entries of a row."""
    callbacks: Sequence[pl.Callback]
    """What follows the scoreboard."""
    candidates: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
    """The rows that may be kept. Raises PrimumError where there is none."""


def train_policy(context: Context, training: Training) -> dict[str, Any]:
    """Writes scoreboard.jsonl, metrics.jsonl, selection.json, policy/ and adapter/ into the stage's directory."""
    from train.engine.trainer import fit

    config = context.config
    tokenizer = load_tokenizer(training.start)
    model, batch_rows, load = policy_to_train(config, training.start, tokenizer, context.say)
    rows = training.rows_of(tokenizer, batch_rows)
    plan = _plan(context, training, rows)
    total_steps = training.epochs * plan.steps_per_epoch
    context.say(
        f"{len(rows.lengths)} rows, {training.epochs} epoch(s) of {plan.steps_per_epoch} steps"
    )
    optimisation = {
        "weight_decay": config.trainer.weight_decay,
        "warmup": config.trainer.warmup,
        "total_steps": total_steps,
    }
    module = training.module_of(model, optimisation)
    steps = candidate_steps(plan.steps_per_epoch, training.candidates_per_epoch)
    scoreboard = _scoreboard(context, training, steps)
    loggers = _loggers(context, training)
    fit(
        module,
        rows,
        config.trainer,
        plan,
        epochs=training.epochs,
        work=context.directory.work,
        label=context.directory.name,
        callbacks=[
            *training.callbacks_of(rows),
            scoreboard,
            *(training.watch.callbacks if training.watch else ()),
        ],
        loggers=loggers,
        load=load,
        measured_within=steps,
    )
    summary = _keep_best(context, training, scoreboard, total_steps) if context.rank == 0 else {}
    _end_recording(context, loggers[1:])
    return summary


def _plan(context: Context, training: Training, rows: Any) -> BatchPlan:
    if training.plan_of:
        return training.plan_of(rows)
    from train.engine.trainer import batch_plan

    config = context.config
    return batch_plan(
        rows,
        config.trainer,
        global_batch_size=training.global_batch_size,
        epochs=training.epochs,
        seed=config.seed,
    )


def _scoreboard(context: Context, training: Training, steps: tuple[int, ...]) -> Scoreboard:
    from eval.scoreboard import Measuring, Scoreboard

    config = context.config
    prompts = context.read(PROMPTS.of("val"))
    generation, wanted = config.eval.generation, config.eval.scoreboard
    scorers: list[Scorer] = []
    if context.rank == 0 or loads_sharded(
        config.trainer
    ):  # a rank that only waits keeps its memory
        scorers = [
            _harm_model(context, training),
            RefusalRule(),
            *(training.watch.scorers() if training.watch else ()),
        ]

    def policy_of(state: dict[str, torch.Tensor]) -> Any:
        return trained_for_generation(
            config, training.start, config.model.adapter, state, generation
        )

    known = [] if training.watch else training.before
    first_row = next((row for row in known if row["epoch"] == training.before_epoch), None)
    measuring = Measuring(
        scoreboard_prompts(prompts, wanted.harmful_prompts, wanted.benign_prompts),
        generation,
        scorers,
        config.eval.confidence,
        load_tokenizer(training.start),
        policy_of,
        context.say,
        first_row=first_row,
        **({"also": training.watch.also} if training.watch else {}),
    )
    path, epochs = context.path / "scoreboard.jsonl", context.directory.work / "epochs"
    within = steps if len(steps) > 1 else ()
    return Scoreboard(
        context.directory.name, path, epochs, measuring, state_of, within, training.follower
    )


def _harm_model(context: Context, training: Training) -> Scorer:
    if training.watch:
        return training.watch.harm_model()
    return harm_model(context, context.config.eval.generation)


def state_of(module: pl.LightningModule) -> dict[str, torch.Tensor]:
    """The trained tensors, whole. Where they are sharded all ranks must call it, and rank 0 alone gets them, one after the other."""
    if not is_sharded(module.model):
        return trainable_state(module.model)
    from train.engine.deepspeed_strategy import gathered

    whole = {}
    for name, parameter in module.model.named_parameters():
        if parameter.requires_grad:
            with gathered([parameter]):
                if module.trainer.is_global_zero:
                    whole[name] = parameter.detach().cpu().clone()
    return whole


def _loggers(context: Context, training: Training) -> list[Any]:
    from train.engine.loggers import (
        JsonLinesLogger,
        forget_metrics_after,
        wandb_logger,
        wandb_mode,
        wandb_run_id,
    )
    from train.engine.trainer import resumed_step

    config = context.config
    metrics = context.path / "metrics.jsonl"
    if context.rank == 0:
        measured = len(read_scoreboard(context.path / "scoreboard.jsonl"))
        for line in forget_metrics_after(metrics, resumed_step(context.directory.work), measured):
            context.say(line)
    loggers: list[Any] = [JsonLinesLogger(metrics)]
    mode, why = wandb_mode(config.wandb)
    run_dir = context.path.parent
    if context.rank == 0 and (mode != "disabled" or training.began_with is None):
        context.say(f"wandb {mode} ({why})")
    if context.rank:
        return loggers
    run_id = wandb_run_id(context.directory.work)
    recorder = wandb_logger(
        config.wandb,
        folder=run_dir,
        stage=context.directory.name,
        run_name=run_dir.name,
        run_id=run_id,
        settings=resolved_config(context),
    )
    return [*loggers, recorder] if recorder else loggers


def _end_recording(context: Context, recorders: Sequence[Any]) -> None:
    """The stages that were read and the epoch that was kept, into the run that the losses went to."""
    from train.engine.wandb_mode import wandb_mode

    for recorder in recorders:
        stages = dict.fromkeys(name.split("/")[0] for name in context.reads)
        tie(recorder.experiment, context, stages, wandb_mode(context.config.wandb)[0])
        recorder.experiment.finish()


def _keep_best(
    context: Context, training: Training, scoreboard: Scoreboard, total_steps: int
) -> dict[str, Any]:
    from eval.scoreboard import epoch_file
    from models.export import differences, export_policy

    rows = read_scoreboard(scoreboard.path)
    candidates = training.watch.candidates(rows) if training.watch else rows
    selection = choose_epoch(
        candidates, context.config.eval.scoreboard, (training.before or rows)[0]
    )
    epoch = selection.epoch
    word = "epoch" if selection.epochs_trained is None else "candidate"
    context.say(f"{word} {epoch} kept: {selection.reason}")
    steps = next(row["step"] for row in rows if row["epoch"] == epoch)
    kept = {**selection.to_json(), "optimiser_steps": steps, "epochs": training.epochs}
    write_json(context.path / "selection.json", kept)
    chosen = epoch_file(scoreboard.epochs_folder, epoch)
    if faults := hash_faults(chosen):
        raise ArtifactError([*faults, "run the same command again: the stage is begun anew"])
    state = load_file(chosen)
    policy = trained_policy(
        training.start, context.config.model.adapter, state, seed=context.config.seed
    )
    report = export_policy(
        policy,
        load_tokenizer(training.start),
        context.path,
        lineage(context.config, training.began_with),
    )
    context.say(
        f"exported in {report['dtype']} and reloaded: logits differ by {differences(report)}"
    )
    return {"epoch": epoch, "optimiser_steps": steps, "total_steps": total_steps}
