"""What sft, dpo and sft_control have in common: fit with a scoreboard, choose an epoch, export it
verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

from eval.scoreboard_shape import read_scoreboard
from eval.selection import choose_epoch
from eval.suites.loading import scoreboard_prompts
from models.loading.load import LanguageModel, load_tokenizer
from pipeline.harm_model import ACCEPTS, AUDITED, harm_model
from pipeline.policies import (
    HARDWARE,
    lineage,
    policy_to_train,
    trained_for_generation,
    trained_policy,
)
from pipeline.policy_recipe import Training
from pipeline.recording.training_loggers import end_recording, training_loggers
from pipeline.run.stage import Context
from records.contracts import Scorer
from records.errors import ArtifactError
from records.hash_beside import hash_faults
from records.run_files import PROMPTS
from records.stage_folder import write_json
from reward.scorers import RefusalRule
from train.config import loads_sharded
from train.engine.candidates import candidate_steps
from train.engine.optimisation import Optimisation

if TYPE_CHECKING:
    from eval.scoreboard import Scoreboard
    from train.engine.batches import BatchPlan
    from train.engine.rows import TrainingRows

MEASURED = ("eval.generation", "eval.scoreboard", "eval.confidence")
"""What of the eval block a training stage depends on: how its scoreboard measures."""
TRAINED_BY = ("trainer.precision",)
"""What of the trainer block a result depends on. Ranks, strategy and token budget are not in it: a
job may go on with others."""

MEASURED_ON = (PROMPTS.of("val"), *AUDITED)
"""What every training reads for its scoreboard."""
BESIDE = (*HARDWARE, "wandb", ACCEPTS)
"""What a training sees besides, without its result depending on it."""


def train_policy(context: Context, training: Training) -> dict[str, Any]:
    """Writes scoreboard.jsonl, metrics.jsonl, selection.json, policy/ and adapter/ into the stage's
    directory.
    """
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
    optimisation = Optimisation(
        learning_rate=training.learning_rate, total_steps=total_steps, optimiser=training.optimiser
    )
    module = training.module_of(model, optimisation)
    steps = candidate_steps(plan.steps_per_epoch, training.candidates_per_epoch)
    policy = LanguageModel(None if load else model, tokenizer)
    scoreboard = _scoreboard(context, training, policy, steps)
    loggers = training_loggers(context, training)
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
    summary = {}
    if context.rank == 0:
        summary = _keep_best(context, training, policy, scoreboard)
        summary["total_steps"] = total_steps
    end_recording(context, loggers[1:])
    return summary


def _plan(context: Context, training: Training, rows: TrainingRows) -> BatchPlan:
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


def _scoreboard(
    context: Context, training: Training, policy: LanguageModel, steps: tuple[int, ...]
) -> Scoreboard:
    from eval.scoreboard import Measuring, Scoreboard
    from train.engine.weights import state_of

    config = context.config
    prompts = context.read(PROMPTS.of("val"))
    generation, wanted = config.eval.generation, config.eval.scoreboard
    scorers: list[Scorer] = []
    # A rank that only waits keeps its memory.
    if context.rank == 0 or loads_sharded(config.trainer):
        scorers = [
            _harm_model(context, training),
            RefusalRule(),
            *(training.watch.scorers() if training.watch else ()),
        ]

    def policy_of(state: dict[str, torch.Tensor]) -> Any:
        return trained_for_generation(config, training.start, state, generation, policy.model)

    known = [] if training.watch else training.before
    first_row = next((row for row in known if row["epoch"] == training.before_epoch), None)
    measuring = Measuring(
        scoreboard_prompts(prompts, wanted.harmful_prompts, wanted.benign_prompts),
        generation,
        scorers,
        config.eval.confidence,
        policy.tokenizer,
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


def _keep_best(
    context: Context, training: Training, trained: LanguageModel, scoreboard: Scoreboard
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
        training.start,
        context.config.model.adapter,
        state,
        seed=context.config.seed,
        known=trained.model,
    )
    report = export_policy(
        policy,
        trained.tokenizer,
        context.path,
        lineage(context.config, training.began_with),
    )
    context.say(
        f"exported in {report['dtype']} and reloaded: logits differ by {differences(report)}"
    )
    return {"epoch": epoch, "optimiser_steps": steps}
