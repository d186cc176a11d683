"""sample and eval with vLLM as their engine, a stand-in here; tests/unit/models/test_vllm_engine.py
holds the real one against transformers.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from records.rows import read_json_lines
from records.stage_folder import read_json

ENGINES = ("sample.engine=vllm", "eval.engine=vllm")


def test_every_answer_of_sample_and_eval_is_written_by_the_engine_and_the_report_names_it(
    copy_of: Callable[[], Path],
    primum: Callable[..., subprocess.CompletedProcess[str]],
    tiny_run: Callable[..., list[str]],
    vllm_stand_in: Path,
    finished: Path,
) -> None:
    run_dir = copy_of()
    for stage in ("sample", "eval"):
        result = primum(stage, *tiny_run(run_dir, *ENGINES, f"model.vllm.python={vllm_stand_in}"))
        assert result.returncode == 0, result.stderr
        assert not list(run_dir.rglob("vllm.*.log"))  # kept while something may go wrong
    for file in ("sample/completions.train", "sample/completions.val", "eval/completions"):
        before, after = (
            dict((row["id"], row) for _, row in read_json_lines(run / f"{file}.jsonl"))
            for run in (finished, run_dir)
        )
        assert before.keys() == after.keys()
        assert all(before[key] != after[key] for key in before)
    engine = {
        run.name: read_json(run / "eval" / "results.json")["provenance"]["generation"]["engine"]
        for run in (finished, run_dir)
    }
    assert list(engine.values()) == ["transformers", "vllm 0.0"]


def test_without_vllm_the_stage_ends_before_it_works_with_the_remedy(
    copy_of: Callable[[], Path],
    primum: Callable[..., subprocess.CompletedProcess[str]],
    tiny_run: Callable[..., list[str]],
) -> None:
    run_dir = copy_of()
    result = primum("sample", *tiny_run(run_dir, *ENGINES, "model.vllm.python=nowhere/python"))
    assert result.returncode == 2
    assert "model.vllm.python=nowhere/python: cannot be run" in result.stderr
    assert "pip install vllm" in result.stderr
    assert "Traceback" not in result.stderr
