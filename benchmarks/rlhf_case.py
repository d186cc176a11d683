"""What the contestants of benchmarks/rlhf.py are all given: prompts, and a reward."""

from __future__ import annotations

import argparse
import json
from importlib.resources import files
from itertools import cycle, islice

from records.principles import PRINCIPLES

WARM_UP = 1
"""Steps that are not counted."""


def letters(text: str) -> float:
    """The reward, from -1 to 0."""
    return -min(4.0, text.count("e") / 4) / 4


def texts(options: argparse.Namespace) -> list[str]:
    """Harmful requests of the project's own, each once; again from the first where a run asks
    more.
    """
    rows: list[str] = []
    folder = files("data_prep").joinpath("package_data")
    for number in PRINCIPLES:
        lines = (
            folder.joinpath(f"principle_{number}.jsonl").read_text(encoding="utf-8").splitlines()
        )
        rows += [json.loads(line)["harmful"] for line in lines]
    wanted = options.prompts * (options.steps + WARM_UP)
    return list(islice(cycle(rows), wanted))
