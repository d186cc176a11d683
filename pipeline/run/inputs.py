"""What a stage reads of earlier ones: the files that it declares, and no others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.run.config import RunConfig
from pipeline.run.graph import policy_left_by, way_to
from pipeline.run.rounds import named, trained_before
from records.rows import RecordT
from records.run_files import BEFORE, FIRST, RunFile
from records.stage_folder import StageDirectory


class UndeclaredFile(LookupError):
    """A mistake in a stage, not one of the user's: its declaration lacks a file that it reads."""


@dataclass(frozen=True)
class Inputs:
    """Of one stage of one run; a file is found by its declaration, whatever folder holds it in this
    round.
    """

    stage: str
    round: int
    declared: tuple[str, ...]
    """What the stage declares to read, as stage/part."""
    config: RunConfig
    """Says which stage left what; the stage's work has its own view of it."""

    def path(self, file: RunFile[RecordT]) -> Path:
        """Where a file or folder that the stage declares to read is."""
        # Exactly one: a table with several splits is read by `read` and has no single path.
        (path,) = file.paths(self._folder_of(file))
        return path

    def read(self, file: RunFile[RecordT]) -> list[RecordT]:
        """The rows of a file that the stage declares to read, one split after the other.

        Raises RecordError where a row is none.
        """
        return file.read(self._folder_of(file))

    def _folder_of(self, file: RunFile[Any]) -> Path:
        stage = stage_of(file, self.stage, self.round, self.config)
        for name in parts_of(file, stage):
            # With slashes at both ends, so that prep/prompts is no beginning of prep/prompts_more.
            if not any(f"{name}/".startswith(f"{declared}/") for declared in self.declared):
                raise UndeclaredFile(
                    f"the stage {self.stage} reads {name}, which it does not declare; name it in "
                    "the stage's reads"
                )
        return self._run_dir / stage

    def finished(self, stage: str) -> StageDirectory:
        """A stage that is done, for its manifest; what it holds is read by `read` and `path`."""
        return StageDirectory(self._run_dir / stage)

    @property
    def before(self) -> StageDirectory:
        """The stage that left the policy which a training, or else this round, begins with."""
        return self.finished(begins_with(self.stage, self.round, self.config))

    @property
    def stages(self) -> list[str]:
        """The stages that are read, in the order of the declaration."""
        return list(dict.fromkeys(name.split("/")[0] for name in self.declared))

    @property
    def _run_dir(self) -> Path:
        return Path(self.config.run_dir)


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
    """What of a stage's folder a file or table is, as stage/part."""
    return [f"{stage}/{part}".rstrip("/") for part in file.parts]
