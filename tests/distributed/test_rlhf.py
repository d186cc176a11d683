"""Two ranks draw and learn what one rank does: DDP and every ZeRO stage, LoRA and full, killed or
not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

pytestmark = pytest.mark.distributed

CASES = [
    "rlhf-lora-ddp",
    "rlhf-full-zero1",
    "rlhf-full-zero2",
    "rlhf-lora-zero3",
    "rlhf-full-zero3",
]
KILLED = ["rlhf-lora-ddp-killed", "rlhf-full-zero3-killed"]


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_directory: Path,
    ranks_module: Any,
    run_ranks: Callable[..., str],
) -> Path:
    out = tmp_path_factory.mktemp("ranks")
    ranks_module.main(tiny_directory, out, ["rlhf-lora-one", "rlhf-full-one"])
    run_ranks(tiny_directory, out, [*CASES, *KILLED])
    return out


def metrics(folder: Path, case: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{case}.jsonl").read_text().splitlines()]


def alone(case: str) -> str:
    return "-".join([*case.split("-")[:2], "one"])


@pytest.mark.parametrize("case", CASES + KILLED)
def test_every_step_has_the_metrics_of_one_rank(folder: Path, case: str) -> None:
    got, wanted = metrics(folder, case), metrics(folder, alone(case))
    assert len(got) == len(wanted) == 6
    for ours, theirs in zip(got, wanted, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=2e-5)


@pytest.mark.parametrize("case", CASES + KILLED)
def test_the_trained_tensors_are_those_of_one_rank(folder: Path, case: str) -> None:
    got, wanted = (
        load_file(folder / f"{case}.safetensors"),
        load_file(folder / f"{alone(case)}.safetensors"),
    )
    assert got.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert (got[name] - tensor).norm() <= 1e-4 * max(1.0, tensor.norm().item()), name


@pytest.mark.parametrize("case", KILLED)
def test_killed_it_ends_bitwise_where_the_uninterrupted_run_does(folder: Path, case: str) -> None:
    whole = case.removesuffix("-killed")
    assert metrics(folder, case) == metrics(folder, whole)
    assert (folder / f"{case}.safetensors").read_bytes() == (
        folder / f"{whole}.safetensors"
    ).read_bytes()
