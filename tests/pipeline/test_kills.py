"""A run that is killed anywhere and started again ends as if nothing had happened."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from records.stage_folder import read_json

pytestmark = pytest.mark.slow
DEADLINE_S = 900


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def steps(stage: Path) -> int:
    pointer = stage / "work" / "checkpoints" / "latest.json"
    return int(read_json(pointer)["checkpoints"][0].rsplit("-", 1)[1]) if pointer.is_file() else 0


PLACES: dict[str, tuple[str, Callable[[Path], bool]]] = {
    "between the blocks of sampling": ("sample", lambda d: lines(d / "sample/work/answers.0.jsonl") > 0),
    "while the reward model trains": ("reward", lambda d: steps(d / "reward") >= 2),
    "while the reward model is exported": ("reward", lambda d: (d / "reward/reward_model").is_dir()),
    "in the first epoch of SFT": ("sft", lambda d: steps(d / "sft") >= 1),
    "after the last step of SFT's first epoch, before its scoreboard": ("sft", lambda d: steps(d / "sft") >= 3),
    "after the scoreboard of SFT's first epoch": ("sft", lambda d: lines(d / "sft/scoreboard.jsonl") >= 2),
    "after the last step of SFT, before its scoreboard": ("sft", lambda d: steps(d / "sft") >= 6),
    "while SFT is exported": ("sft", lambda d: (d / "sft/policy").is_dir()),
    "after DPO's reference pass": ("dpo", lambda d: any((d.parent / "cache" / "reference_logps").glob("*/*.jsonl"))),
    "after DPO's last step": ("dpo", lambda d: steps(d / "dpo") >= 2),
    "between two policies of the evaluation": ("eval", lambda d: (d / "eval/work/base.0-of-1.jsonl").is_file()),
}


def kill_at(arguments: list[str], run_dir: Path, stage: str, reached: Callable[[Path], bool], environment: dict[str, str], command) -> bool:
    """Start the run, stop it where `reached` says, kill it; True when the stage was not finished then."""
    with subprocess.Popen(command("run", *arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as process:
        deadline = time.monotonic() + DEADLINE_S
        while not reached(run_dir):
            assert process.poll() is None, "the run ended before it came there"
            assert time.monotonic() < deadline, f"{stage} never came there"
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGSTOP)
        unfinished = not (run_dir / stage / "manifest.json").is_file()
        os.kill(process.pid, signal.SIGKILL)
    return unfinished


@pytest.fixture(scope="module")
def killed(tmp_path_factory, tiny_run, primum, tools):
    """One run directory that was killed at every place in turn, and then left to finish."""
    environment, command = tools
    run_dir = tmp_path_factory.mktemp("runs") / "killed"
    unfinished = []
    for place, (stage, reached) in PLACES.items():
        if reached(run_dir) or (run_dir / stage / "manifest.json").is_file():
            continue  # the last kill came late enough to lie here too
        if kill_at(tiny_run(run_dir), run_dir, stage, reached, environment(PRIMUM_CACHE=str(run_dir.parent / "cache")), command):
            unfinished.append(place)
    result = primum("run", *tiny_run(run_dir))
    return run_dir, unfinished, result


def test_kills_hit_every_kind_of_stage_in_the_middle(killed):
    _, unfinished, _ = killed
    assert {PLACES[place][0] for place in unfinished} == {"sample", "reward", "sft", "dpo", "eval"}


def test_the_last_start_finishes_and_says_that_it_goes_on(killed):
    _, _, result = killed
    assert result.returncode == 0, result.stderr
    assert "was cut off; going on from there" in result.stdout


def test_the_results_are_those_of_a_run_that_was_never_cut_off(killed, finished, evidence):
    got, wanted = evidence(killed[0]), evidence(finished)
    for name, value in wanted.items():
        assert got[name] == value, name


def test_nothing_of_the_kills_is_left_and_nothing_was_moved_aside(killed):
    run_dir, _, _ = killed
    assert not list(run_dir.rglob("*.partial"))
    assert not list(run_dir.glob("*/work"))
    assert not (run_dir / "previous").exists()


def test_metrics_hold_every_step_once(killed):
    run_dir, _, _ = killed
    for stage in ("reward", "sft", "dpo", "sft_control"):
        text = (run_dir / stage / "metrics.jsonl").read_text()
        found = [int(n) for n in re.findall(r'^\{"step": (\d+).*"loss"', text, re.M)]
        assert found == list(range(1, len(found) + 1)), stage


def test_ctrl_c_while_it_trains_exits_with_130_and_one_line(copy_of, tiny_run, tools):
    """Lightning catches the signal and exits with 1; the command says what happened all the same."""
    environment, command = tools
    run_dir = copy_of()
    arguments = tiny_run(run_dir, "sft.epochs=200")
    with subprocess.Popen(
        command("sft", *arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        deadline = time.monotonic() + DEADLINE_S
        while steps(run_dir / "sft") < 1:
            assert process.poll() is None, "it ended before it trained"
            assert time.monotonic() < deadline, "it never trained"
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "primum: interrupted; run the same command again to go on" in said
    assert not (run_dir / "sft" / "manifest.json").exists()
