"""A run that is killed anywhere and started again ends with the same bytes as if nothing had
happened.
"""

from __future__ import annotations

import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from forked_primum import Forked
from random_kills import KILLED, Runs, environment, try_kills

from records.stage_folder import read_json

pytestmark = pytest.mark.slow
DEADLINE_S = 900
RANDOM_KILLS = 10
"""`python tests/support/random_kills.py` tries 100."""


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def steps(stage: Path) -> int:
    pointer = stage / "work" / "checkpoints" / "latest.json"
    return int(read_json(pointer)["checkpoints"][0].rsplit("-", 1)[1]) if pointer.is_file() else 0


PLACES: dict[str, tuple[str, Callable[[Path], bool]]] = {
    "between the blocks of sampling": (
        "sample",
        lambda d: lines(d / "sample/work/answers.0.jsonl") > 0,
    ),
    "while the reward model trains": ("reward", lambda d: steps(d / "reward") >= 2),
    "while the reward model is exported": (
        "reward",
        lambda d: (d / "reward/reward_model").is_dir(),
    ),
    "in the first epoch of SFT": ("sft", lambda d: steps(d / "sft") >= 1),
    "after the last step of SFT's first epoch, before its scoreboard": (
        "sft",
        lambda d: steps(d / "sft") >= 3,
    ),
    "after the scoreboard of SFT's first epoch": (
        "sft",
        lambda d: lines(d / "sft/scoreboard.jsonl") >= 2,
    ),
    "after the last step of SFT, before its scoreboard": ("sft", lambda d: steps(d / "sft") >= 6),
    "while SFT is exported": ("sft", lambda d: (d / "sft/policy").is_dir()),
    "after DPO's reference pass": (
        "dpo",
        lambda d: any((d.parent / "cache" / "reference_logps").glob("*/*.jsonl")),
    ),
    "after DPO's last step": ("dpo", lambda d: steps(d / "dpo") >= 2),
    "between two policies of the evaluation": (
        "eval",
        lambda d: any((d / "eval/work").glob("base.*")),
    ),
}


def until(run_dir: Path, reached: Callable[[Path], bool]) -> Iterator[None]:
    deadline = time.monotonic() + DEADLINE_S
    while not reached(run_dir):
        assert time.monotonic() < deadline, "it never came there"
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_directory: Path) -> Iterator[Runs]:
    """A place to run in, and a run beside it that was left alone."""
    folder = tmp_path_factory.mktemp("kills")
    cache = folder / "cache"
    with Forked(environment(cache), folder / "log") as primum:
        found = Runs(primum, folder, cache, str(tiny_directory))
        found.leave_alone()
        yield found


@pytest.fixture(scope="module")
def killed(runs: Runs) -> tuple[Path, set[str], int, list[str]]:
    """One run directory that was killed at every place in turn, and then left to finish."""
    unfinished = set()
    for stage, reached in PLACES.values():
        if reached(runs.place) or (runs.place / stage / "manifest.json").is_file():
            continue  # the last kill came late enough to lie here too
        code = runs.killed_when(partial(until, runs.place, reached))
        assert code == KILLED, f"the run ended with {code} before it came there"
        unfinished.add(runs.at_work())
    return runs.place, unfinished, runs.finish(), runs.differences()


def test_kills_hit_every_kind_of_stage_in_the_middle(
    killed: tuple[Path, set[str], int, list[str]],
) -> None:
    _, unfinished, _, _ = killed
    assert {"sample", "reward", "sft", "dpo", "eval"} <= unfinished


def test_a_run_that_was_killed_at_every_place_ends_with_the_same_bytes(
    killed: tuple[Path, set[str], int, list[str]], runs: Runs
) -> None:
    _, _, code, differences = killed
    assert code == 0
    assert differences == []
    assert "was cut off; going on from there" in runs.said()


def test_metrics_hold_every_step_once(killed: tuple[Path, set[str], int, list[str]]) -> None:
    run_dir, *_ = killed
    for stage in ("reward", "sft", "dpo", "sft_control"):
        text = (run_dir / stage / "metrics.jsonl").read_text()
        found = [int(n) for n in re.findall(r'^\{"step": (\d+).*"loss"', text, re.M)]
        assert found == list(range(1, len(found) + 1)), stage


def test_runs_that_were_killed_at_random_moments_end_with_the_same_bytes(
    killed: tuple[Path, set[str], int, list[str]], runs: Runs
) -> None:
    runs.forget()
    trials = try_kills(runs, RANDOM_KILLS, random.Random(17))
    assert trials.kills.total() == RANDOM_KILLS
    assert trials.failures == []
    assert trials.differing == {}


def test_ctrl_c_while_it_trains_exits_with_130_and_one_line(
    copy_of: Callable[[], Path],
    tiny_run: Callable[..., list[str]],
    tools: tuple[Callable[..., dict[str, str]], Callable[..., list[str]]],
) -> None:
    """Lightning catches the signal and exits with 1; the command says what happened all the
    same.
    """
    environment, command = tools
    run_dir = copy_of()
    arguments = tiny_run(run_dir, "sft.epochs=200")
    with subprocess.Popen(
        command("sft", *arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
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
