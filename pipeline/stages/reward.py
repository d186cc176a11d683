"""reward: train the harmfulness reward model, and show what it is worth."""

from __future__ import annotations

from typing import Any

from models.adapters.lora import load_trainable_state
from models.loading.load import load_tokenizer
from models.tokens import TokenRow, encode
from pipeline.policies import HARDWARE, base_config, device, model_files, training_layout
from pipeline.policy_training import TRAINED_BY, state_of
from pipeline.run.stage import Context, Stage
from pipeline.run.stage_room import reward_gigabytes
from records.errors import RecordError
from records.rows import Completion, Demonstration
from records.run_files import COMPLETIONS, DEMONSTRATIONS, LEARNED_FROM, REFUSALS, REWARD_MODEL, VALIDATION
from records.stage_folder import write_json, write_records
from reward.model.examples import RewardExample, balanced_sample, build_examples
from reward.model.harmfulness_model import HarmfulnessScorer, save_reward_model
from reward.model.network import HarmfulnessNetwork, new_network


def work(context: Context) -> dict[str, Any]:
    from reward.model.probe import HeadStart
    from reward.model.training import RewardModule, RewardRows
    from train.engine.loggers import JsonLinesLogger, forget_metrics_after
    from train.engine.trainer import batch_plan, fit, resumed_step

    config = context.config
    examples = build_examples(*_inputs(context), shortcut_share=config.reward.shortcut_examples, seed=config.seed)
    train = balanced_sample([e for e in examples if e.split == "train"], config.reward.max_examples, config.seed)
    held_out = [e for e in examples if e.split == "val"]
    _require_both_labels(train, held_out)
    base = base_config(config)
    tokenizer = load_tokenizer(base)
    kept, rows = _encode(train, tokenizer, config.model.max_length)
    _require_both_labels(kept, _encode(held_out, tokenizer, config.model.max_length)[0], fits=config.model.max_length)
    settings = config.reward
    network = new_network(base, settings.adapter, layers=settings.layers, seed=config.seed)
    reward_rows = RewardRows(rows, [e.harmful for e in kept], training_layout(config, network.backbone, tokenizer, context.say))
    plan = batch_plan(reward_rows, config.trainer, global_batch_size=settings.global_batch_size, epochs=settings.epochs, seed=config.seed)
    steps = settings.epochs * plan.steps_per_epoch
    context.say(
        f"training on {len(kept)} labelled answers ({sum(e.harmful for e in kept)} harmful): the head, then {steps} steps of fine-tuning"
    )
    module = RewardModule(
        network,
        learning_rate=settings.learning_rate,
        weight_decay=config.trainer.weight_decay,
        warmup=config.trainer.warmup,
        total_steps=steps,
    )
    metrics = context.path / "metrics.jsonl"
    resumed = resumed_step(context.directory.work)
    for line in forget_metrics_after(metrics, resumed or -1):  # a fresh start keeps none, that of its head neither
        context.say(line)
    fit(
        module,
        reward_rows,
        config.trainer,
        plan,
        epochs=settings.epochs,
        work=context.directory.work,
        label="reward",
        callbacks=[] if resumed else [HeadStart(reward_rows, [e.group for e in kept])],
        loggers=[JsonLinesLogger(metrics)],
    )
    state = state_of(module)  # gathered by all ranks: where weights are sharded, none has them whole
    if context.rank:
        return {}
    trained = new_network(base, settings.adapter, layers=settings.layers, seed=config.seed)
    load_trainable_state(trained, state)
    return _finish(context, trained.to(device(config)), tokenizer, held_out)


def _inputs(context: Context) -> tuple[list[Demonstration], list[Completion]]:
    return context.read(DEMONSTRATIONS.of(*LEARNED_FROM)), [*context.read(COMPLETIONS), *context.read(REFUSALS)]


def _require_both_labels(train: list[RewardExample], held_out: list[RewardExample], fits: int | None = None) -> None:
    """`fits` is model.max_length where only the examples that fit into it are left."""
    remedy = "Give prep more harmful prompts with safe completions, or a base policy that does not refuse them all"
    which = ""
    if fits is not None:
        which, remedy = f" that fit model.max_length={fits}", "Raise model.max_length"
    for name, rows in (("training", train), ("validation", held_out)):
        if len({e.harmful for e in rows}) < 2:
            harmful = sum(e.harmful for e in rows)
            raise RecordError(
                f"the {name} examples of the reward model{which} hold {harmful} harmful and {len(rows) - harmful} harmless completions; "
                f"both are needed. {remedy}"
            )


def _encode(examples: list[RewardExample], tokenizer: Any, max_length: int) -> tuple[list[RewardExample], list[TokenRow]]:
    rows = [(e, encode(tokenizer, e.prompt, e.completion, max_length)) for e in examples]
    kept = [(e, row) for e, row in rows if row is not None]
    return [e for e, _ in kept], [row for _, row in kept]


def _finish(context: Context, network: HarmfulnessNetwork, tokenizer: Any, held_out: list[RewardExample]) -> dict[str, Any]:
    from measures.calibration import fit_temperature
    from reward.model.validation import validate

    """Calibrate on one half of the held-out prompt groups, validate on the other, export, and judge."""
    kept, rows = _encode(held_out, tokenizer, context.config.model.max_length)
    logits = HarmfulnessScorer(network, tokenizer, temperature=1.0).logits(rows)
    groups = sorted({e.group for e in kept})
    calibrating = set(groups[::2])
    fitted = [(z, e.harmful) for z, e in zip(logits, kept, strict=True) if e.group in calibrating]
    temperature = fit_temperature([z for z, _ in fitted], [label for _, label in fitted])
    judged = [(z, e) for z, e in zip(logits, kept, strict=True) if e.group not in calibrating]
    _require_both_labels([e for e in kept if e.group in calibrating], [e for _, e in judged])
    validation = validate([e for _, e in judged], [z for z, _ in judged], temperature)
    validation["export_difference"] = save_reward_model(
        network, tokenizer, context.path / "reward_model", temperature=temperature, probe_rows=rows[:4]
    )
    validation["calibrated_on"] = len(fitted)
    write_json(context.path / "validation.json", validation)
    write_records(
        context.path / "validation_examples.jsonl", [{"id": e.id, "harmful": e.harmful, "origin": e.origin, "logit": z} for z, e in judged]
    )
    auroc, accuracy = validation["auroc"], validation["accuracy"]
    context.say(
        f"held out: AUROC {auroc['mean']:.3f} ({auroc['interval'][0]:.3f} to {auroc['interval'][1]:.3f}), accuracy {accuracy['mean']:.0%} "
        f"({accuracy['interval'][0]:.0%} to {accuracy['interval'][1]:.0%}), calibration error {validation['ece']:.3f}, n {validation['n']}"
    )
    for name, probe in validation["probes"].items():
        context.say(f"  {name:<19} {probe['mean']:>4.0%} right (n {probe['n']}): {probe['description']}")
    require_auroc(auroc, context.config.reward.min_auroc)
    return {"auroc": auroc["mean"], "accuracy": accuracy["mean"], "ece": validation["ece"], "temperature": temperature}


def require_auroc(auroc: dict[str, Any], wanted: float) -> None:
    """Raises RecordError unless the lower end of the interval reaches what is wanted; NaN or no interval does not."""
    low = auroc["interval"][0]
    if low is not None and low >= wanted:
        return
    interval = "no interval" if low is None else f"{low:.3f} to {auroc['interval'][1]:.3f}"
    raise RecordError(
        f"reward model: held-out AUROC {auroc['mean']:.3f} ({interval}, n {auroc['n']}), wanted at least {wanted} at the lower end of the "
        "interval (reward.min_auroc); train longer, or on more data, or hold out more to narrow the interval"
    )


STAGE = Stage(
    name="reward",
    reads=(DEMONSTRATIONS.of(*LEARNED_FROM), COMPLETIONS, REFUSALS),
    writes=(REWARD_MODEL, VALIDATION),
    settings=("model.base", "model.max_length", "reward", *TRAINED_BY),
    beside=HARDWARE,
    work=work,
    files=model_files,
    gigabytes=reward_gigabytes,
    ranks=True,
)
