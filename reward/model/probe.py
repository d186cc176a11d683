"""The head's start: logistic regression on what the frozen layers say, before any of them is trained.

Linear probing before fine-tuning keeps the features that a fresh head's first gradients would spoil (Kumar et al., arXiv 2202.10054).
With a few hundred examples it is most of what can be learned, has one optimum, and costs one forward pass.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from models.ranks import over_ranks

STRENGTHS = (0.001, 0.01, 0.1)
"""scikit-learn's C, among which cross-validation chooses; more weight on the data than 0.1 has never won."""
FOLDS = 5
ROWS_AT_ONCE = 32


class Probe(NamedTuple):
    weight: np.ndarray  # (H,) logit = features . weight + bias
    bias: float
    strength: float
    log_loss: float
    """Cross-validated, both labels weighing the same; 0.693 is chance."""


def fit_probe(features: np.ndarray, labels: list[bool], groups: list[str]) -> Probe:
    """Logistic regression with both labels weighing the same; C is chosen by cross-validation over whole prompt groups.

    features: (N, H). With fewer groups than two there is nothing to choose by, and the strongest regularisation is taken.
    """
    y = np.asarray(labels)
    folds = min(FOLDS, len(set(groups)))
    losses = {c: _held_out_loss(features, y, groups, c, folds) if folds > 1 else float("nan") for c in STRENGTHS}
    best = min(STRENGTHS, key=lambda c: (losses[c], c)) if folds > 1 else STRENGTHS[0]
    scaler, regression = _regression(best).fit(features, y)
    weight = regression.coef_[0] / scaler.scale_
    return Probe(weight, float(regression.intercept_[0] - weight @ scaler.mean_), best, losses[best])


def _regression(strength: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=2000))


def _held_out_loss(features: np.ndarray, y: np.ndarray, groups: list[str], strength: float, folds: int) -> float:
    """inf where some fold's training rows hold one label only: such a fold fits nothing."""
    splits = list(GroupKFold(folds).split(features, y, groups))
    if any(len(set(y[train])) < 2 for train, _ in splits):
        return float("inf")
    chances = cross_val_predict(_regression(strength), features, y, cv=splits, method="predict_proba")[:, 1]
    share = y.mean()
    return float(log_loss(y, chances, sample_weight=np.where(y, 0.5 / share, 0.5 / (1 - share)), labels=[False, True]))


class HeadStart(pl.Callback):
    """Puts a probe of the training rows into a RewardModule's head. For a fresh run: a resumed one has its head in the checkpoint.

    Lightning calls `setup` once ranks can talk; each computes its share of the features, rank 0 fits, all get the same head.
    """

    def __init__(self, rows: Any, groups: list[str]) -> None:
        self.rows, self.groups = rows, groups
        self.probe: Probe | None = None

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        features = self._features(trainer, module.model.to(trainer.strategy.root_device).eval())
        probe = fit_probe(features, self.rows.labels, self.groups) if trainer.is_global_zero else None
        self.probe = trainer.strategy.broadcast(probe)
        score = module.model.score
        with torch.no_grad():
            score.weight.copy_(torch.as_tensor(self.probe.weight)[None])
            score.bias.fill_(self.probe.bias)
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                logger.log_metrics({"probe/log_loss": self.probe.log_loss, "probe/C": self.probe.strength}, step=0)

    def _features(self, trainer: pl.Trainer, network: Any) -> np.ndarray:
        """(N, 2 H) of all rows on every rank. Rows with one prompt come together, so that it is computed once."""
        order = sorted(range(len(self.rows.rows)), key=lambda i: self.rows.rows[i].input_ids)
        chunks = [order[i : i + ROWS_AT_ONCE] for i in range(0, len(order), ROWS_AT_ONCE)]
        mine = chunks[trainer.global_rank :: trainer.world_size]  # the same chunks for any number of ranks: the same numbers
        found: dict[int, np.ndarray] = {}
        for chunk in tqdm(mine, desc="reward features", unit="batch", disable=not sys.stderr.isatty(), leave=False):
            batch = self.rows.batch_rows([self.rows.rows[i] for i in chunk]).to(network.device)
            with torch.no_grad(), trainer.precision_plugin.forward_context():
                found |= dict(zip(chunk, network.features(batch).cpu().numpy(), strict=True))
        found = over_ranks(found, trainer.world_size)
        return np.stack([found[i] for i in range(len(order))]).astype(np.float64)
