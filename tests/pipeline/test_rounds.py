"""A second on-policy round: what the last policy completes is scored, paired and trained on, beside
the first round's data.
"""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_prep.splits.split_files import LEARNED_FROM, read_splits
from records.rows import Completion, Pair, read_json_lines, read_records, text_of
from records.stage_folder import read_json

pytestmark = pytest.mark.slow
FIRST = ("prep", "sample", "reward", "score", "pairs", "sft", "dpo", "sft_control")


@pytest.fixture(scope="module")
def second(
    finished: Path,
    primum: Callable[..., subprocess.CompletedProcess[str]],
    tiny_run: Callable[..., list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, str]:
    """(run directory, what the command said): the finished run with one more round asked for."""
    run_dir = tmp_path_factory.mktemp("rounds") / "run"
    shutil.copytree(finished, run_dir)
    result = primum("run", *tiny_run(run_dir), "dpo.rounds=2")
    assert result.returncode == 0, result.stderr
    return run_dir, result.stdout


def rows(path: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_json_lines(path)]


def test_the_first_round_is_kept_as_it_was(second: tuple[Path, str], finished: Path) -> None:
    run_dir, said = second
    assert [name for name in FIRST if f"{name:<11} nothing changed, kept" not in said] == []
    assert [
        name
        for name in FIRST
        if (run_dir / name / "manifest.json").read_bytes()
        != (finished / name / "manifest.json").read_bytes()
    ] == []


def test_the_second_round_is_made_of_the_last_policys_answers(second: tuple[Path, str]) -> None:
    run_dir, _ = second
    answers = read_splits(run_dir / "sample_2", "completions", Completion, LEARNED_FROM)
    first = read_splits(run_dir / "sample", "completions", Completion, LEARNED_FROM)
    assert {answer.policy for answer in answers} == {"dpo"}
    assert [a.prompt_id for a in answers] == [a.prompt_id for a in first]
    assert [text_of(a.completion) for a in answers] != [text_of(a.completion) for a in first]
    texts = {text_of(a.completion) for a in answers}
    pairs = [
        p
        for p in read_records(run_dir / "pairs_2" / "pairs.train.jsonl", Pair)
        if p.pair_type == "harm"
    ]
    assert pairs
    assert {p.rejected_source for p in pairs} == {"dpo"}
    assert all(text_of(p.rejected) in texts for p in pairs)


def test_the_second_dpo_starts_from_the_first_ones_policy(second: tuple[Path, str]) -> None:
    run_dir, _ = second
    inputs = read_json(run_dir / "dpo_2" / "run.json")["inputs"]
    assert {
        "dpo/policy",
        "dpo/adapter",
        "dpo/scoreboard.jsonl",
        "pairs_2/pairs.train.jsonl",
        "reward/reward_model",
    } <= set(inputs)
    losses = [row["loss"] for row in rows(run_dir / "dpo_2" / "metrics.jsonl") if "loss" in row]
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5)
    kept = read_json(run_dir / "dpo" / "selection.json")["epoch"]
    wanted = next(row for row in rows(run_dir / "dpo" / "scoreboard.jsonl") if row["epoch"] == kept)
    begins = rows(run_dir / "dpo_2" / "scoreboard.jsonl")[0]
    assert begins["harmfulness"] == wanted["harmfulness"]
    assert begins["epoch"] == 0


def test_every_round_is_measured_and_the_last_one_released(second: tuple[Path, str]) -> None:
    run_dir, said = second
    results = read_json(run_dir / "eval" / "results.json")
    assert list(results["policies"]) == ["base", "sft", "sft_control", "dpo", "dpo_2"]
    assert results["policies"]["dpo_2"]["title"] == "DPO, round 2"
    steps = {
        stage: read_json(run_dir / stage / "selection.json")["optimiser_steps"]
        for stage in ("sft", "dpo", "dpo_2")
    }
    assert results["policies"]["dpo_2"]["optimiser_steps"] == sum(steps.values())
    assert {"policy": "dpo_2", "baseline": "dpo"}.items() <= max(
        results["comparisons"], key=lambda c: c["baseline"] == "dpo"
    ).items()
    assert read_json(run_dir / "release" / "manifest.json")["summary"]["policy"] == "dpo_2"
    assert "DPO, round 2" in (run_dir / "eval" / "report.html").read_text()
    assert "DPO, round 2" in said
