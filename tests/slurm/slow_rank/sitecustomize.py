"""Makes the rank in SLOW_RANK take longer over every training step, so that ranks are never in
step.

On PYTHONPATH in tests only.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
import time
from collections.abc import Sequence
from types import ModuleType
from typing import Any


class _Slowed(importlib.abc.MetaPathFinder):
    """Wraps `TrainedModule.on_train_batch_start` once train.engine.module is loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "train.engine.module":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        assert spec is not None
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            start = module.TrainedModule.on_train_batch_start

            def slow_start(self: Any, batch: Any, batch_idx: int) -> None:
                time.sleep(0.15)
                start(self, batch, batch_idx)

            module.TrainedModule.on_train_batch_start = slow_start

        loader.exec_module = exec_module
        return spec


if os.environ.get("SLURM_PROCID") == os.environ.get("SLOW_RANK", "none"):
    sys.meta_path.insert(0, _Slowed())
