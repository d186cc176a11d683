"""RLOO with a Lagrangian as a LightningModule: each step draws, scores, moves the multipliers, and
takes one step of the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from models.layout.logps import per_token_logps
from models.ranks import is_sharded, over_ranks
from train.config import TrainerConfig, loads_sharded
from train.engine.hardware import autocast, uses_gpu
from train.engine.module import TrainedModule
from train.engine.optimisation import Optimisation
from train.multipliers import Ascent, Multipliers
from train.rlhf.advantage import leave_one_out
from train.rlhf.config import LimitConfig, RlhfConfig
from train.rlhf.degenerate import why_degenerate
from train.rlhf.group import Group, group_of, judged_of, rewards_of, rows_of
from train.rlhf.loss import rollout_loss
from train.rlhf.plan import Part, RolloutPlan, RolloutRows
from train.rlhf.rollout import Rollout
from train.rlhf.step_sums import StepSums
from train.rlhf.step_zero import StepZero


class Online(NamedTuple):
    """What an online training works with, beside its model."""

    rows: RolloutRows
    plan: RolloutPlan
    rollout: Rollout
    limits_at: Callable[[int, Mapping[str, float]], Mapping[str, float]]
    """By benign suite, the most that drawn completions may refuse, from the step and what those of
    the starting policy refused (empty until it is known). Asked on rank 0 alone."""
    trainer: TrainerConfig


def multipliers_of(suites: Sequence[str], config: LimitConfig) -> Multipliers:
    """One multiplier a suite, at its start."""
    ascent = Ascent(
        rate=config.rate,
        cap=config.cap,
        delay=config.delay,
        decay=config.decay,
        memory=config.memory,
        proportional=config.proportional,
    )
    # Limits of 1 hold nobody back; `_begin` sets the real ones before the first update.
    return Multipliers(dict.fromkeys(suites, 1.0), ascent, start=config.start)


class RlhfModule(TrainedModule):
    """`multipliers` and `kl` (nats a completion, of the last step) are what the scoreboard shows;
    both are in checkpoints.
    """

    def __init__(
        self, model: Any, config: RlhfConfig, online: Online, optimisation: Optimisation
    ) -> None:
        super().__init__(model, optimisation)
        self.config, self.online = config, online
        suites = sorted(
            {row.prompt.suite for row in online.rows.asked if row.prompt.kind == "benign"}
        )
        self.multipliers = multipliers_of(suites, config.limit)
        self.kl = 0.0
        self.drawn_first: dict[str, float] = {}
        self._step_zero = StepZero()
        self._groups: dict[int, Group] = {}
        self._begun: int | None = None

    def setup(self, stage: str) -> None:
        if not loads_sharded(self.online.trainer):
            self._step_zero.remember(self.model)

    def on_fit_start(self) -> None:
        if loads_sharded(self.online.trainer):
            self._step_zero.remember(self.model)

    def on_train_batch_start(self, batch: Part, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        step = self.trainer.global_step
        if self._begun != step:
            self._begun = step
            self._begin(step)

    def training_step(self, batch: Part, batch_idx: int) -> Tensor:
        groups = self._of(batch)
        batch_rows = self.online.rows.batch_rows(rows_of(groups)).to(self.device)
        logps, owners = per_token_logps(
            self.model, batch_rows, temperature=self.config.generation.temperature
        )
        terms = rollout_loss(
            logps,
            torch.cat([ref for group in groups for ref in group.ref_logps]).to(self.device),
            owners,
            torch.tensor(
                [value for group in groups for value in group.advantages], device=self.device
            ),
            beta=self.config.beta,
            constant=self.config.generation.max_new_tokens,
        )
        self.count("loss", terms.losses.sum(), len(terms.losses))
        self.count("kl", terms.kl.sum(), len(terms.kl))
        return terms.losses.sum() / self.config.num_generations * batch.scale

    def step_metrics(self) -> dict[str, float]:
        metrics = super().step_metrics()
        self.kl = metrics["kl"]
        return metrics

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["rlhf"] = {
            "multipliers": self.multipliers.state_dict(),
            "kl": self.kl,
            "drawn_first": self.drawn_first,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.multipliers.load_state_dict(checkpoint["rlhf"]["multipliers"])
        self.kl, self.drawn_first = checkpoint["rlhf"]["kl"], checkpoint["rlhf"]["drawn_first"]

    def _of(self, part: Part) -> list[Group]:
        """A part with scale 0, which keeps this rank in step, may name a prompt of another rank:
        any own one will do.
        """
        known = [self._groups[place] for place in part.places if place in self._groups]
        return known or [next(iter(self._groups.values()))]

    def _begin(self, step: int) -> None:
        """Draw and judge this rank's share of the step; move the multipliers by what all ranks
        drew.
        """
        online, ranks = self.online, (self.trainer.global_rank, self.trainer.world_size)
        online.rollout.writer.follow(self.model)
        parts = online.plan.of_step(step, ranks[0])
        places = []
        for part in parts:
            if part.scale:
                places.extend(part.places)
        drawn = online.rollout.draw(step, [online.rows.asked[place] for place in places], ranks)
        self._groups = {place: group_of(online.rows.asked[place], drawn) for place in places}
        self._refer(parts)
        self._judge()
        sums = StepSums.over(self._groups.values(), ranks[1])
        self.multipliers.limits = dict(self.trainer.strategy.broadcast(self._limits(step)))
        self.multipliers.update(sums.refused_by_suite())
        if self.multipliers.updates == max(1, self.config.limit.delay):
            self.drawn_first = dict(self.multipliers.averages)  # of a policy that has hardly moved
        self._reward(sums)

    def _limits(self, step: int) -> dict[str, float]:
        if not self.trainer.is_global_zero:
            return {}
        known = self.online.limits_at(step, self.drawn_first)
        return {suite: known[suite] for suite in self.multipliers.values}

    def _refer(self, parts: Sequence[Part]) -> None:
        """Log-probabilities of every token under the policy of step 0, laid out as the step will
        lay them out: at step 0 the KL is 0.
        """
        device = torch.device("cuda" if uses_gpu(self.online.trainer) else "cpu")
        model = self.model if is_sharded(self.model) else self.model.to(device)
        with self._step_zero.put_in(model), torch.no_grad(), autocast(self.online.trainer):
            for part in parts:
                groups = self._of(part)
                rows = rows_of(groups)
                batch_rows = self.online.rows.batch_rows(rows).to(device)
                logps, _ = per_token_logps(
                    model, batch_rows, temperature=self.config.generation.temperature
                )
                if part.scale:
                    each = iter(logps.split([row.num_completion_tokens for row in rows]))
                    for group in groups:
                        group.ref_logps.extend(next(each) for _ in group.rows)

    def _judge(self) -> None:
        for place, group in self._groups.items():
            prompt = self.online.rows.asked[place].prompt
            for drawn, ref_logps in zip(group.drawn, group.ref_logps, strict=True):
                why = why_degenerate(drawn.text, ref_logps.tolist(), self.config.degenerate)
                group.judged.append(judged_of(prompt, drawn, why))

    def _reward(self, sums: StepSums) -> None:
        config, multipliers = self.config, self.multipliers.values
        rewards = []
        for group in self._groups.values():
            of_group = rewards_of(group, multipliers, config)
            group.advantages.extend(leave_one_out(of_group))
            rewards += [value for value in of_group if value is not None]
        found = over_ranks(
            {self.trainer.global_rank: (sum(rewards), len(rewards))}, self.trainer.world_size
        ).values()
        self.count("reward", sum(total for total, _ in found), sum(count for _, count in found))
        for name, total, number in sums.metrics():
            self.count(name, total, number)
        for suite, value in multipliers.items():
            self.count(f"multiplier/{suite}", value, 1)
            self.count(f"limit/{suite}", self.multipliers.limits[suite], 1)
