"""Whatever stands in a file that Primum wrote itself, it is read, told as a fault, or passed over:
no traceback, and no hang.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzzing import DAMAGE, VALUES, WORDS, flipped, or_told, tried
from hypothesis import given
from hypothesis import strategies as st

from data_prep.pairs.expert_labels import read_labels
from data_prep.review.review_files import read_batch
from eval.results.stored import read_results
from eval.scoreboard_shape import METRICS, read_scoreboard
from pipeline.run.kept_epoch import KeptEpoch
from pipeline.run.unfinished import unfinished_faults
from records.hash_beside import hash_faults
from records.own_files import sealed
from records.rows import Completion, Score, read_records
from records.stage_folder import StageDirectory
from records.stage_records import RunRecord
from train.engine.checkpoint_files import survey
from train.engine.loggers import forget_metrics_after

HASH = "0" * 64
ESTIMATE = {"mean": 0.5, "interval": [0.4, 0.6], "n": 9, "unscored": 0}
MESSAGES = [{"role": "user", "content": "Q?"}]
ROW = {
    "epoch": 0,
    "step": 0,
    "stage": "sft",
    "over_refusal_by_suite": {"twins": ESTIMATE},
    **dict.fromkeys(METRICS, ESTIMATE),
}
COMPLETION = {
    "id": "a",
    "prompt_id": "p",
    "prompt": MESSAGES,
    "completion": MESSAGES,
    "policy": "base",
    "sample": 0,
    "seed": 0,
}
RESULTS = {
    "schema_version": 2,
    "confidence": 0.95,
    "baseline": "base",
    "primary_endpoint": {
        "policy": "dpo",
        "baseline": "base",
        "suite": "harmful",
        "metric": "harmfulness",
    },
    "comparisons": [{}],
    "scoreboard": [ROW],
    "validation": {},
    "provenance": {},
    "policies": {"base": {"title": "base", "suites": {"harmful": {"kind": "harmful"}}}},
}
MANIFEST = {
    "stage": "sft",
    "schema_version": 4,
    "fingerprint": "f1",
    "finished": "2026-01-01T00:00:00+00:00",
    "summary": {"seconds": 1.0},
    "restrictions": {"no-release": ["a"]},
    "files": {"policy/weights": {"sha256": HASH, "bytes": 3, "rows": None}},
}


def stage(folder: Path) -> StageDirectory:
    return StageDirectory(folder / "sft")


def read_manifest(folder: Path) -> None:
    or_told(stage(folder).manifest)
    stage(folder).damage()
    or_told(stage(folder).require)
    or_told(stage(folder).restrictions)
    or_told(lambda: stage(folder).is_complete("f1"))


def read_run(folder: Path) -> None:
    or_told(lambda: RunRecord.read(folder / "sft" / "run.json"))
    stage(folder).fingerprint()
    unfinished_faults(stage(folder))


OWN: dict[str, tuple[Any, Callable[[Path], Any]]] = {
    "sft/manifest.json": (MANIFEST, read_manifest),
    "sft/run.json": (
        {"fingerprint": "f1", "restrictions": {}, "config": {}, "versions": {}, "seed": 0},
        read_run,
    ),
    "sft/scoreboard.jsonl": (
        [ROW, {**ROW, "epoch": 1}],
        lambda d: or_told(lambda: read_scoreboard(d / "sft" / "scoreboard.jsonl")),
    ),
    "sft/metrics.jsonl": (
        [{"step": 1, "loss": 0.5}, {"step": 2}],
        lambda d: forget_metrics_after(d / "sft" / "metrics.jsonl", 1),
    ),
    "sft/selection.json": (
        {"epoch": 1, "optimiser_steps": 3, "epochs": 2},
        lambda d: or_told(lambda: KeptEpoch.read(d / "sft")),
    ),
    "checkpoints/latest.json": (
        {"checkpoints": ["step-0000003"], "bytes": {"step-0000003": {"trainer.pt": 1}}},
        lambda d: survey(d / "checkpoints"),
    ),
    "checkpoints/step-0000003/contents.json": (
        {"step": 3, "files": {"trainer.pt": HASH}},
        lambda d: survey(d / "checkpoints"),
    ),
    "eval/results.json": (
        RESULTS,
        lambda d: or_told(lambda: read_results(d / "eval" / "results.json")),
    ),
    "completions.jsonl": (
        [{**COMPLETION, "num_tokens": 3, "finish_reason": "stop"}],
        lambda d: or_told(lambda: read_records(d / "completions.jsonl", Completion)),
    ),
    "scores.jsonl": (
        [{"id": "a/s", "completion_id": "a", "scorer": "s", "value": 1.5}],
        lambda d: or_told(lambda: read_records(d / "scores.jsonl", Score)),
    ),
    "labels.jsonl": (
        [{"id": "l", "completion_id": "a", "scorer": "expert", "value": 2.0, "label": "full"}],
        lambda d: or_told(lambda: read_labels([str(d / "labels.jsonl")])),
    ),
    "batch/batch.json": (
        {"batch": "b-1", "files": {}},
        lambda d: or_told(lambda: read_batch(d / "batch")),
    ),
    "part.jsonl.sha256": ({"sha256": HASH}, lambda d: hash_faults(d / "part.jsonl")),
}


@st.composite
def own_file(draw: Any) -> tuple[str, bytes]:
    """One of them with an entry somewhere replaced, removed or added, sealed again or not, and then
    perhaps damaged.
    """
    name = draw(st.sampled_from(sorted(OWN)))
    value = copy.deepcopy(OWN[name][0])
    for _ in range(draw(st.integers(0, 2))):
        value = _changed(draw, value)
    seals = draw(st.booleans())
    rows = value if name.endswith(".jsonl") and isinstance(value, list) else [value]
    lines = [json.dumps(sealed(row) if seals and isinstance(row, dict) else row) for row in rows]
    return name, flipped("".join(f"{line}\n" for line in lines).encode(), draw(DAMAGE))


def _changed(draw: Any, value: Any) -> Any:
    """The value with something else in one place, however deep."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 3)) == 0:
        return draw(VALUES)
    places = sorted(value) if isinstance(value, dict) else range(len(value))
    place = draw(st.sampled_from(list(places)))
    how = draw(st.sampled_from(["within", "within", "remove", "add"]))
    if how == "remove":
        del value[place]
    elif how == "add" and isinstance(value, dict):
        value[draw(WORDS)] = draw(VALUES)
    else:
        value[place] = _changed(draw, value[place])
    return value


@tried(150, 4000)
@given(file=own_file())
def test_own_files(file: tuple[str, bytes]) -> None:
    name, content = file
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        OWN[name][1](Path(folder))
