"""The command line on two ranks leaves the policy that it leaves on one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

pytestmark = pytest.mark.distributed

ROOT = Path(__file__).parent.parent.parent
TINY = str(ROOT / "configs" / "tiny.yaml")


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, tiny_directory: Path, primum: Callable[..., str]
) -> tuple[Path, Path, str]:
    """(one rank, two ranks under ZeRO-3): the same earlier stages, then sft."""
    from pipeline.cli import main

    folder = tmp_path_factory.mktemp("runs")
    one, two = folder / "one", folder / "two"
    settings = [
        f"model.base.path={tiny_directory}",
        "trainer.accelerator=cpu",
        "trainer.cpu_threads=1",
    ]
    for stage in ("prep", "sample", "reward"):
        assert main([stage, TINY, f"run_dir={one}", *settings]) == 0
    shutil.copytree(one, two)
    assert main(["sft", TINY, f"run_dir={one}", *settings]) == 0
    said = primum(
        "sft",
        TINY,
        f"run_dir={two}",
        *settings,
        "trainer.devices=2",
        "trainer.strategy=deepspeed",
        "trainer.zero_stage=3",
    )
    return one, two, said


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_steps_are_the_same(runs: tuple[Path, Path, str]) -> None:
    one, two, _ = runs
    got, wanted = lines(two / "sft" / "metrics.jsonl"), lines(one / "sft" / "metrics.jsonl")
    assert [row["step"] for row in got] == [row["step"] for row in wanted]
    losses = [[row["loss"] for row in rows if "loss" in row] for rows in (got, wanted)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_exported_policy_is_the_same(runs: tuple[Path, Path, str]) -> None:
    one, two, _ = runs
    got, wanted = (load_file(run / "sft" / "policy" / "model.safetensors") for run in (two, one))
    assert got.keys() == wanted.keys()
    assert max((got[name] - tensor).abs().max().item() for name, tensor in wanted.items()) <= 1e-4


def test_only_one_rank_writes_and_speaks(runs: tuple[Path, Path, str]) -> None:
    _, two, said = runs
    assert [row["epoch"] for row in lines(two / "sft" / "scoreboard.jsonl")] == [0, 1]
    assert said.count("and reloaded: logits differ") == 1
    assert (two / "sft" / "manifest.json").is_file()


def test_a_sharded_policy_is_measured_by_all_ranks_as_one_measures_it(
    runs: tuple[Path, Path, str],
) -> None:
    """No rank holds the policy: both completion, in step, and unequal numbers of prompts end in the
    same rows.
    """
    one, two, _ = runs
    got, wanted = lines(two / "sft" / "scoreboard.jsonl"), lines(one / "sft" / "scoreboard.jsonl")
    assert wanted[0]["harmfulness"]["n"] == 8
    for ours, theirs in zip(got, wanted, strict=True):
        assert flat(ours) == pytest.approx(flat(theirs), abs=1e-4)


def flat(row: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{name}/{part}": row[name][part]
        for name in ("harmfulness", "refusal_rate", "over_refusal_rate")
        for part in ("mean", "n")
    }


@pytest.mark.parametrize("zero_stage", [2, 3])
def test_the_reward_model_of_two_ranks_is_that_of_one(
    runs: tuple[Path, Path, str],
    primum: Callable[..., str],
    tiny_directory: Path,
    tmp_path: Path,
    zero_stage: int,
) -> None:
    """Head from all ranks' features, then fine-tuned: the same model, and a head that is not
    zero.
    """
    one, two = runs[0], tmp_path / "two"
    for stage in ("prep", "sample"):
        shutil.copytree(one / stage, two / stage)
    primum(
        "reward", TINY, f"run_dir={two}", f"model.base.path={tiny_directory}",
        "trainer.accelerator=cpu", "trainer.cpu_threads=1",
        "trainer.devices=2", "trainer.strategy=deepspeed", f"trainer.zero_stage={zero_stage}",
    )  # fmt: skip
    for name in ("model.safetensors", "harmfulness_head.safetensors"):
        got, wanted = (load_file(run / "reward" / "reward_model" / name) for run in (two, one))
        assert got.keys() == wanted.keys()
        assert max((got[key] - tensor).abs().max().item() for key, tensor in wanted.items()) <= 1e-4
    assert (
        load_file(two / "reward" / "reward_model" / "harmfulness_head.safetensors")["weight"]
        .abs()
        .max()
        > 0
    )
