"""`slurm/pipeline.sh` on a real two-node cluster, ZeRO-3 over gloo, prep to release."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.slurm.conftest import Site

pytestmark = pytest.mark.slow
TWO_NODES = "--nodes=2 --ntasks-per-node=1"
ON_TWO_NODES = {f"{name}_OPTIONS": TWO_NODES for name in ("STAGES", "REWARD", "SFT", "DPO", "EVAL")}


def numbers(said: str) -> dict[str, str]:
    """Stage to job number, from what pipeline.sh prints."""
    return {line.split()[0]: line.split()[-1] for line in said.splitlines()}


def test_a_chain_of_jobs_on_two_nodes_ends_in_a_release_with_the_numbers_of_one_process(
    site: Site, tiny_directory: Path, tmp_path: Path, primum_here: Callable[..., Path]
) -> None:
    settings = (
        f"model.base.path={tiny_directory}",
        "trainer.accelerator=cpu",
        "sft.global_batch_size=8",
        "dpo.global_batch_size=8",
    )
    run_dir = tmp_path / "run"
    jobs = numbers(
        site.call(
            "slurm/pipeline.sh",
            "configs/tiny.yaml",
            *settings,
            f"run_dir={run_dir}",
            "trainer.strategy=deepspeed",
            "trainer.zero_stage=3",
            **ON_TWO_NODES,
        )
    )
    assert list(jobs) == [
        "sample",
        "reward",
        "pairs",
        "sft",
        "dpo",
        "sft_control",
        "eval",
        "release",
    ]
    ended = {stage: site.wait(number) for stage, number in jobs.items()}
    assert {stage: job["JobState"] for stage, job in ended.items()} == dict.fromkeys(
        jobs, "COMPLETED"
    ), site.logs()
    assert ended["dpo"]["NumNodes"] == "2"
    assert (run_dir / "release" / "tiny-released" / "config.json").is_file()
    alone = primum_here(tmp_path / "alone", *settings)
    for name in ("completions.train.jsonl", "completions.val.jsonl"):
        assert (run_dir / "sample" / name).read_bytes() == (alone / "sample" / name).read_bytes()
    assert "completions scored here, of" in site.logs()
    for stage in ("sft", "dpo"):
        got, wanted = (
            [
                json.loads(line)
                for line in (folder / stage / "metrics.jsonl").read_text().splitlines()
            ]
            for folder in (run_dir, alone)
        )
        assert len(got) == len(wanted) > 0
        for ours, theirs in zip(got, wanted, strict=True):
            if ours["step"] == 1 and stage == "dpo":
                # The policy is the reference yet: margins are zero but for rounding, and how many
                # of them round upwards is no number to compare.
                assert ours.pop("rewards/accuracies") <= 1 >= theirs.pop("rewards/accuracies")
                assert abs(ours["rewards/margins"]) < 1e-5 > abs(theirs["rewards/margins"])
            assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-4)


def test_a_stage_that_fails_stops_the_chain(
    site: Site, tiny_directory: Path, tmp_path: Path
) -> None:
    said = site.call(
        "slurm/pipeline.sh",
        "configs/tiny.yaml",
        f"model.base.path={tmp_path}/nowhere",
        f"run_dir={tmp_path}/run",
    )
    jobs = numbers(said)
    ended = {stage: site.wait(number) for stage, number in jobs.items()}
    assert ended["sample"]["JobState"] == "FAILED"
    assert ended["sample"]["ExitCode"] == "2:0"
    assert {job["JobState"] for stage, job in ended.items() if stage != "sample"} == {"CANCELLED"}
    assert "nowhere" in site.logs()
