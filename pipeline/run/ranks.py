"""Ranks that a launcher starts at the same moment: rank 0 makes a stage's folder ready, the others
wait for its word.

They cannot talk before training has set up its process group, but share the file system. Without
the wait a rank could read the checkpoint of an earlier result that rank 0 is about to move away.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from records.errors import ArtifactError, ConfigError, ResourceError
from records.own_files import entry, read_own, sealed
from records.stage_folder import write_json
from train.config import TrainerConfig

Item = TypeVar("Item")

LAUNCH = (
    "SLURM_JOB_ID",
    "SLURM_STEP_ID",
    "SLURM_RESTART_COUNT",
    "TORCHELASTIC_RUN_ID",
    "TORCHELASTIC_RESTART_COUNT",
)
"""What srun and torchrun give to all ranks of one start, and to no other start."""
WAIT_SECONDS = 3600.0
"""Rank 0 may have large inputs to hash."""


LAUNCHED = (
    "RANK",
    "LOCAL_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "GROUP_RANK",
    "NODE_RANK",
    "MASTER_ADDR",
    "MASTER_PORT",
)
"""What torchrun tells each rank besides."""


def own_rank(trainer: TrainerConfig) -> int:
    """This process's rank among those of the trainer.

    Raises ConfigError where its launcher's word is no number or names a rank too many.
    """
    # A variable that an earlier launcher left must not make a single process rank 3.
    if trainer.world_size == 1:
        return 0
    try:
        rank = trainer.rank(os.environ)
    except ValueError as error:
        raise ConfigError(
            f"RANK, LOCAL_RANK or NODE_RANK in the environment is no number ({error}); unset it, "
            "or start by torchrun or srun"
        ) from error
    if not 0 <= rank < trainer.world_size:
        raise ConfigError(
            f"rank {rank} in the environment (RANK, or SLURM_PROCID): "
            f"trainer.num_nodes={trainer.num_nodes} times trainer.devices={trainer.devices} are "
            f"ranks 0 to {trainer.world_size - 1}; set both to what the launcher starts, or unset "
            "RANK"
        )
    return rank


def forget_launcher() -> None:
    """For a process that starts ranks of its own: take away what torchrun has told it, which holds
    for torchrun's ranks only.

    Else stages would wait for parts of ranks that have left, and ranks of its own would believe
    that they were started from outside.
    """
    if "RANK" not in os.environ and "LOCAL_RANK" not in os.environ:
        return
    # A list first: deleting from os.environ while it is read would skip names.
    for name in [
        name for name in os.environ if name in LAUNCHED or name.startswith("TORCHELASTIC_")
    ]:
        del os.environ[name]


def announce(stage: Path, *, work: bool) -> None:
    """Rank 0: the stage is to be done, or is done already."""
    # Without a launcher there is nobody to tell.
    if _launch():
        write_json(_word(stage), sealed({"launch": _launch(), "work": work}))


def wanted(stage: Path) -> bool:
    """Other ranks: whether to work.

    Ranks that Lightning starts itself are children of a rank 0 that works.
    """
    # The word of an earlier start must not count, so it carries the ids that this start alone has.
    launch, word, deadline = _launch(), _word(stage), time.monotonic() + WAIT_SECONDS
    while launch:
        said = _said(word)
        if said and said.launch == launch:
            return said.work
        if time.monotonic() > deadline:
            raise ResourceError(
                f"{word}: rank 0 did not say within {WAIT_SECONDS / 60:.0f} min whether "
                f"{stage.name} is to be done; see its log"
            )
        # Polled: parallel file systems notify nobody of another node's change.
        time.sleep(0.1)
    return True


@dataclass(frozen=True)
class _Word:
    """What rank 0 says to the others of one start."""

    launch: str
    work: bool


def _said(word: Path) -> _Word | None:
    """None where nothing that counts is there yet; rank 0 writes it anew."""
    try:
        return read_own(
            word, lambda value: _Word(entry(value, "launch", str), entry(value, "work", bool))
        )
    except ArtifactError:
        return None


@dataclass(frozen=True)
class Share:
    """This rank's part of work that needs no communication: items rank, rank + world size, and so
    on.
    """

    rank: int
    world: int

    def of(self, items: Sequence[Item]) -> list[Item]:
        """This rank's part of the items."""
        # Every so-many-th item, so that ranks get like work where items are sorted by length.
        return list(items[self.rank :: self.world])

    def hand_in(self, work: Path) -> bool:
        """Say that this rank's part is written; True for the one that puts the parts together, once
        all are there.
        """
        if self.world == 1:
            return True
        # An empty file, which appears whole or not at all, says that a rank's own files are
        # written.
        (work / self._mark(self.rank)).touch()
        if self.rank:
            return False
        deadline = time.monotonic() + WAIT_SECONDS
        while missing := [
            rank for rank in range(self.world) if not (work / self._mark(rank)).is_file()
        ]:
            if time.monotonic() > deadline:
                raise ResourceError(
                    f"{work}: ranks {missing} did not hand in their part within "
                    f"{WAIT_SECONDS / 60:.0f} min of rank 0's"
                )
            time.sleep(0.1)
        return True

    def _mark(self, rank: int) -> str:
        # With the launch's ids: marks of a killed start must not pass for this one's.
        return f".{_launch()}.{rank}-of-{self.world}.done"


def share(rank: int, trainer: TrainerConfig) -> Share:
    """Whole where a launcher did not start all ranks at once: Lightning starts its own for training
    only.
    """
    return Share(rank, trainer.world_size) if _launch() else Share(0, 1)


def _word(stage: Path) -> Path:
    return stage.parent / f".{stage.name}.launch.json"


def _launch() -> str:
    return ".".join(os.environ.get(name, "") for name in LAUNCH).strip(".")
