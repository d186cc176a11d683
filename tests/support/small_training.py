"""A training of a few numbers, and what damages its files."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from eval.scoreboard_shape import METRICS, read_scoreboard
from pipeline.run.config import RunConfig
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.stage_run import run_stage
from records.hash_beside import write_hash
from records.own_files import sealed_line
from records.stage_folder import StageDirectory, write_text
from train.engine.checkpoint_files import point_to, survey, write_contents
from train.engine.portable import write

WRONG = {
    "empty object": b"{}",
    "list": b"[]",
    "number": b"0",
    "list of a number": b"[1]",
    "half written": b'{"fingerprint": "f1", "checkpoints": ["ste',
    "empty": b"",
    "zeroed": b"\0" * 64,
    "not UTF-8": b'{"fingerprint": "\xff"}',
    "NaN": b'{"fingerprint": NaN, "epoch": NaN, "step": NaN, "checkpoints": [NaN]}',
    "nested": b"[" * 100_000,
    "a key twice": b'{"step": 1, "step": 2}',
}


def row(epoch: int) -> dict[str, Any]:
    return {
        "stage": "sft",
        "epoch": epoch,
        "step": 3 * epoch,
        "over_refusal_by_suite": {},
        **{name: {"mean": 0.5, "n": 4} for name in METRICS},
    }


def checkpoint(folder: Path, step: int) -> None:
    name = f"step-{step:07d}"
    write(folder / name, 0, {"w": {"weight": torch.full((8,), float(step))}}, {"global_step": step})
    write_contents(folder / name, step)
    point_to(folder, name)


def train_one_epoch(place: Place) -> None:
    """What a training has left behind that is killed in its second epoch."""
    epochs = place.work / "epochs"
    epochs.mkdir(exist_ok=True)
    (place.path / "scoreboard.jsonl").write_text(
        "".join(sealed_line(row(epoch)) for epoch in (0, 1))
    )
    (place.path / "metrics.jsonl").write_text('{"step": 1}\n')
    save_file({"w": torch.arange(8.0)}, epochs / "epoch-1.safetensors")
    write_hash(epochs / "epoch-1.safetensors")
    for step in (3, 4):
        checkpoint(place.work / "checkpoints", step)


def flip(path: Path, chance: random.Random) -> bytes:
    """One bit of the file; returns what it was."""
    whole = path.read_bytes()
    position = chance.randrange(len(whole))
    path.write_bytes(
        whole[:position]
        + bytes([whole[position] ^ (1 << chance.randrange(8))])
        + whole[position + 1 :]
    )
    return whole


def at_once() -> Stage[Any]:
    """Finishes at once; its summary says which checkpoint it went on from."""

    def work(config: RunConfig, inputs: Inputs, place: Place) -> dict[str, str]:
        read_scoreboard(place.path / "scoreboard.jsonl")
        whole = survey(place.work / "checkpoints").whole
        write_text(place.path / "policy" / "weights", "0123")
        return {"from": whole[0] if whole else ""}

    return Stage(name="sft", reads=(), work=work)


def resumed_from(training: Stage[Any], config: RunConfig) -> str:
    assert run_stage(training, config)
    return str(StageDirectory(Path(config.run_dir) / "sft").manifest().summary["from"])
