"""What a stage declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pipeline.run.config import RunConfig
from pipeline.run.declared import StageSettings, names_that_count
from pipeline.run.graph import policy_left_by
from pipeline.run.inputs import Inputs, parts_of, stage_of
from pipeline.run.place import Place
from pipeline.run.rounds import named
from records.contracts import Policy
from records.run_files import RunFile

SettingsT = TypeVar("SettingsT", bound=StageSettings)


@dataclass(frozen=True)
class Stage(Generic[SettingsT]):
    """A declaration: `work` sees these settings and these files, so that nothing can change its
    result unnoticed.
    """

    name: str
    reads: tuple[RunFile[Any], ...]
    """What it reads of earlier stages; nothing else of them can make it run again."""
    work: Callable[[SettingsT, Inputs, Place], dict[str, Any]]
    """Writes its files into the stage's place and returns a summary for the manifest."""
    settings: type[SettingsT] = StageSettings  # type: ignore[assignment]
    """What its work sees of the run's config. Its result depends on all of it, but for the fields
    that are `beside`."""
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
    """Its work is split over all ranks of a job, which do not talk; `Place.share` says which part
    is this one's."""
    reads_if: Callable[[RunConfig], tuple[RunFile[Any], ...]] = lambda config: ()
    """What it reads besides under this config."""
    reads_later: tuple[RunFile[Any], ...] = ()
    """What it reads besides in every round after the first."""
    measures: bool = False
    """It reads and quotes rows that are for evaluation only, so what restricts those restricts its
    files too."""
    seed: Callable[[RunConfig], int] = lambda config: config.seed
    """The seed that its result depends on."""
    round: int = 1

    def in_round(self, round: int) -> Stage[SettingsT]:
        """The same work on a later round's data and, where it begins with a policy, on the one that
        the round before left.
        """
        return replace(self, name=named(self.name, round), round=round)

    @property
    def counted(self) -> tuple[str, ...]:
        """Settings and blocks of the config that its result depends on, dotted."""
        return names_that_count(self.settings)

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
