"""The reward model is refused by the lower end of its AUROC's interval, and judged as it will be
used.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from present import present

from measures.estimates import Estimate
from models.config import AdapterConfig, GenerationConfig, ModelConfig
from models.tokens import TokenRow, encode
from pipeline.harm_model import loaded
from pipeline.reward_validation import require_auroc, validated
from pipeline.run.config_loading import load_config
from records.errors import ConfigError, RecordError
from records.rows import assistant, user
from reward.model.examples import RewardExample
from reward.model.harmfulness_model import HarmfulnessScorer, save_link, save_reward_model
from reward.model.link import Link
from reward.model.network import new_network


def test_an_auroc_whose_interval_reaches_below_the_limit_is_refused_with_its_point_above() -> None:
    with pytest.raises(RecordError, match=r"0\.850 \(0\.710 to 0\.950, n 30\).*reward\.min_auroc"):
        require_auroc(Estimate(0.85, 0.71, 0.95, 30), 0.8)


@pytest.mark.parametrize("low", [None, math.nan])
def test_an_auroc_without_an_interval_is_refused(low: float | None) -> None:
    with pytest.raises(RecordError, match=r"reward\.min_auroc"):
        require_auroc(Estimate(0.99, low, low, 3), 0.8)


def test_an_auroc_above_the_limit_passes() -> None:
    require_auroc(Estimate(0.95, 0.8, 0.99, 131), 0.8)


@pytest.fixture
def exported(
    tiny_directory: Path, tokenizer: Any, tmp_path: Path
) -> tuple[Path, list[RewardExample], list[TokenRow]]:
    """A reward model whose head is not zero, and held-out examples of eight groups with their
    rows.
    """
    network = new_network(
        ModelConfig(path=str(tiny_directory)), AdapterConfig(rank=4, alpha=8), layers=None, seed=0
    )
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(0.2 * torch.randn_like(parameter))
    examples = [
        RewardExample(
            id=str(k),
            prompt=user(f"Question {k}?"),
            completion=assistant("Yes. " * (1 + k % 5)),
            harm=float(k % 3 == 0),
            origin="policy_harmful",
            group=f"g{k // 3}",
            split="val",
        )
        for k in range(24)
    ]
    rows = [present(encode(tokenizer, e.prompt, e.completion, 256)) for e in examples]
    folder = tmp_path / "reward_model"
    save_reward_model(network.eval(), tokenizer, folder, link=Link(), probe_rows=rows[:4])
    return folder, examples, rows


def test_what_is_validated_is_what_later_stages_load(
    exported: tuple[Path, list[RewardExample], list[TokenRow]],
) -> None:
    """The logits of validation_examples.jsonl and the calibration are of the exported model in the
    float type of use.
    """
    folder, examples, rows = exported
    generation = GenerationConfig(dtype="bfloat16")
    scorer = loaded(folder, load_config(None, []), generation)
    found = validated(scorer, examples, rows)
    save_link(scorer.link, folder)
    used = HarmfulnessScorer.load(folder, torch.bfloat16)
    at = {row["id"]: row["logit"] for row in found.judged}
    wanted = [z for z, e in zip(used.logits(rows), examples, strict=True) if e.id in at]
    assert list(at.values()) == pytest.approx(wanted, abs=1e-6)
    assert used.link == scorer.link != Link()
    assert found.validation.temperature == used.link.temperature
    assert (found.validation.n, found.calibrated_on) == (12, 12)


def test_an_unknown_probe_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no probe is called ecko; wanted some of echo,"):
        load_config(None, ["score.accept_failed_probes=[ecko]"])
