"""What rlhf is said to take, against sums by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.config import AdapterConfig, GenerationConfig, LanguageModelConfig, ModelConfig
from models.loading.footprint import shape_of
from pipeline.checks.plans import rank_faults
from pipeline.run.config import RunConfig
from pipeline.run.needs import room_faults
from pipeline.run.online_needs import (
    described,
    drawing_bytes,
    kept_bytes,
    operations,
    prompt_faults,
)
from train.config import TrainerConfig
from train.rlhf.config import RlhfConfig

ONLINE = RlhfConfig(
    starts_from="sft",
    steps=10,
    prompts_per_step=8,
    num_generations=4,
    generation=GenerationConfig(max_new_tokens=50, temperature=1.0),
)


@pytest.fixture
def config(tiny_directory: Path, tmp_path: Path) -> RunConfig:
    model = LanguageModelConfig(
        base=ModelConfig(path=str(tiny_directory)),
        adapter=AdapterConfig(rank=4, alpha=8),
        max_length=256,
    )
    return RunConfig(run_dir=str(tmp_path / "run"), model=model, rlhf=ONLINE)


def test_the_time_is_that_of_drawing_the_reference_and_learning(config: RunConfig) -> None:
    shape = shape_of(config.model.base, config.model.adapter)
    drawn = 4 * 50
    # a prompt of 30 tokens: 2 operations to draw and 2 for the reference, 4 to learn with LoRA, a
    # parameter and token
    assert operations(config, shape, 30) == 10 * 8 * shape.parameters * (2 + 2 + 4) * (30 + drawn)


def test_a_rank_holds_a_copy_that_draws_unless_weights_are_sharded(config: RunConfig) -> None:
    shape = shape_of(config.model.base, config.model.adapter)
    sharded = replace(config, trainer=TrainerConfig(strategy="deepspeed", zero_stage=3, devices=2))

    assert drawing_bytes(config, shape)["copy"] == 2 * shape.parameters
    assert drawing_bytes(sharded, shape)["copy"] == 0
    assert kept_bytes(config, shape) == 4 * shape.trained
    assert kept_bytes(sharded, shape) == 4 * shape.trained


def test_check_says_what_rlhf_takes_and_only_where_it_is_in_the_run(config: RunConfig) -> None:
    _, lines = room_faults(config, None, 80)
    _, without = room_faults(replace(config, rlhf=RlhfConfig()), None, 80)

    assert any("in rlhf, which draws and scores" in line for line in lines)
    assert not any("rlhf" in line for line in without)
    assert described(config, [30, 30, 40])[0].startswith(
        "rlhf: 10 steps of 8 prompts with 4 completions each, about 1 micro-batch(es)"
    )


def test_prompts_and_ranks_that_are_too_few_are_faults(config: RunConfig) -> None:
    crowded = replace(config, trainer=TrainerConfig(devices=16, strategy="ddp"))

    assert any(
        fault.startswith("rlhf.prompts_per_step=8: fewer rows a step than the 16 ranks")
        for fault in rank_faults(crowded)
    )
    assert prompt_faults(config, {"harmful": 40, "benign": 40}) == []
    assert (
        "4 prompts of the kind benign and there are 3"
        in prompt_faults(config, {"harmful": 40, "benign": 3})[0]
    )
    assert "no benign training prompts" in prompt_faults(config, {"harmful": 40, "benign": 0})[0]
    assert prompt_faults(replace(config, rlhf=RlhfConfig()), {"harmful": 0, "benign": 0}) == []
