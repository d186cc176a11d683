"""The command in processes that share one import: what each start spends on torch is spent once.

A server imports everything that stages import and forks for every run. A child is the command
itself, in a process group of its own, and can be killed as any other; only the seconds of the
imports are not there to be killed in.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("records", "measures", "data_prep", "models", "train", "reward", "eval", "pipeline")
LIBRARIES = (
    "pytorch_lightning",
    "peft",
    "transformers.models.llama.modeling_llama",
    "ftfy.badness",
)


class Forked:
    """Starts `primum` commands; one at a time."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._log = log
        command = [sys.executable, str(Path(__file__).resolve()), str(log)]
        self._server = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._said() == "ready"

    def start(self, arguments: Sequence[str]) -> int:
        """The process id, which is its group's too."""
        assert self._server.stdin
        self._server.stdin.write(json.dumps(list(arguments)) + "\n")
        self._server.stdin.flush()
        return int(self._said())

    def wait(self) -> int:
        """The exit code of the command that was started last; -9 where it was killed."""
        return int(self._said())

    def kill(self, process: int) -> int:
        """Its whole group, at once; the exit code, which is another where it had ended before."""
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        return self.wait()

    def said(self) -> str:
        """What the commands printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _said(self) -> str:
        assert self._server.stdout
        return self._server.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server.stdin
        self._server.stdin.close()
        self._server.wait(timeout=60)


def serve(log: Path) -> None:
    """Reads arguments, a JSON list a line; prints the child's process id, then its exit code."""
    for room in ROOMS:
        for module in pkgutil.walk_packages([str(ROOT / room)], f"{room}."):
            _imported(module.name)
    for library in LIBRARIES:
        _imported(library)
    print("ready", flush=True)
    for line in sys.stdin:
        process = os.fork()
        if not process:
            _become(json.loads(line), log)
        _lead_a_group(process)
        print(process, flush=True)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _imported(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError:
        return  # of an extra that is not installed; what needs it says so itself


def _lead_a_group(process: int) -> None:
    """By both, so that the group is there before anybody is told of it, whichever runs first."""
    with suppress(ProcessLookupError, PermissionError):
        os.setpgid(process, process)


def _become(arguments: list[str], log: Path) -> None:
    from pipeline.cli import main

    _lead_a_group(0)
    sys.argv = ["primum", *arguments]
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout, sys.stderr = (
        os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2)
    )
    code = 1
    try:
        code = main(arguments)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        if code == 1:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    serve(Path(sys.argv[1]))
