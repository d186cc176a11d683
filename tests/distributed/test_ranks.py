"""Two ranks train what one rank trains: DDP and every ZeRO stage, LoRA and full, SFT and DPO,
killed or not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

pytestmark = pytest.mark.distributed

PROBLEMS = [f"{method}-{kind}" for method in ("sft", "dpo") for kind in ("lora", "full")]
STRATEGIES = ("ddp", "zero1", "zero2", "zero3")
SHARDED = [f"{problem}-{strategy}" for problem in PROBLEMS for strategy in STRATEGIES]
KILLED = [
    "sft-lora-ddp-killed",
    "sft-lora-zero2-killed",
    "dpo-full-zero3-killed",
    "dpo-full-zero3-offload-killed",
]
MOVED = [  # to other ranks and strategies, in the middle of an epoch
    "sft-lora-one-then-ddp",
    "dpo-lora-one-then-zero3",
    "dpo-lora-zero2-then-one",
    "dpo-full-zero3-then-one",
    "sft-full-ddp-then-zero3",
    "dpo-full-zero1-then-zero2",
]
RECOMPUTED = [
    f"dpo-{kind}-{strategy}-recompute" for kind in ("lora", "full") for strategy in ("ddp", "zero3")
]
OFFLOADED = ["dpo-lora-zero2-offload", "dpo-full-zero3-offload"]
HALF = ["dpo-lora-zero2-half", "dpo-lora-zero3-half"]  # a base of bfloat16, as large ones are kept
ON_FOUR = ["sft-lora-ddp", "dpo-lora-zero2", "dpo-full-zero3"]
# A step's KL, and the weights of a limit.
WEIGHED = [
    "kto-lora-ddp",
    "kto-full-zero3",
    "limit-lora-ddp",
]
BF16 = ["dpo-lora-zero2-bf16", "dpo-full-zero3-bf16"]


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_directory: Path,
    ranks_module: Any,
    run_ranks: Callable[..., str],
) -> Path:
    """Results of all cases: one pair of processes for those on two ranks, this process for those on
    one.
    """
    out = tmp_path_factory.mktemp("ranks")
    ranks_module.main(tiny_directory, out, [case for case in MOVED if "-one-then-" in case])
    run_ranks(
        tiny_directory,
        out,
        [*SHARDED, *KILLED, *MOVED, *RECOMPUTED, *OFFLOADED, *HALF, *BF16, *WEIGHED],
    )
    run_ranks(tiny_directory, out / "four", ON_FOUR, ranks=4)
    on_one = [
        *(f"{problem}-one" for problem in PROBLEMS),
        *dict.fromkeys(map(alone, WEIGHED)),
        *(case for case in MOVED if case.endswith("-one")),
        "dpo-lora-one-half",
    ]
    ranks_module.main(tiny_directory, out, on_one)
    return out


def metrics(folder: Path, case: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{case}.jsonl").read_text().splitlines()]


def alone(case: str) -> str:
    return "-".join([*case.split("-")[:2], "one"])


@pytest.mark.parametrize("case", SHARDED)
def test_the_first_loss_is_the_unsharded_models(folder: Path, case: str) -> None:
    assert metrics(folder, case)[0]["loss"] == pytest.approx(
        metrics(folder, alone(case))[0]["loss"], rel=1e-5
    )


@pytest.mark.parametrize("case", SHARDED + RECOMPUTED + OFFLOADED + WEIGHED)
def test_every_step_has_the_same_metrics_as_on_one_rank(folder: Path, case: str) -> None:
    got, wanted = metrics(folder, case), metrics(folder, alone(case))
    assert len(got) == len(wanted) == 6
    for ours, theirs in zip(got, wanted, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5, abs=2e-5)
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)


@pytest.mark.parametrize("case", [case for case in SHARDED if not case.endswith("ddp")])
def test_gradients_have_the_norm_that_they_have_on_one_rank(folder: Path, case: str) -> None:
    """Adam hides a gradient that is divided once too often; clipping does not.

    DDP's norm is taken before ranks are averaged: not comparable.
    """
    got, wanted = (
        json.loads((folder / f"{name}.norms.json").read_text()) for name in (case, alone(case))
    )
    assert got == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("case", SHARDED + RECOMPUTED + OFFLOADED + WEIGHED)
def test_the_trained_tensors_are_those_of_one_rank(folder: Path, case: str) -> None:
    got, wanted = (
        load_file(folder / f"{case}.safetensors"),
        load_file(folder / f"{alone(case)}.safetensors"),
    )
    assert got.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert (got[name] - tensor).norm() <= 1e-5 * max(1.0, tensor.norm().item()), name


@pytest.mark.parametrize("case", ON_FOUR)
def test_one_two_and_four_ranks_report_the_same(folder: Path, case: str) -> None:
    """To 1e-6 while the weights are the same; after that the order of additions has moved them."""
    rows = [metrics(folder / "four", case), metrics(folder, case), metrics(folder, alone(case))]
    for step, found in enumerate(zip(*rows, strict=True)):
        share, most = (1e-6, 1e-6) if step == 0 else (1e-5, 2e-5)
        assert found[0] == pytest.approx(found[2], rel=share, abs=most)
        assert found[1] == pytest.approx(found[2], rel=share, abs=most)


@pytest.mark.parametrize("case", HALF)
def test_a_bfloat16_base_trains_as_on_one_rank_and_its_adapter_stays_float32(
    folder: Path, case: str
) -> None:
    got, wanted = metrics(folder, case), metrics(folder, "dpo-lora-one-half")
    assert got[0]["loss"] == pytest.approx(math.log(2), abs=1e-3)
    assert [row["loss"] for row in got] == pytest.approx([row["loss"] for row in wanted], rel=5e-3)
    assert {tensor.dtype for tensor in load_file(folder / f"{case}.safetensors").values()} == {
        torch.float32
    }


@pytest.mark.parametrize("case", KILLED)
def test_a_killed_run_on_two_ranks_ends_where_the_uninterrupted_one_does(
    folder: Path, case: str
) -> None:
    whole = case.removesuffix("-killed")
    log = (folder / "rank0.log").read_text()
    assert (
        json.dumps({"killed": case, "resumes_at": 4}) in log
        or f'"killed":"{case}","resumes_at":4' in log
    )
    assert metrics(folder, case) == metrics(folder, whole)
    got, wanted = (
        load_file(folder / f"{case}.safetensors"),
        load_file(folder / f"{whole}.safetensors"),
    )
    assert [name for name, tensor in wanted.items() if not torch.equal(got[name], tensor)] == []


@pytest.mark.parametrize("case", MOVED)
def test_a_killed_run_goes_on_with_other_ranks_and_another_strategy(
    folder: Path, case: str
) -> None:
    """The same rows in every step, the same losses and, at the end, the same weights as one rank
    that was never killed.
    """
    got, wanted = metrics(folder, case), metrics(folder, alone(case))
    assert [row["step"] for row in got] == [row["step"] for row in wanted]
    for ours, theirs in zip(got, wanted, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5, abs=2e-5)
    trained, whole = (
        load_file(folder / f"{case}.safetensors"),
        load_file(folder / f"{alone(case)}.safetensors"),
    )
    for name, tensor in whole.items():
        assert (trained[name] - tensor).norm() <= 1e-5 * max(1.0, tensor.norm().item()), name


@pytest.mark.parametrize("case", BF16)
def test_the_first_dpo_loss_in_bfloat16_is_ln_2_and_the_weights_stay_float32(
    folder: Path, case: str
) -> None:
    assert metrics(folder, case)[0]["loss"] == pytest.approx(math.log(2), abs=5e-3)
    assert {tensor.dtype for tensor in load_file(folder / f"{case}.safetensors").values()} == {
        torch.float32
    }
