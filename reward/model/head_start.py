"""Puts a fitted probe into a reward module's head before the first step, once ranks can talk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from tqdm import tqdm

from models.ranks import over_ranks
from reward.model.objectives import START, levels_of, ordinal_losses, spread_of, thresholds_of
from reward.model.preferences import PairRows
from reward.model.probe import Floats, Probe, fit_pair_probe, fit_probe
from reward.model.training import RewardRows

ROWS_AT_ONCE = 32
MAX_ITER = 100


class HeadStart(pl.Callback):
    """Puts a probe of the training rows into a module's head.

    For a fresh run: a resumed one has its head in the checkpoint.

    Lightning calls `setup` once ranks can talk. Each computes its share of the features, rank 0
    fits, and all get the same head.
    """

    def __init__(self, rows: RewardRows | PairRows, groups: Sequence[str]) -> None:
        """`groups` of the rows that are encoded, one each."""
        self.rows, self.groups = rows, list(groups)
        self.probe: Probe | None = None

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        """Give the head its start, before the first step."""
        network = module.model
        # On every rank: each computes a share, and all take part in putting the shares together.
        features = self._features(trainer, network.to(trainer.strategy.root_device).eval())
        # Once: scikit-learn's last digits may differ between machines, and ranks must start alike.
        probe = self._fit(features) if trainer.is_global_zero else None
        self.probe = found = trainer.strategy.broadcast(probe)
        with torch.no_grad():
            network.score.weight.copy_(torch.as_tensor(found.weight)[None])
            network.score.bias.fill_(found.bias)
            if network.objective == "ordinal" and isinstance(self.rows, RewardRows):
                spread = fitted_spread(features @ found.weight + found.bias, self.rows.harms)
                network.spread.copy_(spread)
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                logger.log_metrics(
                    {"probe/log_loss": found.log_loss, "probe/C": found.strength}, step=0
                )

    def _fit(self, features: Floats) -> Probe:
        rows = self.rows
        if isinstance(rows, RewardRows):
            return fit_probe(features, rows.harms, self.groups, rows.source_weights)
        worse = np.array([pair.worse for pair in rows.pairs])
        better = np.array([pair.better for pair in rows.pairs])
        groups = [self.groups[place] for place in worse]
        return fit_pair_probe(
            features[worse], features[better], groups, [pair.weight for pair in rows.pairs]
        )

    def _features(self, trainer: pl.Trainer, network: Any) -> Floats:
        """(N, 2 H) of all rows on every rank.

        Rows with one prompt come together, so that it is computed once.
        """
        order = sorted(range(len(self.rows.rows)), key=lambda i: self.rows.rows[i].input_ids)
        chunks = [order[i : i + ROWS_AT_ONCE] for i in range(0, len(order), ROWS_AT_ONCE)]
        # The same chunks for any number of ranks: the same numbers.
        mine = chunks[trainer.global_rank :: trainer.world_size]
        found: dict[int, np.ndarray] = {}
        for chunk in tqdm(
            mine, desc="reward features", unit="batch", disable=not sys.stderr.isatty(), leave=False
        ):
            batch = self.rows.batch_rows([self.rows.rows[i] for i in chunk]).to(network.device)
            with torch.no_grad(), trainer.precision_plugin.forward_context():
                found |= dict(zip(chunk, network.features(batch).cpu().numpy(), strict=True))
        found = over_ranks(found, trainer.world_size)
        return np.stack([found[i] for i in range(len(order))]).astype(np.float64)


def fitted_spread(logits: Floats, harms: Sequence[float]) -> torch.Tensor:
    """(4,) numbers whose thresholds make the levels of these rows likeliest, their logits (N,)
    given.
    """
    scores, levels = torch.as_tensor(logits), levels_of(torch.tensor(harms, dtype=torch.float64))
    spread = spread_of(torch.tensor(START, dtype=torch.float64)).requires_grad_()
    optimizer = torch.optim.LBFGS([spread], max_iter=MAX_ITER, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        # A level that no row has would send its threshold to infinity; the penalty holds it.
        value = (
            ordinal_losses(scores, levels, thresholds_of(spread)).mean()
            + 1e-4 * spread.square().sum()
        )
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    return spread.detach().float()
