"""The budget of `make bench-gpu` and the page that shows its results."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu
from benchmarks.machine import ROOT
from benchmarks.step_profile import by_kind
from benchmarks.training_page import gpu_section


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that cases alone move."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_cases_begin_only_where_their_least_time_is_left_and_have_no_more_than_the_rest(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    granted = []

    def run(case: Any, device: object, results: object, seconds: float) -> str:
        granted.append((case.module, seconds))
        clock[0] += min(seconds, 70)
        return "done"

    monkeypatch.setattr(gpu, "run", run)
    cases = (
        gpu.Case(50, 80, "training", ("a",)),
        gpu.Case(90, 200, "training", ("b",)),
        gpu.Case(10, 200, "generation", ()),
    )
    ended = gpu.within(cases, "cuda", Path(), 150)
    assert granted == [("training", 80), ("generation", 80)]
    assert [how.split(":")[0] for _, how in ended] == ["done", "left out", "done"]


def test_the_cases_are_of_135m_1b_and_8b_and_of_generation() -> None:
    names = " ".join(case.name for case in gpu.CASES)
    assert all(model in names for model in ("smollm2", "llama-1b", "llama-8b", "generation"))


def test_the_page_names_the_card() -> None:
    results = json.loads((ROOT / "benchmarks" / "results" / "training.json").read_text())
    results["machine"] |= {"gpu": "NVIDIA H100 80GB HBM3"}
    page = "\n".join(gpu_section(results))
    assert page.startswith("**On NVIDIA H100 80GB HBM3**")
    assert "Measured" in page
    assert "| case |" in page


def test_the_page_shows_what_was_measured_alone_and_what_compiled_layers_bring() -> None:
    results = json.loads((ROOT / "benchmarks" / "results" / "gpu.json").read_text())
    page = "\n".join(gpu_section(results))
    assert "| policy, lora, bf16, llama-8b | - | - | 0.18 s |" in page
    assert "operator by operator" in page
    # 42.9 TFLOP in 0.181 s, of 989.
    assert "llama-8b dpo policy lora bf16: 1424 tokens a step, 236 TFLOP/s, 24%" in page


def test_kernels_are_told_apart_by_what_they_do() -> None:
    kernels = {
        "triton_tem_fused_flex_attention_4": 2.0,
        "triton_poi_fused_0": 1.0,
        "nvjet_sm90_tst_128x184": 4.0,
        "void at::native::exp_kernel_cuda": 0.5,
        "triton_tem_fused_flex_attention_backward_9": 3.0,
    }
    assert list(by_kind(kernels).items()) == [
        ("attention", 5.0),
        ("products", 4.0),
        ("fused by the compiler", 1.0),
        ("torch's own", 0.5),
    ]
