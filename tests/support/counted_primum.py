"""`primum` that notes what it reads of models: `python counted_primum.py COUNTS ARGUMENTS...`.

COUNTS becomes a JSON file: of each stage, "model" or "tokenizer" and the folder, with how often
transformers' from_pretrained was asked for it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import mock

from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

from pipeline.cli import main
from pipeline.run import runner
from pipeline.run.config import RunConfig
from pipeline.run.stage import Stage
from pipeline.run.stage_run import run_stage

READERS = {AutoModel: "model", AutoModelForCausalLM: "model", AutoTokenizer: "tokenizer"}
BEFORE = "before the first stage"
counts: dict[str, Counter[str]] = {}
at_work = [BEFORE]


def count(reader: Any, what: str) -> None:
    """From now on the reader notes whatever it is asked for."""
    read = reader.from_pretrained.__func__

    def counted(cls: Any, where: Any, *arguments: Any, **options: Any) -> Any:
        counts.setdefault(at_work[-1], Counter())[f"{what} {where}"] += 1
        return read(cls, where, *arguments, **options)

    reader.from_pretrained = classmethod(counted)


def named_stages() -> None:
    """From now on it is known which stage is at work."""

    def named(stage: Stage[Any], config: RunConfig, *, rank: int = 0) -> bool:
        at_work.append(stage.name)
        try:
            return run_stage(stage, config, rank=rank)
        finally:
            at_work.pop()

    mock.patch.object(runner, "run_stage", named).start()


if __name__ == "__main__":
    path = Path(sys.argv.pop(1))
    for reader, what in READERS.items():
        count(reader, what)
    named_stages()
    try:
        code = main()
    finally:
        path.write_text(json.dumps(counts, indent=1))
    sys.exit(code)
