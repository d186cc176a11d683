"""reward: train the harmfulness reward model, and show what it is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import Tensor

from data_prep.pairs.expert_labels import hash_labels
from measures.estimates import MIN_PRINTED, Estimate
from models.adapters.trained import load_trainable_state
from models.engines.generate import generation_dtype
from models.loading.load import load_tokenizer
from models.tokens import TokenRow, encode
from pipeline.harm_model import as_used
from pipeline.model_identity import model_files
from pipeline.policies import HARDWARE, base_config, device, training_layout
from pipeline.policy_training import TRAINED_BY
from pipeline.reward_data import PEOPLE, labels_for, made_module, training_of
from pipeline.run.config import RunConfig
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.stage_room import reward_gigabytes
from records.errors import RecordError
from records.run_files import (
    COMPLETIONS,
    DEMONSTRATIONS,
    LEARNED_FROM,
    REFUSALS,
    REWARD_MODEL,
    VALIDATION,
)
from records.stage_folder import write_json, write_records
from reward.model.audit import Audit, audited, lines
from reward.model.examples import RewardExample, balanced_sample, build_examples
from reward.model.harmfulness_model import HarmfulnessScorer, save_link, save_reward_model
from reward.model.network import HarmfulnessNetwork, new_network
from train.config import loads_sharded

if TYPE_CHECKING:
    from reward.model.calibrating import Calibration, Choice
    from reward.model.validation import Validation


def work(config: RunConfig, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Train the harm model, calibrate it and validate it on held-out labels."""
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
    _require_both_labels(train, held_out)
    tokenizer = load_tokenizer(base_config(config.model.base))
    kept, rows = _encode(train, tokenizer, config.model.max_length)
    _require_both_labels(
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
    config: RunConfig, network: HarmfulnessNetwork, state: dict[str, Tensor]
) -> HarmfulnessNetwork:
    """A fresh network with trained tensors put in, of `network`, which is prepared for training."""
    # Sharded weights are nowhere whole, so the model is read again.
    known = None if loads_sharded(config.trainer) else network
    trained = _network(config, known)
    load_trainable_state(trained, state)
    return trained.to(device(config.trainer))


def _network(config: RunConfig, known: HarmfulnessNetwork | None = None) -> HarmfulnessNetwork:
    settings = config.reward
    return new_network(
        base_config(config.model.base),
        settings.adapter,
        layers=settings.layers,
        seed=config.seed,
        objective=settings.objective,
        known=known,
    )


def _examples(config: RunConfig, inputs: Inputs) -> list[RewardExample]:
    demonstrations = inputs.read(DEMONSTRATIONS.of(*LEARNED_FROM))
    completions = [*inputs.read(COMPLETIONS), *inputs.read(REFUSALS)]
    labels = labels_for(config.reward, demonstrations, completions)
    share = config.reward.shortcut_examples
    return build_examples(
        demonstrations, completions, labels, shortcut_share=share, seed=config.seed
    )


def _require_both_labels(
    train: list[RewardExample], held_out: list[RewardExample], fits: int | None = None
) -> None:
    """`fits` is model.max_length where only the examples that fit into it are left."""
    remedy = (
        "Give prep more harmful prompts with safe completions, a base policy that does not refuse "
        "them all, or reward.labelled_by=rule"
    )
    which = ""
    if fits is not None:
        which, remedy = f" that fit model.max_length={fits}", "Raise model.max_length"
    for name, rows in (("training", train), ("validation", held_out)):
        if len({e.harmful for e in rows}) < 2:
            harmful = sum(e.harmful for e in rows)
            raise RecordError(
                f"the {name} examples of the reward model{which} hold {harmful} harmful and "
                f"{len(rows) - harmful} harmless completions; both are needed. {remedy}"
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
    config: RunConfig,
    place: Place,
    network: HarmfulnessNetwork,
    tokenizer: Any,
    held_out: list[RewardExample],
) -> dict[str, Any]:
    """Export; then calibrate on one half of the held-out prompt groups, validate on the other, and
    audit, all with what was exported.
    """
    from reward.model.link import Link

    folder = place.path / REWARD_MODEL.name
    kept, rows = _encode(held_out, tokenizer, config.model.max_length)
    plain = Link(thresholds=tuple(network.thresholds.tolist()))
    exported = save_reward_model(network, tokenizer, folder, link=plain, probe_rows=rows[:4])
    scorer = as_used(exported.scorer, config, config.eval.generation)
    found = validated(scorer, kept, rows, config.reward.calibration)
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
    _say_validation(place, found.validation, audit)
    require_auroc(found.validation.auroc, config.reward.min_auroc)
    return {
        "auroc": found.validation.auroc.mean,
        "accuracy": found.validation.accuracy.mean,
        "ece": found.validation.ece,
        "temperature": scorer.link.temperature,
    }


class Validated(NamedTuple):
    """What held-out examples say of a reward model, and on how many of them it is calibrated."""

    validation: Validation
    calibrated_on: int
    calibration: Choice
    judged: list[dict[str, Any]]
    """A row for each example that the figures are of."""

    def to_json(self) -> dict[str, Any]:
        """As validation.json has it."""
        chosen = {"calibrated_on": self.calibrated_on, "calibration": self.calibration.to_json()}
        return {**self.validation.to_json(), **chosen}


def validated(
    scorer: HarmfulnessScorer,
    kept: list[RewardExample],
    rows: list[TokenRow],
    calibration: Calibration = "platt",
) -> Validated:
    """The scorer is left calibrated."""
    from reward.model.calibrating import Rows, fitted
    from reward.model.validation import validate

    logits = scorer.logits(rows)
    calibrating = set(sorted({e.group for e in kept})[::2])
    used = []
    for z, e in zip(logits, kept, strict=True):
        if e.group in calibrating:
            used.append((z, e))
    judged = []
    for z, e in zip(logits, kept, strict=True):
        if e.group not in calibrating:
            judged.append((z, e))
    _require_both_labels([e for e in kept if e.group in calibrating], [e for _, e in judged])
    labels = np.array([e.harm for _, e in used])
    known = Rows(np.array([z for z, _ in used]), labels, [e.group for _, e in used])
    scorer.link, how = fitted(scorer.link, known, calibration)
    validation = validate([e for _, e in judged], [z for z, _ in judged], scorer.link)
    return Validated(validation, len(used), how, [_judged_row(e, z) for z, e in judged])


def _judged_row(example: RewardExample, logit: float) -> dict[str, Any]:
    return {
        "id": example.id,
        "harmful": example.harmful,
        "harm": example.harm,
        "labelled_by": example.labelled_by,
        "origin": example.origin,
        "logit": logit,
    }


def _say_validation(place: Place, validation: Validation, audit: Audit) -> None:
    from reward.model.validation import PROBES

    auroc, accuracy = validation.auroc, validation.accuracy
    place.say(
        f"held out: AUROC {auroc.mean:.3f} ({auroc.low:.3f} to {auroc.high:.3f}), accuracy "
        f"{accuracy.mean:.0%} ({accuracy.low:.0%} to {accuracy.high:.0%}), calibration error "
        f"{validation.ece:.3f}, n {validation.n}"
    )
    for name, figure in validation.probes.items():
        # Of fewer a rate says next to nothing; the count is printed alone.
        known = figure.n >= MIN_PRINTED
        rate = f"{figure.mean:>4.0%} right" if known else "too few"
        place.say(f"  {name:<19} {rate} (n {figure.n}): {PROBES[name]}")
    for line in lines(audit):
        place.say(line)


def require_auroc(auroc: Estimate, wanted: float) -> None:
    """Raises RecordError unless the lower end of the interval reaches what is wanted; NaN or no
    interval does not.
    """
    low = auroc.low
    if low is not None and low >= wanted:
        return
    interval = "no interval" if low is None else f"{low:.3f} to {auroc.high:.3f}"
    raise RecordError(
        f"reward model: held-out AUROC {auroc.mean:.3f} ({interval}, n {auroc.n}), wanted at "
        f"least {wanted} at the lower end of the interval (reward.min_auroc); train longer, or on "
        "more data, or hold out more to narrow the interval"
    )


STAGE = Stage(
    name="reward",
    reads=(DEMONSTRATIONS.of(*LEARNED_FROM), COMPLETIONS, REFUSALS),
    writes=(REWARD_MODEL, VALIDATION),
    settings=("model.base", "model.max_length", "reward", "eval.generation.dtype", *TRAINED_BY),
    beside=HARDWARE,
    work=work,
    files=lambda config: {**model_files(config), **hash_labels(config.reward.people, PEOPLE)},
    gigabytes=reward_gigabytes,
    ranks=True,
)
