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
from pipeline.harm_model import AUDITED, harm_model
from pipeline.policies import (
    lineage,
    policy_to_train,
    trained_for_generation,
    trained_policy,
)
from pipeline.policy_recipe import Training, TrainingSettings
from pipeline.recording.training_loggers import end_recording, training_loggers
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.views import Trains
from records.contracts import Scorer
from records.errors import ArtifactError
from records.hash_beside import hash_faults
from records.run_files import PROMPTS
from records.stage_folder import write_json
from reward.scorers import RefusalRule
from train.config import TrainerConfig, loads_sharded
from train.engine.candidates import candidate_steps
from train.engine.optimisation import Optimisation

if TYPE_CHECKING:
    from eval.scoreboard import Scoreboard
    from train.engine.batches import BatchPlan
    from train.engine.rows import TrainingRows


MEASURED_ON = (PROMPTS.of("val"), *AUDITED)
"""What every training reads for its scoreboard."""


def train_policy(settings: TrainingSettings, place: Place, training: Training) -> dict[str, Any]:
    """Writes scoreboard.jsonl, metrics.jsonl, selection.json, policy/ and adapter/."""
    from train.engine.trainer import Observers, fit

    tokenizer = load_tokenizer(training.start)
    model, batch_rows, load = policy_to_train(settings, training.start, tokenizer, place.say)
    rows = training.rows_of(tokenizer, batch_rows)
    plan = _plan(training, rows, settings.trainer, settings.seed)
    total_steps = training.epochs * plan.steps_per_epoch
    place.say(
        f"{len(rows.lengths)} rows, {training.epochs} epoch(s) of {plan.steps_per_epoch} steps"
    )
    optimisation = Optimisation(
        learning_rate=training.learning_rate, total_steps=total_steps, optimiser=training.optimiser
    )
    module = training.module_of(model, optimisation)
    steps = candidate_steps(plan.steps_per_epoch, training.candidates_per_epoch)
    # None where ranks read shards: whoever measures then loads the policy anew.
    policy = LanguageModel(None if load else model, tokenizer)
    scoreboard = _scoreboard(settings, place, training, policy, steps)
    loggers = training_loggers(place, settings.wandb, begins_run=training.began_with is None)
    fit(
        module,
        rows,
        settings.trainer,
        plan,
        Observers(
            label=place.name,
            callbacks=[
                *training.callbacks_of(rows),
                scoreboard,
                *(training.watch.callbacks if training.watch else ()),
            ],
            loggers=loggers,
            measured_within=steps,
        ),
        work=place.work,
        load=load,
    )
    summary = {}
    if place.rank == 0:
        # Rank 0 alone chooses and exports; the others would write the same files.
        summary = _keep_best(settings, place, training, policy, scoreboard)
        summary["total_steps"] = total_steps
    # After the export, so that wandb's run ends with what was kept.
    end_recording(place.path, training.reads, settings.wandb, loggers[1:])
    return summary


def _plan(training: Training, rows: TrainingRows, trainer: TrainerConfig, seed: int) -> BatchPlan:
    if training.plan_of:
        return training.plan_of(rows)
    from train.engine.trainer import batch_plan

    size, epochs = training.global_batch_size, training.epochs
    return batch_plan(rows, trainer, global_batch_size=size, epochs=epochs, seed=seed)


def _scoreboard(
    settings: TrainingSettings,
    place: Place,
    training: Training,
    policy: LanguageModel,
    steps: tuple[int, ...],
) -> Scoreboard:
    from eval.scoreboard import Measuring, Scoreboard
    from train.engine.weights import state_of

    wanted = settings.scoreboard
    scorers: list[Scorer] = []
    # A rank that only waits keeps its memory.
    if place.rank == 0 or loads_sharded(settings.trainer):
        scorers = [
            training.harm_model(),
            RefusalRule(),
            *(training.watch.scorers() if training.watch else ()),
        ]

    def policy_of(state: dict[str, torch.Tensor]) -> Any:
        return trained_for_generation(settings, training.start, state, policy.model)

    known = [] if training.watch else training.before
    # The policy that this training begins with was measured by the stage before; its figures are
    # taken over.
    first_row = next((row for row in known if row.epoch == training.before_epoch), None)
    measuring = Measuring(
        scoreboard_prompts(training.validation, wanted.harmful_prompts, wanted.benign_prompts),
        settings.generation,
        scorers,
        settings.confidence,
        policy.tokenizer,
        policy_of,
        place.say,
        first_row=first_row,
        **({"also": training.watch.also} if training.watch else {}),
    )
    path, epochs = place.path / "scoreboard.jsonl", place.work / "epochs"
    # With one candidate an epoch there is nothing to measure within it.
    within = steps if len(steps) > 1 else ()
    return Scoreboard(place.name, path, epochs, measuring, state_of, within, training.follower)


def _keep_best(
    settings: TrainingSettings,
    place: Place,
    training: Training,
    trained: LanguageModel,
    scoreboard: Scoreboard,
) -> dict[str, Any]:
    from eval.scoreboard import epoch_file
    from models.export import differences, export_policy

    rows = read_scoreboard(scoreboard.path)
    candidates = training.watch.candidates(rows) if training.watch else rows
    selection = choose_epoch(candidates, settings.scoreboard, (training.before or rows)[0])
    epoch = selection.epoch
    word = "epoch" if selection.epochs_trained is None else "candidate"
    place.say(f"{word} {epoch} kept: {selection.reason}")
    steps = next(row.step for row in rows if row.epoch == epoch)
    kept = {**selection.to_json(), "optimiser_steps": steps, "epochs": training.epochs}
    write_json(place.path / "selection.json", kept)
    chosen = epoch_file(scoreboard.epochs_folder, epoch)
    # The file was written hours ago, maybe on another node; a flipped bit would be exported as the
    # policy.
    if faults := hash_faults(chosen):
        raise ArtifactError([*faults, "run the same command again: the stage is begun anew"])
    start, adapter = training.start, settings.model.adapter
    policy = trained_policy(
        start, adapter, load_file(chosen), seed=settings.seed, known=trained.model
    )
    report = export_policy(
        policy, trained.tokenizer, place.path, lineage(settings.model, training.began_with)
    )
    place.say(f"exported in {report['dtype']} and reloaded: logits differ by {differences(report)}")
    return {"epoch": epoch, "optimiser_steps": steps}


def measured_by(config: Trains, inputs: Inputs) -> dict[str, Any]:
    """What the scoreboard of every offline training measures on and with, and the stages read."""
    return {
        "validation": inputs.read(PROMPTS.of("val")),
        "harm_model": lambda: harm_model(config, inputs, config.eval.generation),
        "reads": inputs.stages,
    }
