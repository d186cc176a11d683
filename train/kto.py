"""KTO: preferences from single completions, each desirable or undesirable (arXiv 2402.01306).

A completion is held against a reference point: the KL between policy and reference, estimated as
TRL does, from prompts with the completions of other prompts, in the mean over all rows of a step
and never below 0. The point has no gradient, but every loss of the step depends on it, so it is
measured before the step's first micro-batch, over all of its rows and ranks: then the gradient is
the same however the step is cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from models.layout.collation import Collation
from models.layout.logps import Rows, completion_logps
from models.layout.packing import moved
from models.tokens import TokenRow
from train.config import DpoConfig
from train.engine.batches import BatchPlan
from train.engine.module import TrainedModule
from train.engine.optimisation import Optimisation
from train.groups import Groups, groups_of
from train.losses import KtoTerms, kto_loss


class KtoBatch(NamedTuple):
    rows: Rows  # B rows
    ref_logps: Tensor  # (B,)
    desirable: Tensor  # (B,) bool
    by_label: Groups  # desirable rows, then the others
    scale: float  # see BatchPlan.micro_batches

    def to(self, device: torch.device) -> KtoBatch:
        """The same batch on a device."""
        return cast(KtoBatch, moved(self, device))


class KtoRows:
    """Tokenised completions with their labels, and for each its prompt with a completion of another
    prompt.

    ReferencePass fills in the reference's log-probabilities of both.
    """

    units: Sequence[int] | None = None

    def __init__(
        self,
        rows: list[TokenRow],
        mismatched: list[TokenRow],
        desirable: Sequence[bool],
        batch_rows: Collation,
    ) -> None:
        self.rows, self.mismatched, self.desirable, self.batch_rows = (
            rows,
            mismatched,
            list(desirable),
            batch_rows,
        )
        self.ref_logps: list[float] = []
        self.ref_mismatched: list[float] = []
        self.lengths = [batch_rows.tokens([row]) for row in rows]
        self.mismatched_lengths = [batch_rows.tokens([row]) for row in mismatched]
        self.weights = [1] * len(rows)

    @property
    def sides(self) -> list[TokenRow]:
        """Every row whose reference is wanted."""
        return [*self.rows, *self.mismatched]

    def set_reference(self, logps: list[float]) -> None:
        """`logps` in the order of `sides`."""
        self.ref_logps, self.ref_mismatched = logps[: len(self.rows)], logps[len(self.rows) :]

    def collate(self, indices: list[int], scale: float) -> KtoBatch:
        """Rows as a batch with their reference; scale 0 only keeps a rank in step."""
        return self._batch(self.rows, self.ref_logps, indices, scale)

    def collate_mismatched(self, indices: list[int], scale: float) -> KtoBatch:
        """The same prompts with completions of others; a row left over in a step (scale 0) counts
        for nothing.
        """
        return self._batch(self.mismatched, self.ref_mismatched, indices, scale)

    def _batch(
        self, rows: list[TokenRow], ref_logps: list[float], indices: list[int], scale: float
    ) -> KtoBatch:
        labels = [self.desirable[i] for i in indices]
        return KtoBatch(
            self.batch_rows([rows[i] for i in indices]),
            torch.tensor([ref_logps[i] for i in indices]),
            torch.tensor(labels),
            groups_of([0 if label else 1 for label in labels], 2),
            scale,
        )


def partners(prompts: Sequence[str], seed: int) -> list[int]:
    """For every row the place of another whose completion answers another prompt: the next in a
    drawn order.

    Every completion is taken about once, as in a rotation. A set with one prompt only has each row
    as its own partner, and the estimate is then of completions of that prompt.
    """
    # By hash: the order depends on seed, place and prompt alone, and on no generator's state.
    order = sorted(
        range(len(prompts)),
        key=lambda i: hashlib.sha256(f"{seed}/{i}/{prompts[i]}".encode()).digest(),
    )
    found = [0] * len(prompts)
    for place, row in enumerate(order):
        following = (order[(place + step) % len(order)] for step in range(1, len(order) + 1))
        found[row] = next((other for other in following if prompts[other] != prompts[row]), row)
    return found


class KtoModule(TrainedModule):
    """Metrics carry TRL's names."""

    def __init__(
        self,
        model: Any,
        config: DpoConfig,
        optimisation: Optimisation,
        rows: KtoRows | None = None,
    ) -> None:
        super().__init__(model, optimisation)
        self.config, self.rows = config, rows
        self.kl = torch.zeros(())

    def training_step(self, batch: KtoBatch, batch_idx: int) -> Tensor:
        """The loss of a micro-batch, as large as its share of the step."""
        # The first micro-batch of a step. Without rows the caller has set the point (`use_kl`).
        if self.rows is not None and batch_idx % self.trainer.accumulate_grad_batches == 0:
            self.kl = self._kl_of_step(self.rows, batch_idx)
        logps = completion_logps(self.model, batch.rows)
        terms = kto_loss(
            logps,
            batch.ref_logps,
            batch.desirable,
            moved(self.kl, logps.device).to(logps.dtype),
            beta=self.config.beta,
            weights=(self.config.desirable_weight, self.config.undesirable_weight),
        )
        self._report(terms, logps, batch.by_label)
        return terms.losses.sum() * batch.scale

    def kl_sums(self, batches: Sequence[KtoBatch]) -> Tensor:
        """(2,) sum of log-ratios of mismatched rows, and how many there are; where they are
        computed, as nothing waits for them.
        """
        total, number = torch.zeros((), dtype=torch.float64, device=batches[0].ref_logps.device), 0
        for batch in batches:
            # Scale 0 too is computed: where weights are sharded, ranks gather them together.
            with torch.no_grad():
                ratios = completion_logps(self.model, batch.rows) - batch.ref_logps
            if batch.scale:
                total += ratios.double().sum()
                number += len(ratios)
        return torch.stack([total, torch.full_like(total, number)])

    def use_kl(self, sums: Tensor) -> Tensor:
        """The reference point of a step from the sums of all its rows: their mean, at least 0."""
        # A KL is never negative; its estimate from a few rows can be; TRL cuts it off, too.
        self.kl = (sums[0] / sums[1]).clamp(min=0)
        return self.kl

    def _kl_of_step(self, rows: KtoRows, batch_idx: int) -> Tensor:
        loader: Any = self.trainer.train_dataloader
        plan: BatchPlan = loader.plan
        parts = plan.parts_of_steps(self.trainer.current_epoch)[batch_idx // plan.accumulation]
        # A short row may have a long partner.
        share = plan.recut(parts, rows.mismatched_lengths, loader.plan_sampler.rank)
        sums = self.kl_sums([rows.collate_mismatched(*one).to(self.device) for one in share])
        if self.trainer.world_size > 1:
            # Sums and not means: ranks may hold different numbers of rows.
            torch.distributed.all_reduce(sums := sums.to(self.reduce_device))
        return self.use_kl(sums)

    def _report(self, terms: KtoTerms, logps: Tensor, by_label: Groups) -> None:
        self.count("loss", terms.losses.sum(), len(logps))
        self.count("kl", self.kl * len(logps), len(logps))
        for what, values in (("rewards", terms.rewards), ("logps", logps)):
            for name, found in zip(("chosen", "rejected"), by_label.sums(values), strict=True):
                self.count(f"{what}/{name}", *found)

    def step_metrics(self) -> dict[str, float]:
        """The step's metrics, with margins between desirable and undesirable rows."""
        metrics = super().step_metrics()
        # A step may have rows of one label only.
        if {"rewards/chosen", "rewards/rejected"} <= set(metrics):
            metrics["rewards/margins"] = metrics["rewards/chosen"] - metrics["rewards/rejected"]
        return metrics
