"""reward: train the harmfulness reward model, and show what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from data_prep.pairs.expert_labels import hash_labels
from models.adapters.trained import load_trainable_state
from models.engines.generate import generation_dtype
from models.loading.load import load_tokenizer
from models.tokens import TokenRow, encode
from pipeline.harm_model import as_used
from pipeline.model_identity import model_files
from pipeline.policies import base_config, device, training_layout
from pipeline.reward_data import PEOPLE, labels_for, made_module, training_of
from pipeline.run.declared import Part, StageSettings, beside
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.stage_room import reward_gigabytes
from pipeline.setting_parts import BaseModel, GenerationDtype
from pipeline.shipped_heads import audit_files, head_files
from records.run_files import (
    COMPLETIONS,
    DEMONSTRATIONS,
    LEARNED_FROM,
    REFUSALS,
    REWARD_MODEL,
    VALIDATION,
)
from records.stage_folder import write_json, write_records
from reward.config import RewardConfig
from reward.model.audit import audited
from reward.model.examples import RewardExample, balanced_sample, build_examples
from reward.model.harmfulness_model import save_link, save_reward_model
from reward.model.network import HarmfulnessNetwork, new_network
from train.config import TrainerConfig, loads_sharded


@dataclass(frozen=True, kw_only=True)
class UsedAs(Part):
    generation: GenerationDtype


@dataclass(frozen=True, kw_only=True)
class Settings(StageSettings):
    model: BaseModel
    reward: RewardConfig
    eval: UsedAs
    trainer: TrainerConfig = beside(but=("precision",))


def work(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Train the harm model, calibrate it and validate it on held-out labels."""
    from pipeline.reward_validation import require_both_labels
    from reward.model.head_start import HeadStart
    from train.engine.loggers import JsonLinesLogger, forget_metrics_after
    from train.engine.trainer import Observers, batch_plan, fit, resumed_step
    from train.engine.weights import state_of

    settings = config.reward
    examples = _examples(config, inputs)
    train = balanced_sample(
        [e for e in examples if e.split == "train"], settings.max_examples, config.seed
    )
    held_out = [e for e in examples if e.split == "val"]
    require_both_labels(train, held_out)
    tokenizer = load_tokenizer(base_config(config.model.base))
    kept, rows = _encode(train, tokenizer, config.model.max_length)
    require_both_labels(
        kept, _encode(held_out, tokenizer, config.model.max_length)[0], fits=config.model.max_length
    )
    network = _network(config)
    layout = training_layout(
        network.backbone, tokenizer, config.trainer, config.model.max_length, place.say
    )
    training = training_of(settings, kept, rows, layout, seed=config.seed)
    plan = batch_plan(
        training.rows,
        config.trainer,
        global_batch_size=settings.global_batch_size,
        epochs=settings.epochs,
        seed=config.seed,
    )
    steps = settings.epochs * plan.steps_per_epoch
    place.say(
        f"training on {training.what}, objective {settings.objective}: the head, then {steps} "
        "steps of fine-tuning"
    )
    module = made_module(training, network, settings, steps)
    metrics = place.path / "metrics.jsonl"
    resumed = resumed_step(place.work)
    # A fresh start keeps none, that of its head neither.
    for line in forget_metrics_after(metrics, resumed or -1):
        place.say(line)
    fit(
        module,
        training.rows,
        config.trainer,
        plan,
        Observers(
            label="reward",
            callbacks=[] if resumed else [HeadStart(training.rows, [e.group for e in kept])],
            loggers=[JsonLinesLogger(metrics)],
        ),
        work=place.work,
    )
    # Gathered by all ranks: where weights are sharded, none has them whole.
    state = state_of(module)
    if place.rank:
        return {}
    return _finish(config, place, _trained(config, network, state), tokenizer, held_out)


def _trained(
    config: Settings, network: HarmfulnessNetwork, state: dict[str, Tensor]
) -> HarmfulnessNetwork:
    """A fresh network with trained tensors put in, of `network`, which is prepared for training."""
    # Sharded weights are nowhere whole, so the model is read again.
    known = None if loads_sharded(config.trainer) else network
    trained = _network(config, known)
    load_trainable_state(trained, state)
    return trained.to(device(config.trainer))


def _network(config: Settings, known: HarmfulnessNetwork | None = None) -> HarmfulnessNetwork:
    settings = config.reward
    return new_network(
        base_config(config.model.base),
        settings.adapter,
        layers=settings.layers,
        seed=config.seed,
        objective=settings.objective,
        known=known,
    )


def _examples(config: Settings, inputs: Inputs) -> list[RewardExample]:
    demonstrations = inputs.read(DEMONSTRATIONS.of(*LEARNED_FROM))
    completions = [*inputs.read(COMPLETIONS), *inputs.read(REFUSALS)]
    labels = labels_for(config.reward, demonstrations, completions)
    share = config.reward.shortcut_examples
    return build_examples(
        demonstrations, completions, labels, shortcut_share=share, seed=config.seed
    )


def _encode(
    examples: list[RewardExample], tokenizer: Any, max_length: int
) -> tuple[list[RewardExample], list[TokenRow]]:
    rows = []
    for e in examples:
        rows.append((e, encode(tokenizer, e.prompt, e.completion, max_length)))
    kept = [(e, row) for e, row in rows if row is not None]
    return [e for e, _ in kept], [row for _, row in kept]


def _finish(
    config: Settings,
    place: Place,
    network: HarmfulnessNetwork,
    tokenizer: Any,
    held_out: list[RewardExample],
) -> dict[str, Any]:
    """Export; then calibrate on one half of the held-out prompt groups, validate on the other, and
    audit, all with what was exported.
    """
    # scikit-learn takes a second, which only the work needs.
    from pipeline.reward_validation import require_auroc, say_validation, validated
    from reward.model.link import Link

    folder = place.path / REWARD_MODEL.name
    kept, rows = _encode(held_out, tokenizer, config.model.max_length)
    plain = Link(thresholds=tuple(network.thresholds.tolist()))
    # Reloaded and compared: calibration must be of the model that later stages will load.
    exported = save_reward_model(network, tokenizer, folder, link=plain, probe_rows=rows[:4])
    # In the float type of use, since thresholds near a value can flip between types.
    scorer = as_used(exported.scorer, config, config.eval.generation)
    found = validated(scorer, kept, rows, config.reward.calibration)
    # After the export, which has a plain link: calibrated values need the exported model's logits.
    save_link(scorer.link, folder)
    audit = audited(scorer, seed=config.seed)
    facts = {
        "objective": config.reward.objective,
        "dtype": str(generation_dtype(config.eval.generation)).removeprefix("torch."),
        "export_difference": exported.difference,
        "audit": audit.to_json(),
    }
    write_json(place.path / "validation.json", {**found.to_json(), **facts})
    write_records(place.path / "validation_examples.jsonl", found.judged)
    # Before the requirement below, so that the figures are seen where it is not met.
    say_validation(place, found.validation, audit)
    require_auroc(found.validation.auroc, config.reward.min_auroc)
    return {
        "auroc": found.validation.auroc.mean,
        "accuracy": found.validation.accuracy.mean,
        "ece": found.validation.ece,
        "temperature": scorer.link.temperature,
    }


STAGE = Stage(
    name="reward",
    reads=(DEMONSTRATIONS.of(*LEARNED_FROM), COMPLETIONS, REFUSALS),
    writes=(REWARD_MODEL, VALIDATION),
    work=work,
    settings=Settings,
    files=lambda config: {
        **model_files(config),
        **hash_labels(config.reward.people, PEOPLE),
        **audit_files(),
        **(head_files() if config.reward.labelled_by == "factors" else {}),
    },
    gigabytes=reward_gigabytes,
    ranks=True,
)
