"""What is read of the epoch that a training kept: whole, or named with what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typed_results import rows_of

from eval.config import ScoreboardConfig
from eval.endpoint import Endpoint
from eval.results.stored import read_results
from eval.scoreboard_shape import METRICS, read_scoreboard
from eval.selection import selection_of
from pipeline.run.kept_epoch import KeptEpoch
from pipeline.stages.eval import _selection
from records.contracts import Policy
from records.errors import ArtifactError, RecordError
from records.own_files import sealed_line
from records.stage_folder import write_json

RISE = {"difference": 0.25, "interval": [-0.1, 0.5], "n": 4}
KEPT = {
    "epoch": 1,
    "reason": "least harm",
    "held": False,
    "limit": 0.1,
    "over_refusal": {
        "twins": RISE,
        "absent": {"difference": None, "interval": [None, None], "n": 0},
    },
    "optimiser_steps": 3,
    "epochs": 2,
}
WRONG = {
    "no reason": {"reason": None},
    "held is text": {"held": "yes"},
    "limit is not a number": {"limit": float("nan")},
    "no suites": {"over_refusal": []},
    "a suite is a number": {"over_refusal": {"twins": 1}},
    "a rise is text": {"over_refusal": {"twins": {**RISE, "difference": "0.2"}}},
    "an interval of one end": {"over_refusal": {"twins": {**RISE, "interval": [0.1]}}},
    "an end is text": {"over_refusal": {"twins": {**RISE, "interval": ["low", 0.1]}}},
    "no count": {"over_refusal": {"twins": {"difference": 0.2, "interval": [0.1, 0.3]}}},
}


def row(epoch: int, refused: list[str]) -> dict[str, Any]:
    """A scoreboard row of four benign prompts."""
    rate = {"mean": len(refused) / 4, "interval": [0.0, 1.0], "n": 4, "unscored": 0}
    return {
        "stage": "sft",
        "epoch": epoch,
        "step": 3 * epoch,
        **dict.fromkeys(METRICS, rate),
        "over_refusal_by_suite": {"twins": rate},
        "over_refused": {"twins": refused},
        "confidence": 0.95,
    }


def test_the_selection_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_json(tmp_path / "selection.json", KEPT)
    kept = KeptEpoch.read(tmp_path)
    assert (kept.epoch, kept.optimiser_steps) == (1, 3)
    assert kept.selection is not None
    told = kept.selection.to_json()
    later = dict.fromkeys(("confidence", "candidates", "epochs_trained"))
    known = {name: KEPT[name] for name in ("epoch", "reason", "held", "limit", "over_refusal")}
    assert told == {**known, **later}  # as an earlier version wrote it


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_selection_of_another_shape_is_named_in_selection_and_results(
    tmp_path: Path, change: dict[str, object]
) -> None:
    write_json(tmp_path / "selection.json", {**KEPT, **change})
    with pytest.raises(ArtifactError, match=rf"selection\.json: {next(iter(change))}: "):
        KeptEpoch.read(tmp_path)
    policies = {"sft": {"title": "SFT", "suites": {}, "selection": {**KEPT, **change}}}
    endpoint = Endpoint("sft", "base").to_json()
    results = {
        "schema_version": 2,
        "confidence": 0.95,
        "baseline": "base",
        "policies": policies,
        "primary_endpoint": endpoint,
    }
    empty: dict[str, Any] = {
        "comparisons": [],
        "scoreboard": [],
        "validation": {},
        "provenance": {},
    }
    write_json(tmp_path / "results.json", {**results, **empty})
    with pytest.raises(ArtifactError, match=r"results\.json: policies: sft: selection: "):
        read_results(tmp_path / "results.json")


@pytest.mark.parametrize("earlier", [False, True])
def test_eval_reads_the_bound_off_the_scoreboard_where_an_earlier_version_did_not_say_it(
    tmp_path: Path, earlier: bool
) -> None:
    base, kept = row(0, []), row(1, ["a"])
    config = ScoreboardConfig(max_over_refusal=0.1)
    wanted = selection_of(rows_of([kept])[0], config, rows_of([base])[0])
    said = {"epoch": 1, "reason": "least harm"} if earlier else wanted.to_json()
    write_json(tmp_path / "sft" / "selection.json", {**said, "optimiser_steps": 3})
    (tmp_path / "sft" / "scoreboard.jsonl").write_text(sealed_line(base) + sealed_line(kept))
    inputs: Any = SimpleNamespace(path=lambda file: tmp_path / file.stage / file.name)
    run: Any = SimpleNamespace(eval=SimpleNamespace(scoreboard=config))
    found = _selection(run, inputs, Policy("sft", "SFT", "base"))
    assert found == wanted
    assert found.held is False


@pytest.mark.parametrize(
    "change",
    [
        {"over_refused": 1},
        {"over_refused": {"twins": [1]}},
        {"over_refused": {}},
        {"confidence": None},
    ],
)
def test_a_row_that_does_not_say_who_was_refused_is_damage(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "scoreboard.jsonl"
    path.write_text(sealed_line({**row(0, ["a"]), **change}))
    with pytest.raises(RecordError, match=rf"scoreboard\.jsonl:1: {next(iter(change))}: "):
        read_scoreboard(path)
