"""The stages and policies of a run, derived from what the stages are registered with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.run.registry import STAGES
from pipeline.run.rounds import later, named, parsed, repeated, trained_before
from records.contracts import BASE, Policy

if TYPE_CHECKING:
    from pipeline.run.views import Ordered, Releases, TrainsSome


def stage_names(config: TrainsSome) -> list[str]:
    """The stages of this run, in order: later rounds follow the first one's last stage."""
    last = repeated()[-1].name
    names: list[str] = []
    for name, stage in STAGES.items():
        if stage.is_wanted(config):
            names.append(name)
        if name == last:
            # Right behind the first round: a later stage may read what the last round leaves.
            names += later(config.dpo.rounds)
    return names


def stages_before(name: str, config: TrainsSome) -> list[str]:
    """The stages of this run that are done before that one."""
    names = stage_names(config)
    return names[: names.index(name)]


def policy_left_by(name: str, config: Ordered | None = None) -> Policy | None:
    """The policy that a stage of any round leaves; None where it trains none.

    What it starts from is the config's choice for some stages; without one it is what the stage is
    registered with.
    """
    stage, round = parsed(name)
    registered = STAGES.get(stage)
    first = registered.leaves if registered else None
    if first and registered and registered.begins_with and config and registered.is_wanted(config):
        return replace(first, starts_from=_named_start(registered.begins_with(config), config))
    # Round 1 is what the stage is registered with; only later ones have other names.
    if first is None or round == 1:
        return first
    return replace(
        first,
        name=name,
        title=f"{first.title}, round {round}",
        starts_from=trained_before(round),
        round=round,
    )


def _named_start(start: str, config: Ordered) -> str:
    """Of a policy that is trained in rounds, the last one's."""
    return named(start, config.dpo.rounds)


def trained_policies(config: TrainsSome) -> list[Policy]:
    """What this run trains, in order; a control stands before the policy that it is the control
    of.
    """
    # Of stages that train alone: what else a run measures is no setting of theirs.
    last = repeated()[-1].name
    wanted: list[str] = []
    for name, stage in STAGES.items():
        wanted += [name] if stage.leaves and stage.is_wanted(config) else []
        wanted += later(config.dpo.rounds) if name == last else []
    left = [policy for name in wanted if (policy := policy_left_by(name, config))]
    ordered = []
    for policy in left:
        if policy.control_of is None:
            for control in left:
                if control.control_of == policy.name:
                    ordered.append(control)
            ordered.append(policy)
    return ordered


def compared_policies(config: TrainsSome) -> list[Policy]:
    """The run's base and what it trains, in the report's order."""
    # The base first: every figure of the others is held against it.
    return [BASE, *trained_policies(config)]


def policy_title(name: str) -> str:
    """A policy's title in tables; its name where no stage leaves it."""
    policy = BASE if name == BASE.name else policy_left_by(name)
    return policy.title if policy else name


def way_to(policy: Policy, config: Ordered | None = None) -> list[Policy]:
    """The trainings that led from the base to a policy, itself last."""
    # Recursion ends at the base, which starts from nothing.
    before = policy_left_by(policy.starts_from, config) if policy.starts_from else None
    return [*(way_to(before, config) if before else ()), policy]


def trainings(rounds: int) -> list[str]:
    """The stages that may train a policy in a run of so many rounds, in order."""
    found: list[str] = []
    for name in (*STAGES, *later(rounds)):
        if policy_left_by(name):
            found.append(name)
    return found


def trained_in_jobs() -> list[str]:
    """The stages whose Slurm job is one of their own, with a task a GPU: trainings, of the reward
    model too.
    """
    made: list[str] = []
    for name, stage in STAGES.items():
        if stage.job.trains:
            made.append(name)
    return made


def releasable() -> list[str]:
    """What `release.policy` may name; of a policy that is trained in rounds, the last one's is
    released.
    """
    return [stage.name for stage in STAGES.values() if stage.leaves]


def main_policy() -> str:
    """What a run is for: the policy that is trained in rounds."""
    return next(stage.name for stage in repeated() if stage.leaves)


def released_policy(config: Releases) -> str:
    """The stage whose policy is released."""
    return named(config.release.policy, config.dpo.rounds)
