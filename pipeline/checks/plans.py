"""The batch plans of reward, sft and dpo, built from the lengths of real rows before there are any
others.
"""

from __future__ import annotations

from itertools import cycle, islice

from pipeline.checks.dealing import Dealt
from pipeline.checks.rendering import Tried
from pipeline.run.config import RunConfig
from pipeline.run.online_needs import described, is_online, prompt_faults
from records.errors import ConfigError
from train.engine.batches import BatchPlan

MOST_PLANNED = 5000
"""Rows that a plan is built for; a plan of more has more steps of the same kind."""


def rank_faults(config: RunConfig) -> list[str]:
    """Steps that have fewer rows than there are ranks."""
    ranks = config.trainer.world_size
    sizes = {}
    for name, (size, _) in _stages(config).items():
        sizes[f"{name}.global_batch_size"] = size
    if is_online(config):
        sizes["rlhf.prompts_per_step"] = config.rlhf.prompts_per_step
    found: list[str] = []
    for setting, size in sizes.items():
        if size < ranks:
            found.append(
                f"{setting}={size}: fewer rows a step than the {ranks} ranks of trainer.num_nodes "
                f"times trainer.devices; raise it to {ranks} or more"
            )
    return found


def plan_findings(config: RunConfig, dealt: Dealt, tried: Tried) -> tuple[list[str], list[str]]:
    """(faults, lines): each training's rows, steps and micro-batches.

    How many pairs and examples there will be is not known yet.
    """
    rows = tried.rows
    if not rows or rank_faults(config):
        return [], []
    faults, lines = [], []
    # Counts are of the whole run, plans of at most MOST_PLANNED rows.
    for name, count in expected_rows(config, dealt).items():
        size, epochs = _stages(config)[name]
        # A pair is two sequences; a micro-batch must hold both.
        tokens = [len(row.input_ids) * (2 if name == "dpo" else 1) for row in rows]
        planned = min(count, MOST_PLANNED)
        try:
            # The rows tried are repeated up to the count that is expected: only lengths matter to a
            # plan.
            plan = _plan(config, list(islice(cycle(tokens), planned)), size, epochs)
        except ConfigError as error:
            for fault in error.faults:
                faults.append(f"{name}: about {count} rows, and {fault}")
            continue
        steps = -(-count // size)
        lines.append(
            f"{name}: about {count} rows, {steps} step(s) an epoch of {plan.accumulation} "
            "micro-batch(es) on each rank"
        )
    faults += prompt_faults(
        config, {kind: dealt.count("train", kind) for kind in ("harmful", "benign")}
    )
    return faults, [*lines, *described(config, list(tried.prompt_lengths.values()))]


def expected_rows(config: RunConfig, dealt: Dealt) -> dict[str, int]:
    """About how many rows each training will have, at most."""
    harmful, benign = dealt.count("train", "harmful"), dealt.count("train", "benign")
    examples = 2 * (harmful + benign)
    # At most: margins and ties take some away, which nobody knows before completions are scored.
    pairs = round(harmful * config.pairs.max_pairs_per_prompt * (1 + config.pairs.over_refusal))
    return {
        "reward": min(examples, config.reward.max_examples or examples),
        "sft": harmful + benign * (2 if config.sft.benign_answers == "both" else 1),
        "dpo": (
            pairs
            if config.pairs.max_train_pairs is None
            else min(pairs, config.pairs.max_train_pairs)
        ),
    }


def _stages(config: RunConfig) -> dict[str, tuple[int, int]]:
    """(rows of a step, epochs) of each training."""
    return {
        "sft": (config.sft.global_batch_size, config.sft.epochs),
        "dpo": (config.dpo.global_batch_size, config.dpo.epochs),
        "reward": (config.reward.global_batch_size, config.reward.epochs),
    }


def _plan(config: RunConfig, lengths: list[int], global_batch_size: int, epochs: int) -> BatchPlan:
    plan = BatchPlan(
        lengths=lengths,
        weights=[1] * len(lengths),
        padded=False,
        global_batch_size=global_batch_size,
        micro_batch_tokens=config.trainer.micro_batch_tokens,
        world_size=config.trainer.world_size,
        # One epoch shows whether a plan can be made; later ones only shuffle it.
        epochs=min(1, epochs),
        seed=config.seed,
    )
    plan.micro_batches(0, config.trainer.world_size - 1)
    return plan
