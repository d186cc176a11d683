"""How a process that trains on a CPU computes."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[3]
KERNEL = Path("/sys/kernel/mm/transparent_hugepage/enabled")
ASKED = """
from pathlib import Path
import pipeline.run.runner
from pipeline.run.config_loading import load_config

pipeline.run.runner.run_stage = lambda *_, **__: None
config = load_config(Path("configs/tiny.yaml"), ["trainer.accelerator=cpu", "trainer.precision={precision}", "trainer.cpu_threads=3"])
pipeline.run.runner.run_one("sft", config)
import torch

large = torch.ones(2**24)
pages = [int(line.split()[1]) for line in Path("/proc/self/smaps").read_text().splitlines() if line.startswith("AnonHugePages")]
print(torch.get_num_threads(), sum(pages))
"""


@cache
def answers(precision: str) -> tuple[int, int]:
    """(threads, kB in huge pages) of a fresh process with 64 MB in one tensor."""
    # Which a stage run in this process sets.
    fresh = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
    code = ASKED.format(precision=precision)
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=fresh,
        capture_output=True,
        text=True,
        check=True,
    )
    threads, kilobytes = ended.stdout.split()
    return int(threads), int(kilobytes)


@pytest.mark.skipif(
    not KERNEL.is_file() or "[madvise]" not in KERNEL.read_text(),
    reason="huge pages are not for this process to choose",
)
@pytest.mark.parametrize(("precision", "huge"), [("32-true", True), ("bf16-mixed", False)])
def test_large_tensors_are_in_huge_pages_in_float32_only(precision: str, huge: bool) -> None:
    assert (answers(precision)[1] >= 2**15) is huge


def test_threads_are_those_of_the_config() -> None:
    assert answers("bf16-mixed")[0] == 3
