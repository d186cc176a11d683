"""The disk that a stage asks for is what its model needs, not a constant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.config import AdapterConfig, LanguageModelConfig, ModelConfig
from models.loading.footprint import shape_of
from pipeline.run.config import RunConfig
from pipeline.run.stage_room import SMALL, policy_gigabytes, reward_gigabytes
from pipeline.stages import load_stage
from records.errors import ModelError


@pytest.fixture
def config(tiny_directory: Path, tmp_path: Path) -> RunConfig:
    model = LanguageModelConfig(
        base=ModelConfig(path=str(tiny_directory)), adapter=AdapterConfig(rank=4, alpha=8)
    )
    return RunConfig(run_dir=str(tmp_path / "run"), model=model)


def test_a_policy_takes_its_weights_adapter_checkpoints_and_epochs(config: RunConfig) -> None:
    shape = shape_of(config.model.base, config.model.adapter)
    expected = (
        4 * shape.parameters
        + 4 * shape.trained
        + 3 * 12 * shape.trained
        + 3 * 4 * shape.trained
        + SMALL
    )
    assert policy_gigabytes(config) == pytest.approx(expected / 1e9)
    halved = replace(config, model=replace(config.model, export_dtype="float16"))
    assert policy_gigabytes(halved) == pytest.approx((expected - 2 * shape.parameters) / 1e9)


@pytest.mark.parametrize("name", ["sft", "dpo", "sft_control", "reward", "release"])
def test_a_stage_on_a_small_model_asks_for_little(config: RunConfig, name: str) -> None:
    assert load_stage(name).gigabytes(config) < 0.1


def test_every_weight_trained_takes_more_and_fewer_layers_take_less(config: RunConfig) -> None:
    whole = replace(config, model=replace(config.model, adapter=AdapterConfig(kind="full")))
    assert policy_gigabytes(whole) > policy_gigabytes(config)
    fewer = replace(config, reward=replace(config.reward, layers=1))
    assert reward_gigabytes(fewer) < reward_gigabytes(config)


def test_a_release_asks_for_what_it_copies(config: RunConfig) -> None:
    folder = Path(config.run_dir) / "dpo" / "policy"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes(3_000_000))
    assert load_stage("release").gigabytes(config) == pytest.approx(0.053)


def test_an_architecture_that_cannot_be_built_is_told(config: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    base = replace(config.model.base, path=str(tmp_path))
    with pytest.raises(
        ModelError, match=r"model.base.path=.*: its architecture cannot be built .*; name another"
    ):
        policy_gigabytes(
            replace(
                config,
                model=replace(
                    config.model, base=base, adapter=AdapterConfig(target_modules="none")
                ),
            )
        )
