"""A vllm that answers by arithmetic, for the seam to it: what is asked, what comes back, what goes
wrong. It is no language model.

The real one is tested too, where PRIMUM_VLLM_PYTHON names a Python that has it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

__version__ = "0.0.stand-in"


class SamplingParams(SimpleNamespace):
    pass


class LLM:
    def __init__(self, **arguments: Any) -> None:
        print("a line that libraries print to standard output")
        if "broken" in arguments["model"]:
            raise ValueError("no such model\nand much more")
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(f"engine {child.pid}", file=sys.stderr, flush=True)
        self.arguments = arguments

    def generate(
        self, prompts: list[dict[str, list[int]]], params: list[Any], *, use_tqdm: bool
    ) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(
                outputs=[SimpleNamespace(token_ids=self._written(p["prompt_token_ids"], s))]
            )
            for p, s in zip(prompts, params, strict=True)
        ]

    def _written(self, ids: list[int], asked: Any) -> list[int]:
        """The prompt backwards, then the end token where there is room for it."""
        if ids == [7, 7]:
            os._exit(3)
        assert asked.ignore_eos
        assert not asked.detokenize
        return (ids[::-1] + asked.stop_token_ids)[: asked.max_tokens]
