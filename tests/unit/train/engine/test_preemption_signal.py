"""Notices: flags only, but where work loses nothing when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from records.errors import PreemptedError
from train.engine import preemption_signal as notice

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(autouse=True)
def unheard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    monkeypatch.setattr(notice, "_state", {"heard": "", "interruptible": False})
    notice.listen()
    yield
    signal.signal(signal.SIGUSR1, before)


def test_a_signal_is_remembered_and_interrupts_nothing() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)
    assert notice.heard() == "SIGUSR1"


def test_work_that_loses_nothing_ends_at_once() -> None:
    def work() -> None:
        with notice.interruptible():
            os.kill(os.getpid(), signal.SIGUSR1)
            pytest.fail("it went on")

    with pytest.raises(PreemptedError, match="SIGUSR1"):
        work()


def test_a_signal_before_such_work_keeps_it_from_starting() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)
    with pytest.raises(PreemptedError), notice.interruptible():
        pytest.fail("it started")


def test_after_such_work_a_signal_is_a_flag_again() -> None:
    with notice.interruptible():
        pass
    os.kill(os.getpid(), signal.SIGUSR1)
    assert notice.heard() == "SIGUSR1"


def test_the_time_limit_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(notice.DEADLINE, raising=False)
    assert notice.seconds_left() == float("inf")
    monkeypatch.setenv(notice.DEADLINE, str(time.time() + 100))
    assert 99 < notice.seconds_left() <= 100


@pytest.mark.process
def test_a_notice_that_comes_while_the_interpreter_ends_does_not_change_the_exit_code() -> None:
    code = """
import os, signal
from pipeline.cli import main

class Last:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.SIGUSR1):
        kill(pid, number)

last = Last()
raise SystemExit(main(["config", "configs/tiny.yaml"]))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
    assert "run_dir: runs/tiny" in ended.stdout
