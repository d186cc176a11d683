"""Scores come in the order asked and survive saving; the loss is weighted cross-entropy."""

from __future__ import annotations

import json

import pytest
import torch

from models.layout.collation import padded
from models.layout.logps import collate
from records.errors import ModelError
from records.harm_scale import harmfulness
from reward.model import harmfulness_model
from reward.model.harmfulness_model import HarmfulnessScorer, RewardModule, RewardRows, save_reward_model


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_a_scorer_gives_scores_in_the_order_asked(network, rows, tokenizer, batch_size):
    scorer = HarmfulnessScorer(network, tokenizer, 1.5, batch_size)
    with torch.inference_mode():
        alone = [network(collate([row], 0))[0].item() for row in rows]
    assert scorer.logits(rows) == pytest.approx(alone, abs=1e-5)
    assert scorer.scores(rows) == pytest.approx([harmfulness(z, 1.5) for z in scorer.logits(rows)])
    assert scorer.scores([]) == []


def test_a_saved_model_is_the_same_head_included(network, rows, tokenizer, tmp_path):
    wanted = HarmfulnessScorer(network, tokenizer, 1.0).logits(rows)
    assert save_reward_model(network, tokenizer, tmp_path / "rm", temperature=1.7, probe_rows=rows) < 1e-4
    again = HarmfulnessScorer.load(tmp_path / "rm")
    assert again.temperature == 1.7
    assert again.logits(rows) == pytest.approx(wanted, abs=1e-4)
    assert "sigmoid" in json.loads((tmp_path / "rm" / "harmfulness.json").read_text())["formula"]


def test_an_export_that_scores_differently_is_refused(network, rows, tokenizer, tmp_path, monkeypatch):
    class Other(HarmfulnessScorer):
        @classmethod
        def load(cls, folder, dtype=torch.float32):
            made = HarmfulnessScorer.load(folder, dtype)
            made.model.score.weight.data += 1
            return made

    monkeypatch.setattr(harmfulness_model, "HarmfulnessScorer", type("S", (HarmfulnessScorer,), {"load": Other.load}))
    with pytest.raises(ModelError, match="scores differently"):
        save_reward_model(network, tokenizer, tmp_path / "rm", temperature=1.0, probe_rows=rows)


def test_harmful_and_harmless_count_the_same_in_sum(rows, tokenizer):
    made = RewardRows(rows, [True, False, False, False], padded(tokenizer.pad_token_id))
    batch = made.collate([0, 1, 2, 3], 1.0)
    assert batch.weights[batch.labels == 1].sum() == pytest.approx(batch.weights[batch.labels == 0].sum())
    assert batch.weights.sum() == pytest.approx(4)
    assert RewardRows(rows, [True] * 4, padded(0)).collate([0], 1.0).weights.tolist() == [0.5]


def test_the_loss_is_weighted_cross_entropy(network, rows, tokenizer):
    """Against torch's own BCE, one row at a time."""
    module = RewardModule(network, learning_rate=1e-3, weight_decay=0.0, warmup=0.0, total_steps=1)
    made = RewardRows(rows, [True, False, False, False], padded(tokenizer.pad_token_id))
    loss = module.training_step(made.collate([0, 1, 2, 3], 0.25), 0)
    logits = [network(collate([row], 0))[0] for row in rows]
    weights, labels = (2.0, 2 / 3, 2 / 3, 2 / 3), (1.0, 0.0, 0.0, 0.0)
    each = [torch.nn.BCEWithLogitsLoss()(z, torch.tensor(y)) * w for z, y, w in zip(logits, labels, weights, strict=True)]
    assert loss.item() == pytest.approx(sum(e.item() for e in each) / 4, rel=1e-5)
