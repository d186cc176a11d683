"""Scores come in the order asked and survive saving; the loss is weighted cross-entropy."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from present import present

from models.layout.collation import padded
from models.layout.logps import collate
from models.tokens import TokenRow, encode
from records.errors import ModelError
from records.rows import Completion, assistant, user
from reward.model import harmfulness_model
from reward.model.harmfulness_model import SCORED_TOKENS, HarmfulnessScorer, save_reward_model
from reward.model.link import Link
from reward.model.training import RewardModule, RewardRows
from train.engine.optimisation import Optimisation, OptimiserConfig

if TYPE_CHECKING:
    from reward.model.network import HarmfulnessNetwork


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_a_scorer_gives_scores_in_the_order_asked(
    network: HarmfulnessNetwork, rows: list[TokenRow], tokenizer: Any, batch_size: int
) -> None:
    scorer = HarmfulnessScorer(network, tokenizer, Link(temperature=1.5), batch_size)
    with torch.inference_mode():
        alone = [network(collate([row], 0))[0].item() for row in rows]
    assert scorer.logits(rows) == pytest.approx(alone, abs=1e-5)
    assert scorer.scores(rows) == pytest.approx(
        [1 + 4 / (1 + math.exp(-z / 1.5)) for z in scorer.logits(rows)]
    )
    assert scorer.scores([]) == []


def completion(text: str, prompt: str = "What is a normal pulse?") -> Completion:
    return Completion(
        id=f"{prompt}/{text}",
        prompt_id="1",
        prompt=user(prompt),
        completion=assistant(text),
        policy="p",
        sample=0,
        seed=0,
        num_tokens=1,
        finish_reason="stop",
    )


def test_completions_are_scored_on_the_scale_and_keep_their_places(
    network: HarmfulnessNetwork, tokenizer: Any
) -> None:
    scorer = HarmfulnessScorer(network, tokenizer, Link(), name="reward_model_2")
    asked = [completion("Sixty to a hundred."), completion(" \n"), completion("It depends.")]
    first, empty, last = scorer.score(asked)
    rows = [
        present(encode(tokenizer, made.prompt, made.completion, SCORED_TOKENS))
        for made in (asked[0], asked[2])
    ]
    assert [first.value, last.value] == pytest.approx(scorer.scores(rows))
    assert 1 <= present(first.value) <= 5
    assert (empty.value, empty.reason) == (None, "empty completion")
    assert [score.completion_id for score in (first, empty, last)] == [made.id for made in asked]
    assert {score.scorer for score in (first, empty, last)} == {"reward_model_2"}


def test_a_prompt_that_fills_the_scorers_context_is_unscored_with_its_reason(
    network: HarmfulnessNetwork, tokenizer: Any
) -> None:
    (made,) = HarmfulnessScorer(network, tokenizer, Link()).score(
        [completion("Yes.", "pain " * 2 * SCORED_TOKENS)]
    )
    assert made.value is None
    assert str(SCORED_TOKENS) in made.reason


def test_a_saved_model_is_the_same_head_included(
    network: HarmfulnessNetwork, rows: list[TokenRow], tokenizer: Any, tmp_path: Path
) -> None:
    wanted = HarmfulnessScorer(network, tokenizer, Link()).logits(rows)
    assert (
        save_reward_model(
            network,
            tokenizer,
            tmp_path / "rm",
            link=Link(thresholds=(-1.0, 0.5), temperature=1.7),
            probe_rows=rows,
        ).difference
        < 1e-4
    )
    again = HarmfulnessScorer.load(tmp_path / "rm")
    assert again.link == Link(thresholds=(-1.0, 0.5), temperature=1.7)
    assert again.logits(rows) == pytest.approx(wanted, abs=1e-4)
    assert "sigmoid" in json.loads((tmp_path / "rm" / "harmfulness.json").read_text())["formula"]


def test_an_export_that_scores_differently_is_refused(
    network: HarmfulnessNetwork,
    rows: list[TokenRow],
    tokenizer: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Other(HarmfulnessScorer):
        @classmethod
        def load(
            cls, folder: Path, dtype: torch.dtype = torch.float32, *, name: str = "reward_model"
        ) -> HarmfulnessScorer:
            made = HarmfulnessScorer.load(folder, dtype, name=name)
            made.model.score.weight.data += 1
            return made

    monkeypatch.setattr(
        harmfulness_model,
        "HarmfulnessScorer",
        type("S", (HarmfulnessScorer,), {"load": Other.load}),
    )
    with pytest.raises(ModelError, match="scores differently"):
        save_reward_model(network, tokenizer, tmp_path / "rm", link=Link(), probe_rows=rows)


def test_harmful_and_harmless_count_the_same_in_sum(rows: list[TokenRow], tokenizer: Any) -> None:
    made = RewardRows(rows, [True, False, False, False], padded(tokenizer.pad_token_id))
    assert made.sides.harmful * 1 == pytest.approx(made.sides.harmless * 3)
    assert made.sides.harmful * 1 + made.sides.harmless * 3 == pytest.approx(4)
    assert RewardRows(rows, [True] * 4, padded(0)).sides.harmful == 0.5


def test_the_loss_is_weighted_cross_entropy(
    network: HarmfulnessNetwork, rows: list[TokenRow], tokenizer: Any
) -> None:
    """Against torch's own BCE, one row at a time."""
    module = RewardModule(
        network,
        Optimisation(learning_rate=1e-3, total_steps=1, optimiser=OptimiserConfig(warmup=0.0)),
    )
    made = RewardRows(rows, [True, False, False, False], padded(tokenizer.pad_token_id))
    module.sides = made.sides
    loss = module.training_step(made.collate([0, 1, 2, 3], 0.25), 0)
    logits = [network(collate([row], 0))[0] for row in rows]
    weights, labels = (2.0, 2 / 3, 2 / 3, 2 / 3), (1.0, 0.0, 0.0, 0.0)
    each = [
        torch.nn.BCEWithLogitsLoss()(z, torch.tensor(y)) * w
        for z, y, w in zip(logits, labels, weights, strict=True)
    ]
    assert loss.item() == pytest.approx(sum(e.item() for e in each) / 4, rel=1e-5)
