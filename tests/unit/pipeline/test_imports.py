"""What a process loads before a stage begins its work: seconds that every start pays."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pipeline.stages import STAGES

FOR_TRAINING = ("pytorch_lightning", "peft", "deepspeed")
WHEN_USED = (
    "matplotlib",
    "sklearn",
    "scipy.stats",
    "pandas",
    "torch._dynamo",
    "transformers.modeling_utils",
)
"""Each costs about a second; a stage that needs one loads it in its work."""
TORCH_FREE = ("prep", "release")
SCRIPT = """
import importlib, json, sys
loaded = {}
for name in sys.argv[1:]:
    importlib.import_module(f"pipeline.stages.{name}")
    loaded[name] = sorted(sys.modules)
print(json.dumps(loaded))
"""


@pytest.mark.process
def test_no_stage_loads_libraries_of_training_or_plotting_before_its_work() -> None:
    # One process: those without torch come first.
    stages = sorted(STAGES, key=lambda name: name not in TORCH_FREE)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *stages], capture_output=True, text=True, check=True
    )
    loaded = json.loads(run.stdout)
    heavy = {
        name: [library for library in (*FOR_TRAINING, *WHEN_USED) if library in modules]
        for name, modules in loaded.items()
    }
    assert heavy == {name: [] for name in stages}
    assert not [name for name in TORCH_FREE if "torch" in loaded[name]]
