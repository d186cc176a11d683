"""What a run is said to take, against sums by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_prep.config import SplitConfig
from data_prep.pairs.config import PairsConfig
from models.config import AdapterConfig, LanguageModelConfig, ModelConfig
from models.loading.footprint import measuring_bytes, shape_of
from pipeline import policies
from pipeline.run.config import RunConfig
from pipeline.run.job_script import JobScript
from pipeline.run.needs import duration, room_faults
from records.rows import Demonstration, Kind, user
from train.config import TrainerConfig


def row(name: str, kind: Kind = "harmful") -> Demonstration:
    return Demonstration(
        id=name, prompt=user(name), kind=kind, suite=kind, source="made", licence="MIT"
    )


@pytest.fixture
def config(tiny_directory: Path, tmp_path: Path) -> RunConfig:
    model = LanguageModelConfig(
        base=ModelConfig(path=str(tiny_directory)),
        adapter=AdapterConfig(rank=4, alpha=8),
        max_length=256,
    )
    return RunConfig(run_dir=str(tmp_path / "run"), model=model)


def job(tasks: int, gpus: int, step: str) -> JobScript:
    return JobScript(
        Path("job.sh"),
        {"--ntasks-per-node": str(tasks), "--gpus-per-node": str(gpus)},
        f"primum_step {step} CONFIG",
    )


def test_training_time_is_the_operations_over_the_speed(config: RunConfig) -> None:
    rows = [row(f"{n}") for n in range(60)] + [row(f"b{n}", kind="benign") for n in range(40)]
    config = replace(
        config,
        pairs=PairsConfig(max_pairs_per_prompt=1, over_refusal=1.0),
        trainer=TrainerConfig(accelerator="gpu"),
    )
    parameters = shape_of(config.model.base, config.model.adapter).parameters
    # 0.6 of the rows train; LoRA: forward and the inputs' gradients, 4 operations a parameter and
    # token; 2 more for the reference of DPO
    sft = 2 * 60 * 50 * 4 * parameters
    dpo = 36 * 2 * 2 * 50 * (4 + 2) * parameters
    speed = 3600 * 330e12
    scale = 1e9 * speed / sft  # makes hours of what a tiny model takes
    said = duration(config, rows, [50])
    assert f"{sft / speed:.1f} h (sft) and {dpo / speed:.1f} h (dpo)" in said
    said = duration(config, rows, [int(50 * scale)])
    assert float(said.split(" h (dpo)")[0].split()[-1]) / float(
        said.split(" h (sft)")[0].split()[-1]
    ) == pytest.approx(dpo / sft, rel=1e-3)


def test_a_training_limit_and_recomputing_change_the_time(config: RunConfig) -> None:
    rows = [row(f"{n}") for n in range(100)]
    big = [10**15]
    limited = replace(config, data=replace(config.data, split=SplitConfig(train_limit=30)))
    recomputed = replace(config, trainer=TrainerConfig(gradient_checkpointing=True))

    def hours(run: RunConfig) -> float:
        return float(duration(run, rows, big).split(" h (sft)")[0].split()[-1])

    assert hours(limited) == pytest.approx(hours(config) / 2, rel=1e-3)
    assert hours(recomputed) == pytest.approx(hours(config) * 1.5, rel=1e-3)


def test_measuring_counts_copy_cache_and_the_kept_layers(config: RunConfig) -> None:
    shape = shape_of(config.model.base, config.model.adapter)
    embedding = shape.vocabulary * shape.hidden
    found = measuring_bytes(shape, reward_layers=1, rows=3, tokens=10, whole_copy=True)
    assert found["copy"] == 2 * shape.parameters
    # Keys and values, two bytes, two layers, two key-value heads of eight.
    assert found["cache"] == 2 * 2 * 3 * 10 * 2 * 16
    assert found["reward model"] == 2 * (embedding + (shape.parameters - embedding) / 2)
    assert (
        measuring_bytes(shape, reward_layers=None, rows=3, tokens=10, whole_copy=False)["copy"] == 0
    )


def test_a_job_that_only_generates_is_not_held_to_what_training_takes(config: RunConfig) -> None:
    config = replace(config, trainer=TrainerConfig(accelerator="gpu"))
    assert any(
        "a rank needs about" in fault for fault in room_faults(config, job(1, 1, "dpo"), 0.001)[0]
    )
    faults, lines = room_faults(config, job(1, 1, "eval"), 1.0)
    assert faults == []
    assert "where a policy generates" in lines[1]


def test_sharded_ranks_do_not_each_read_the_whole_model(config: RunConfig) -> None:
    whole = shape_of(config.model.base, config.model.adapter).parameters * 4

    def host(**settings: Any) -> str:
        return room_faults(
            replace(config, trainer=TrainerConfig(accelerator="cpu", devices=8, **settings)),
            None,
            80.0,
        )[1][-1]

    assert f"host memory about {8 * whole / 1e6:.1f} MB" in host(strategy="ddp")
    assert f"host memory about {whole / 1e6:.1f} MB" in host(strategy="deepspeed", zero_stage=3)


def test_what_a_small_model_takes_is_not_nothing(config: RunConfig) -> None:
    _, lines = room_faults(config, None, 80.0)
    assert not [line for line in lines if "about 0.0" in line or "0.00 " in line], lines


@pytest.mark.parametrize(
    ("gpus", "devices", "local", "own"),
    [(1, 1, 0, []), (4, 4, 2, []), (4, 1, 0, [0, 1, 2, 3]), (8, 2, 1, [4, 5, 6, 7])],
)
def test_a_rank_spreads_a_policy_over_the_gpus_that_it_has_for_itself(
    config: RunConfig,
    monkeypatch: pytest.MonkeyPatch,
    gpus: int,
    devices: int,
    local: int,
    own: list[int],
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(
        torch.cuda,
        "get_device_properties",
        lambda gpu: type("Properties", (), {"total_memory": 100})(),
    )
    for name, value in {
        "SLURM_NTASKS": str(devices),
        "SLURM_PROCID": str(local),
        "SLURM_LOCALID": str(local),
        "SLURM_JOB_NAME": "eval",
    }.items():
        monkeypatch.setenv(name, value)
    spread = policies.spread_over_gpus(TrainerConfig(accelerator="gpu", devices=devices))
    assert spread == (
        {"device_map": "sequential", "max_memory": dict.fromkeys(own, 60)} if own else {}
    )
