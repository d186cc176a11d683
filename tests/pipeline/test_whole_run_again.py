"""A finished run is run again, changed, taken stage by stage, and measured from outside."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from whole_run import ARTEFACTS

from records.stage_folder import read_json

pytestmark = pytest.mark.slow


def mtimes(run_dir: Path) -> dict[str, int]:
    return {
        str(p.relative_to(run_dir)): p.stat().st_mtime_ns
        for p in run_dir.rglob("*")
        if p.is_file() and p.parent != run_dir
    }


def test_a_second_run_does_nothing(
    finished: Path,
    primum: Callable[..., subprocess.CompletedProcess[str]],
    tiny_run: Callable[..., list[str]],
) -> None:
    before = mtimes(finished)
    result = primum("run", *tiny_run(finished))
    assert result.returncode == 0, result.stderr
    said = result.stdout.splitlines()
    assert [line.split()[0] for line in said if line.endswith("nothing changed, kept")] == list(
        ARTEFACTS
    )
    assert mtimes(finished) == before


def test_a_changed_beta_does_dpo_and_what_reads_it_again_and_nothing_else(
    copy_of: Callable[[], Path],
    primum: Callable[..., subprocess.CompletedProcess[str]],
    tiny_run: Callable[..., list[str]],
) -> None:
    run_dir = copy_of()
    result = primum("run", *tiny_run(run_dir, "dpo.beta=0.3"))
    assert result.returncode == 0, result.stderr
    kept = {
        line.split()[0]
        for line in result.stdout.splitlines()
        if line.endswith("nothing changed, kept")
    }
    done = {
        line.split()[0]
        for line in result.stdout.splitlines()
        if re.search(r"\bdone in \d+ s$", line)
    }
    assert done == {"dpo", "eval", "release"}
    assert kept == set(ARTEFACTS) - done
    assert {p.name for p in (run_dir / "previous").iterdir()} == {"dpo-1", "eval-1", "release-1"}
    assert read_json(run_dir / "dpo" / "run.json")["config"]["dpo"]["beta"] == 0.3


def test_stages_one_by_one_are_the_same_run(
    finished: Path,
    copy_of: Callable[[], Path],
    primum: Callable[..., subprocess.CompletedProcess[str]],
    tiny_run: Callable[..., list[str]],
    evidence: Callable[[Path], dict[str, Any]],
) -> None:
    """Each stage alone, in a fresh directory that starts from prep's and sample's artefacts."""
    run_dir = copy_of()
    for stage in ("release", "eval", "sft_control", "dpo"):
        (run_dir / stage / "manifest.json").unlink()
    for stage in ("dpo", "sft_control", "eval", "release"):
        result = primum(stage, *tiny_run(run_dir))
        assert result.returncode == 0, result.stderr
    assert evidence(run_dir) == evidence(finished)


def test_measuring_its_policies_without_the_run_gives_its_own_figures(
    finished: Path, tiny_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.commands.measure import measure
    from pipeline.measuring.request import Request
    from pipeline.run.config_loading import load_config

    monkeypatch.setenv("PRIMUM_CACHE", str(tmp_path / "cache"))
    own_eval = load_config(finished / "config.yaml").eval
    settings = [
        f"eval.generation.{name}={value}" for name, value in vars(own_eval.generation).items()
    ]
    settings.append(f"eval.factors={str(own_eval.factors).lower()}")
    measure(
        Request(
            model=str(tiny_directory), words=[str(finished), *settings],
            against=[str(finished / "dpo")],
            scorers=[f"run={finished}"], output=tmp_path / "out",
        )
    )  # fmt: skip
    made = read_json(tmp_path / "out" / "results.json")
    own = read_json(finished / "eval" / "results.json")
    for policy in ("base", "dpo"):
        assert made["policies"][policy]["suites"] == own["policies"][policy]["suites"], policy
    wanted = [
        row for row in own["comparisons"] if (row["policy"], row["baseline"]) == ("dpo", "base")
    ]
    assert [{**row, "p_holm": None} for row in made["comparisons"]] == [
        {**row, "p_holm": None} for row in wanted
    ]
