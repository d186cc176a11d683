"""Where a stage works: its folder, which part of the work is this process's, and how it speaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipeline.run import ranks
from pipeline.run.console import say
from records.stage_folder import StageDirectory


@dataclass(frozen=True)
class Place:
    """Of one rank of one stage."""

    directory: StageDirectory
    rank: int = 0
    round: int = 1
    share: ranks.Share = field(default_factory=lambda: ranks.Share(0, 1))
    """This rank's part of work that needs no communication."""

    @property
    def path(self) -> Path:
        """The stage's folder."""
        return self.directory.path

    @property
    def work(self) -> Path:
        """Of what only a resumed stage reads."""
        return self.directory.work

    @property
    def name(self) -> str:
        return self.directory.name

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.path.parent

    def say(self, text: str) -> None:
        """On the console, of rank 0 alone."""
        if self.rank == 0:
            say(self.name, text)
