"""Prompts and completions from which candidates for pairs are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from models.config import GenerationConfig
from records.rows import (
    Demonstration,
    Kind,
    assistant,
    user,
)
from records.stage_folder import StageDirectory, write_json

PRECISE = GenerationConfig(max_new_tokens=6, temperature=1.0, batch_size=4, dtype="float32")


def demonstration(number: int, kind: Kind, **fields: Any) -> Demonstration:
    text = f"I won't do {number}. Ask a nurse." if kind == "harmful" else f"Yes, {number} is fine."
    known = Demonstration(
        id=f"{number}-{kind}",
        prompt=user(f"What about {number}?"),
        completion=assistant(text),
        kind=kind,
        suite=kind,
        source="builtin",
        licence="MIT",
        split="train",
    )
    return replace(known, **fields)


def finish(folder: Path) -> None:
    directory = StageDirectory(folder)
    write_json(folder / "run.json", {"fingerprint": "made"})
    directory.finish({})
