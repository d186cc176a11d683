"""What a stage declares, and what its work is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.run import ranks
from pipeline.run.config import RunConfig
from pipeline.run.console import say
from pipeline.run.graph import policy_left_by, way_to
from pipeline.run.rounds import named, trained_before
from records.contracts import Policy
from records.rows import RecordT
from records.run_files import BEFORE, FIRST, RunFile
from records.stage_folder import StageDirectory


class UndeclaredFile(LookupError):
    """A mistake in a stage, not one of the user's: its declaration lacks a file that it reads."""


@dataclass(frozen=True)
class Context:
    """What a stage's work is given: its settings, the files that it reads, and the folder that it
    writes.
    """

    config: RunConfig
    """As the stage's work sees it: reading a setting that the stage does not declare raises."""
    directory: StageDirectory
    rank: int = 0
    round: int = 1
    reads: tuple[str, ...] = ()
    """What the stage declares to read, as stage/part."""

    def input(self, file: RunFile[RecordT]) -> Path:
        """Where a file or folder that the stage declares to read is."""
        (path,) = file.paths(self._folder_of(file))
        return path

    def read(self, file: RunFile[RecordT]) -> list[RecordT]:
        """The rows of a file that the stage declares to read, one split after the other.

        Raises RecordError where a row is none.
        """
        return file.read(self._folder_of(file))

    def _folder_of(self, file: RunFile[Any]) -> Path:
        stage = stage_of(file, self.directory.name, self.round, self.config)
        for name in parts_of(file, stage):
            if not any(f"{name}/".startswith(f"{declared}/") for declared in self.reads):
                raise UndeclaredFile(
                    f"the stage {self.directory.name} reads {name}, which it does not declare; "
                    "name it in the stage's reads"
                )
        return self._run_dir / stage

    def finished(self, stage: str) -> StageDirectory:
        """A stage that is done, for its manifest; what it holds is read by `read` and `input`."""
        return StageDirectory(self._run_dir / stage)

    @property
    def before(self) -> StageDirectory:
        """The stage that left the policy which a training, or else this round, begins with."""
        return StageDirectory(
            self._run_dir / begins_with(self.directory.name, self.round, self.config)
        )

    @property
    def _run_dir(self) -> Path:
        return self.directory.path.parent

    @property
    def path(self) -> Path:
        """The folder that the stage writes."""
        return self.directory.path

    @property
    def share(self) -> ranks.Share:
        """Which part of the work is this process's."""
        return ranks.share(self.rank, self.config.trainer)

    def say(self, text: str) -> None:
        """A line for the user, from rank 0 alone."""
        if self.rank == 0:
            say(self.directory.name, text)


@dataclass(frozen=True)
class Stage:
    """A declaration: `work` sees these settings and these files, so that nothing can change its
    result unnoticed.
    """

    name: str
    reads: tuple[RunFile[Any], ...]
    """What it reads of earlier stages; nothing else of them can make it run again."""
    settings: tuple[str, ...]
    """Blocks of the config that its result depends on, dotted for parts of a block."""
    work: Callable[[Context], dict[str, Any]]
    """Writes its files into the stage's folder and returns a summary for the manifest."""
    writes: tuple[RunFile[Any], ...] = ()
    """What it leaves for later stages."""
    files: Callable[[RunConfig], dict[str, str]] = lambda config: {}
    """Files outside the run that it reads, with their hashes; raises for those that are not
    there."""
    gigabytes: Callable[[RunConfig], float] = lambda config: 0.05
    """Disk that it may need, checked before it starts."""
    ranks: bool = False
    """Runs on all ranks of the trainer, which talk."""
    shares: bool = False
    """Its work is split over all ranks of a job, which do not talk; `Context.share` says which part
    is this one's."""
    reads_if: Callable[[RunConfig], tuple[RunFile[Any], ...]] = lambda config: ()
    """What it reads besides under this config."""
    reads_later: tuple[RunFile[Any], ...] = ()
    """What it reads besides in every round after the first."""
    measures: bool = False
    """It reads and quotes rows that are for evaluation only, so what restricts those restricts its
    files too."""
    beside: tuple[str, ...] = ()
    """Blocks of the config that its work sees and its result does not depend on: where and how fast
    it runs, what it only says, and what decides which of `reads_if` and `files` there are, which
    count themselves."""
    seed: Callable[[RunConfig], int] = lambda config: config.seed
    """The seed that its result depends on."""
    round: int = 1

    def in_round(self, round: int) -> Stage:
        """The same work on a later round's data and, where it begins with a policy, on the one that
        the round before left.
        """
        return replace(self, name=named(self.name, round), round=round)

    @property
    def leaves(self) -> Policy | None:
        """The policy that it trains."""
        return policy_left_by(self.name)

    def inputs(self, config: RunConfig) -> tuple[str, ...]:
        """What it reads under this config, as stage/part."""
        later = self.reads_later if self.round > 1 else ()
        files = (*self.reads, *later, *self.reads_if(config))
        return tuple(
            name
            for file in files
            for name in parts_of(file, stage_of(file, self.name, self.round, config))
        )


def begins_with(stage: str, round: int, config: RunConfig) -> str:
    """The stage whose policy a training begins with, or another stage of that round."""
    trained = policy_left_by(stage, config)
    return trained.starts_from if trained and trained.starts_from else trained_before(round)


def stage_of(file: RunFile[Any], reader: str, round: int, config: RunConfig) -> str:
    """The folder that holds what a stage of that round reads: of the same round where it is made in
    each.
    """
    if file.stage == BEFORE:
        return begins_with(reader, round, config)
    trained = policy_left_by(reader, config)
    return (
        way_to(trained, config)[0].name
        if file.stage == FIRST and trained
        else named(file.stage, round)
    )


def parts_of(file: RunFile[Any], stage: str) -> list[str]:
    """A file as the stage that reads it names it: stage/part."""
    return [f"{stage}/{part}".rstrip("/") for part in file.parts]
