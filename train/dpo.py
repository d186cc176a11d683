"""Preference optimisation against the policy's own log-probabilities at step 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from models.layout.collation import Collation
from models.layout.logps import Rows, completion_logps
from models.layout.packing import moved
from models.tokens import TokenRow
from train.config import DpoConfig
from train.engine.module import TrainedModule
from train.engine.optimisation import Optimisation
from train.groups import Groups, groups_of
from train.losses import DpoTerms, ReferencedLogps, dpo_loss, ipo_loss
from train.over_refusal_limit import OverRefusalLimit


class DpoBatch(NamedTuple):
    rows: Rows  # 2B rows: B chosen, then B rejected
    ref_logps: Tensor  # (2B,)
    groups: Tensor  # (B,) what each pair weighs by, see OverRefusalLimit
    by_group: Groups  # the same, for sums
    scale: float  # see BatchPlan.micro_batches

    def to(self, device: torch.device) -> DpoBatch:
        """The same batch on a device."""
        return cast(DpoBatch, moved(self, device))


class DpoRows:
    """Tokenised pairs with the reference's log-probabilities, which ReferencePass fills in.

    `groups` numbers each pair's group; without it all pairs are of one.
    """

    units: Sequence[int] | None = None

    def __init__(
        self,
        pairs: list[tuple[TokenRow, TokenRow]],
        batch_rows: Collation,
        ref_logps: Sequence[tuple[float, float]] = (),
        groups: Sequence[int] = (),
    ) -> None:
        self.pairs, self.batch_rows, self.ref_logps = pairs, batch_rows, ref_logps
        # Of the two sides together: they stay in one micro-batch, since the loss needs both.
        self.lengths = [batch_rows.tokens(pair) for pair in pairs]
        self.weights = [1] * len(pairs)
        self.groups = list(groups) or [0] * len(pairs)
        # Of all pairs: a micro-batch may hold none of a group, and ranks report the same ones.
        self.num_groups = max(self.groups, default=0) + 1

    @property
    def sides(self) -> list[TokenRow]:
        """Every row whose reference is wanted."""
        found: list[TokenRow] = []
        for pair in self.pairs:
            found.extend(pair)
        return found

    def set_reference(self, logps: list[float]) -> None:
        """`logps` in the order of `sides`."""
        # `sides` alternates: chosen, rejected, chosen, ...
        self.ref_logps = list(zip(logps[::2], logps[1::2], strict=True))

    def collate(self, indices: list[int], scale: float) -> DpoBatch:
        """Pairs as a batch, chosen rows before rejected ones; scale 0 only keeps a rank in step."""
        sides = []
        for side in (0, 1):
            # All chosen before all rejected, so that `chunk(2)` of the batch's results parts them.
            sides.append([self.pairs[i][side] for i in indices])
        refs = []
        for side in (0, 1):
            for i in indices:
                refs.append(self.ref_logps[i][side])
        groups = [self.groups[i] for i in indices]
        return DpoBatch(
            self.batch_rows([*sides[0], *sides[1]]),
            torch.tensor(refs),
            torch.tensor(groups),
            groups_of(groups, self.num_groups),
            scale,
        )


class DpoModule(TrainedModule):
    """Metrics carry TRL's names. Under a limit `loss` is the weighted one, which is minimised."""

    def __init__(
        self,
        model: Any,
        config: DpoConfig,
        optimisation: Optimisation,
        *,
        limit: OverRefusalLimit | None = None,
    ) -> None:
        super().__init__(model, optimisation)
        self.config, self.limit = config, limit

    def training_step(self, batch: DpoBatch, batch_idx: int) -> Tensor:
        """The loss of a micro-batch, as large as its share of the step."""
        logps = completion_logps(self.model, batch.rows)
        tokens = batch.rows.completion_tokens
        (chosen, rejected), (ref_chosen, ref_rejected) = logps.chunk(2), batch.ref_logps.chunk(2)
        chosen_tokens, rejected_tokens = tokens.chunk(2)
        referenced = ReferencedLogps(chosen, rejected, ref_chosen, ref_rejected)
        if self.config.loss == "ipo":
            terms = ipo_loss(referenced, chosen_tokens, rejected_tokens, beta=self.config.beta)
        else:
            terms = dpo_loss(
                referenced, beta=self.config.beta, label_smoothing=self.config.label_smoothing
            )
        losses = terms.losses
        if self.config.sft_weight:
            # A token's mean, as in RPO: a sum would make long completions outweigh the preference.
            losses = losses - self.config.sft_weight * chosen / chosen_tokens
        if self.limit:
            # Before the weights: the loss of a group is compared over steps, while its multiplier
            # moves.
            self._report_groups(losses, batch.by_group)
            # Here and not where batches are made: the loader is a batch ahead when the multipliers
            # change.
            weights = moved(self.limit.weights(), losses.device).to(losses.dtype)
            losses = losses * weights[batch.groups]
        self._report(terms, referenced, losses)
        return losses.sum() * batch.scale

    def _report_groups(self, losses: Tensor, by_group: Groups) -> None:
        assert self.limit
        # The limit may name suites behind the last that has pairs: those have no loss.
        for name, found in zip(self.limit.names, by_group.sums(losses), strict=False):
            self.count(f"loss/{name}", *found)

    def _report(self, terms: DpoTerms, logps: ReferencedLogps, losses: Tensor) -> None:
        pairs = len(losses)
        margins = terms.rewards_chosen - terms.rewards_rejected
        self.count("loss", losses.sum(), pairs)
        self.count("rewards/chosen", terms.rewards_chosen.sum(), pairs)
        self.count("rewards/rejected", terms.rewards_rejected.sum(), pairs)
        self.count("rewards/margins", margins.sum(), pairs)
        self.count("rewards/accuracies", (margins > 0).double().sum(), pairs)
        self.count("logps/chosen", logps.chosen.sum(), pairs)
        self.count("logps/rejected", logps.rejected.sum(), pairs)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """With the multipliers of the limit, where there is one."""
        super().on_save_checkpoint(checkpoint)
        if self.limit:
            checkpoint["multipliers"] = self.limit.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """With the multipliers of the limit, where there is one."""
        super().on_load_checkpoint(checkpoint)
        if self.limit:
            self.limit.load_state_dict(checkpoint["multipliers"])
