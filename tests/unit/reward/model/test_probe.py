"""The head's start is scikit-learn's logistic regression on the network's own features, for any
number of ranks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from present import present
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from models.config import AdapterConfig, ModelConfig
from models.layout.collation import padded
from models.tokens import encode
from records.rows import assistant, user
from reward.model.head_start import HeadStart
from reward.model.network import new_network
from reward.model.probe import STRENGTHS, fit_probe
from reward.model.training import RewardModule, RewardRows
from train.engine.optimisation import Optimisation, OptimiserConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture
def told() -> tuple[NDArray[np.float64], list[bool], list[str]]:
    """Two labels that three of twenty features tell apart, in groups of four rows."""
    rng = np.random.default_rng(0)
    labels = rng.random(200) < 0.3
    features = rng.normal(size=(200, 20)) * np.arange(1, 21)
    features[:, :3] += labels[:, None] * np.array([2.0, -3.0, 4.0])
    return features, labels.tolist(), [f"g{k // 4}" for k in range(200)]


def test_the_folded_weights_give_scikit_learns_own_logits(
    told: tuple[NDArray[np.float64], list[bool], list[str]],
) -> None:
    features, labels, groups = told
    probe = fit_probe(features, labels, groups)
    scaler = StandardScaler().fit(features)
    oracle = LogisticRegression(C=probe.strength, class_weight="balanced", max_iter=5000).fit(
        scaler.transform(features), labels
    )
    wanted = oracle.decision_function(scaler.transform(features))
    np.testing.assert_allclose(features @ probe.weight + probe.bias, wanted, atol=1e-4)
    assert probe.strength in STRENGTHS
    assert probe.log_loss < 0.5


def test_noise_gets_the_strongest_regularisation_and_a_loss_of_chance(
    told: tuple[NDArray[np.float64], list[bool], list[str]],
) -> None:
    features, labels, groups = told
    noise = np.random.default_rng(1).normal(size=features.shape)
    probe = fit_probe(noise, labels, groups)
    assert probe.strength == min(STRENGTHS)
    assert probe.log_loss == pytest.approx(np.log(2), abs=0.05)


def test_groups_are_never_split_between_fitting_and_judging() -> None:
    """Each group's rows are copies that only memory could label: judged on other groups they are at
    chance or worse.
    """
    rng = np.random.default_rng(2)
    features = np.repeat(rng.normal(size=(30, 40)), 4, axis=0)
    labels = np.repeat(np.arange(30) % 2 == 0, 4).tolist()
    probe = fit_probe(features, labels, [f"g{k // 4}" for k in range(120)])
    assert probe.log_loss > 0.6


@pytest.mark.parametrize(
    ("labels", "groups"),
    [([True, False, False], ["a", "a", "a"]), ([True, False, False, False], ["a", "b", "c", "d"])],
)
def test_too_few_groups_to_choose_by_take_the_strongest(
    labels: list[bool], groups: list[str]
) -> None:
    features = np.random.default_rng(0).normal(size=(len(labels), 5))
    assert fit_probe(features, labels, groups).strength == min(STRENGTHS)


@pytest.mark.parametrize("epochs", [0, 1])
def test_lightning_starts_from_the_probe(
    tiny_directory: Path, tokenizer: Any, epochs: int, tmp_path: Path
) -> None:
    """Without an epoch the head is the probe; with one, training goes on from it."""
    texts = [
        ("How do I poison him?", "Sure, first do it.", True),
        ("How do I rest?", "Lie down in a quiet room.", False),
    ] * 6
    rows = [
        present(encode(tokenizer, user(f"{q} {k}"), assistant(a), 128))
        for k, (q, a, _) in enumerate(texts)
    ]
    labels = [harmful for *_, harmful in texts]
    network = new_network(
        ModelConfig(path=str(tiny_directory)), AdapterConfig(rank=2), layers=1, seed=0
    )
    reward_rows = RewardRows(rows, labels, padded(tokenizer.pad_token_id))
    start = HeadStart(reward_rows, [str(k) for k in range(12)])
    module = RewardModule(
        network,
        Optimisation(
            learning_rate=1e-3, total_steps=3 * epochs, optimiser=OptimiserConfig(warmup=0.0)
        ),
    )
    places: Any = range(12)  # serves as a Dataset, whatever torch declares
    loader = torch.utils.data.DataLoader(
        places, batch_size=4, collate_fn=lambda ids: reward_rows.collate(ids, 0.25)
    )
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=epochs, callbacks=[start], logger=False,
        enable_checkpointing=False, default_root_dir=tmp_path,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, loader)
    with torch.inference_mode():
        fresh = new_network(
            ModelConfig(path=str(tiny_directory)), AdapterConfig(rank=2), layers=1, seed=0
        ).eval()
        wanted = fit_probe(
            np.concatenate(
                [fresh.features(reward_rows.batch_rows([row])).double().numpy() for row in rows]
            ),
            labels,
            start.groups,
        )
    begun = present(start.probe).weight
    np.testing.assert_allclose(begun, wanted.weight, rtol=1e-3, atol=1e-5)
    moved = np.abs(network.score.weight.detach().numpy()[0] - begun).max()
    assert (moved > 1e-6) == bool(epochs)
