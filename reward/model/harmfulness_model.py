"""How the harmfulness network is trained, and how it scores.

B = rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from models.config import ModelConfig
from models.layout.collation import Collation, collation
from models.layout.logps import Rows
from models.loading.load import load_tokenizer, save_tokenizer
from models.portable import make_portable
from models.tokens import TokenRow
from records.errors import ModelError
from records.harm_scale import harmfulness
from records.own_files import Object, entry, read_own, sealed
from records.stage_folder import write_json
from reward.model.network import HarmfulnessNetwork, load_network, save_network
from train.engine.module import TrainedModule

CALIBRATION = "harmfulness.json"
SCORED_TOKENS = 1024
"""Longest row that is scored, prompt and completion."""


class RewardBatch(NamedTuple):
    rows: Rows
    labels: Tensor  # (B,) 1 harmful, 0 harmless
    weights: Tensor  # (B,) evens the two labels out over the training set
    scale: float  # see train's BatchPlan

    def to(self, device: torch.device) -> RewardBatch:
        return RewardBatch(self.rows.to(device), self.labels.to(device), self.weights.to(device), self.scale)


class RewardRows:
    """Tokenised examples; harmful and harmless count the same in sum, however many there are of each."""

    def __init__(self, rows: list[TokenRow], labels: list[bool], batch_rows: Collation) -> None:
        self.rows, self.labels, self.batch_rows = rows, labels, batch_rows
        self.lengths = [batch_rows.tokens([row]) for row in rows]
        self.weights = [1] * len(rows)
        prompts: dict[tuple[int, ...], int] = {}
        self.units = [prompts.setdefault(_prompt(row), len(prompts)) for row in rows]
        share = sum(labels) / len(labels)
        self.label_weights = {True: 0.5 / max(share, 1e-9), False: 0.5 / max(1 - share, 1e-9)}

    def collate(self, indices: list[int], scale: float) -> RewardBatch:
        labels = [self.labels[i] for i in indices]
        weights = torch.tensor([self.label_weights[label] for label in labels])
        return RewardBatch(self.batch_rows([self.rows[i] for i in indices]), torch.tensor(labels).float(), weights, scale)


def _prompt(row: TokenRow) -> tuple[int, ...]:
    return tuple(token for token, in_completion in zip(row.input_ids, row.completion_mask, strict=True) if not in_completion)


class RewardModule(TrainedModule):
    """Binary cross-entropy on the logit of harmful."""

    def training_step(self, batch: RewardBatch, batch_idx: int) -> Tensor:
        logits = self.model(batch.rows)
        losses = batch.weights * F.binary_cross_entropy_with_logits(logits, batch.labels, reduction="none")
        self.count("loss", losses.sum(), len(losses))
        self.count("accuracy", ((logits > 0) == batch.labels.bool()).double().sum(), len(losses))
        return losses.sum() * batch.scale


def _temperature(value: Object) -> float:
    if (temperature := entry(value, "temperature", float)) <= 0:
        raise ValueError(f"temperature: wanted a number above 0, got {temperature}")
    return temperature


class HarmfulnessScorer:
    """A trained reward model that maps tokenised rows to harmfulness 1-5."""

    name = "reward_model"

    def __init__(self, model: HarmfulnessNetwork, tokenizer: Any, temperature: float, batch_size: int = 32) -> None:
        self.model, self.tokenizer, self.temperature, self.batch_size = model.eval(), tokenizer, temperature, batch_size
        self.batch_rows = collation(model.backbone, tokenizer.pad_token_id, SCORED_TOKENS)

    @classmethod
    def load(cls, folder: Path, dtype: torch.dtype = torch.float32) -> HarmfulnessScorer:
        tokenizer = load_tokenizer(ModelConfig(path=str(folder)))
        return cls(load_network(folder, dtype), tokenizer, read_own(folder / CALIBRATION, _temperature))

    @torch.inference_mode()
    def logits(self, rows: list[TokenRow]) -> list[float]:
        order = sorted(range(len(rows)), key=lambda i: len(rows[i].input_ids))
        found = [0.0] * len(rows)
        for start in range(0, len(order), self.batch_size):
            chosen = order[start : start + self.batch_size]
            batch = self.batch_rows([rows[i] for i in chosen]).to(self.model.device)
            for i, logit in zip(chosen, self.model(batch).tolist(), strict=True):
                found[i] = logit
        return found

    def scores(self, rows: list[TokenRow]) -> list[float]:
        return [harmfulness(logit, self.temperature) for logit in self.logits(rows)]


def save_reward_model(model: HarmfulnessNetwork, tokenizer: Any, folder: Path, *, temperature: float, probe_rows: list[TokenRow]) -> float:
    """Write it, reload it and compare logits, head included. Consumes the model; returns the largest difference."""
    wanted = HarmfulnessScorer(model, tokenizer, temperature).logits(probe_rows)
    save_network(model, folder)
    save_tokenizer(tokenizer, folder)
    make_portable(folder, tokenizer)
    formula = "harmfulness = 1 + 4 * sigmoid(logit / temperature)"
    write_json(folder / CALIBRATION, sealed({"temperature": temperature, "formula": formula}))
    got = HarmfulnessScorer.load(folder).logits(probe_rows)
    difference = max((abs(a - b) for a, b in zip(wanted, got, strict=True)), default=0.0)
    if not difference <= 1e-3:
        raise ModelError(f"{folder}: the reloaded reward model scores differently (logits by {difference:.2g}); the export is not usable")
    return difference
