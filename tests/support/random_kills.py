"""kill -9 at random moments of a run, over all stages, until it has ended; then every byte against
a run that was left alone.

    python tests/support/random_kills.py [--kills 100] [--seed 0] [--folder DIRECTORY]

Half of the moments are drawn over the time that a start has, the other half inside a stage that is
drawn first, since short stages would hardly ever be met otherwise. What differs is printed; the
exit code is 1 where anything does.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from forked_primum import ROOT, Forked
from same_run import differences

SETTINGS = ("sft.epochs=2", "trainer.checkpoint_every_steps=1", "sample.generation.batch_size=16")
STAGES = (
    "prep",
    "sample",
    "reward",
    "score",
    "pairs",
    "sft",
    "dpo",
    "sft_control",
    "eval",
    "release",
)
KILLED = -9
LIMIT_S = 900


@dataclass
class Trials:
    """What was tried and what came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    """By the stage that was at work, `between stages`, or `starting`."""
    runs: int = 0
    differing: dict[str, list[str]] = field(default_factory=dict)
    """By the number of the run, the files that are not as in the run that was left alone."""
    failures: list[str] = field(default_factory=list)

    @property
    def agreed(self) -> bool:
        return not self.differing and not self.failures


class Runs:
    """Runs of configs/tiny.yaml in one place, so that no path differs between them."""

    def __init__(self, primum: Forked, folder: Path, cache: Path, model: str = "tiny") -> None:
        self._primum, self.place, self._kept, self._cache = (
            primum,
            folder / "run",
            folder / "alone",
            cache,
        )
        self._arguments = [
            "run",
            str(ROOT / "configs" / "tiny.yaml"),
            f"run_dir={self.place}",
            f"model.base.path={model}",
            *SETTINGS,
        ]
        self.seconds: dict[str, float] = {}

    def leave_alone(self) -> None:
        """Make the run that others are compared with."""
        assert not self.finish(), self.said()[-4000:]
        self.seconds = {name: _seconds(self.place / name) for name in STAGES}
        self.place.rename(self._kept)
        self.forget()

    def forget(self) -> None:
        """Nothing of an earlier run is left to be found."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.rmtree(self._cache, ignore_errors=True)

    def said(self) -> str:
        """What all starts printed."""
        return self._primum.said()

    def finish(self) -> int:
        self._primum.start(self._arguments)
        return self._primum.wait()

    def killed_when(self, moment: Callable[[], Iterator[None]]) -> int:
        """Start and kill where `moment` ends; the exit code, which is that of a run that ended
        before.
        """
        process = self._primum.start(self._arguments)
        for _ in moment():
            if _ended(process):
                break
            time.sleep(0.002)
        return self._primum.kill(process)

    def differences(self) -> list[str]:
        strays = [
            path
            for pattern in ("*.partial", "*/work", "previous")
            for path in self.place.rglob(pattern)
        ]
        return [
            *differences(self.place, self._kept),
            *(f"{path.relative_to(self.place)} is left" for path in strays),
        ]

    def at_work(self) -> str:
        begun = [name for name in STAGES if (self.place / name).is_dir()]
        if not begun:
            return "starting"
        return (
            begun[-1]
            if not (self.place / begun[-1] / "manifest.json").is_file()
            else "between stages"
        )


def _ended(process: int) -> bool:
    """Whether it is gone, or a zombie that waits to be counted."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _seconds(stage: Path) -> float:
    """From the first to the last file that a stage has written."""
    times = [path.stat().st_mtime for path in stage.rglob("*") if path.is_file()]
    return max(times) - min(times)


def moments(runs: Runs, chance: random.Random) -> Callable[[], Iterator[None]]:
    """The next moment: some time after the start, or some time into a stage that is not done."""
    ahead = [name for name in STAGES if not (runs.place / name / "manifest.json").is_file()]
    whole = sum(runs.seconds.values())
    if not ahead or chance.random() < 0.5:
        return lambda: _after(chance.uniform(0, 2 + whole / 4))
    stage = chance.choice(ahead)
    return lambda: _inside(runs.place / stage / "run.json", chance.uniform(0, runs.seconds[stage]))


def _after(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def _inside(begun: Path, seconds: float) -> Iterator[None]:
    end = time.monotonic() + LIMIT_S
    while not begun.is_file():
        assert time.monotonic() < end, f"{begun} was never written"
        yield
    yield from _after(seconds)


def try_kills(
    runs: Runs, kills: int, chance: random.Random, say: Callable[[str], None] = print
) -> Trials:
    """Kill until there were as many kills; every run that was killed is left to end at last, and
    compared.
    """
    trials = Trials()
    while trials.kills.total() < kills:
        trials.runs += 1
        code = KILLED
        while code == KILLED and trials.kills.total() < kills:
            code = runs.killed_when(moments(runs, chance))
            if code == KILLED:
                trials.kills[runs.at_work()] += 1
        code = runs.finish() if code == KILLED else code
        if code:
            trials.failures.append(f"run {trials.runs} ended with {code}")
        elif found := runs.differences():
            trials.differing[f"run {trials.runs}"] = found
        say(
            f"run {trials.runs}: {trials.kills.total()} kills so far, "
            f"{'as alone' if trials.agreed else 'not all as alone'}"
        )
        runs.forget()
    return trials


def environment(cache: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PRIMUM_CACHE": str(cache),
        "WANDB_MODE": "disabled",
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        cache = folder / "cache"
        with Forked(environment(cache), folder / "log") as primum:
            runs = Runs(primum, folder, cache)
            runs.leave_alone()
            trials = try_kills(
                runs,
                options.kills,
                random.Random(options.seed),
                lambda line: print(line, flush=True),
            )
    print(f"{trials.kills.total()} kills in {trials.runs} runs: {dict(trials.kills)}")
    for run, names in trials.differing.items():
        print(f"{run} differs in {', '.join(names)}")
    print(
        "\n".join(trials.failures)
        or ("every run ended as the one that was left alone" if trials.agreed else "")
    )
    return 0 if trials.agreed else 1


if __name__ == "__main__":
    sys.exit(main())
