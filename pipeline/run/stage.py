"""How a stage runs: skipped when nothing changed, resumed when it was cut off, complete only when its manifest says so."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from pipeline.run import ranks
from pipeline.run.config import RunConfig, resolved
from pipeline.run.console import say
from pipeline.run.declared import DeclaredSettings
from pipeline.run.graph import policy_left_by, way_to
from pipeline.run.provenance import run_record
from pipeline.run.rounds import named, trained_before
from pipeline.run.unfinished import unfinished_faults
from records.contracts import Policy
from records.errors import ArtifactError, ResourceError
from records.licences import Restrictions, for_weights, restricted_card, union
from records.rows import RecordT
from records.run_files import BEFORE, FIRST, RunFile
from records.stage_folder import (
    SCHEMA_VERSION,
    StageDirectory,
    require_room,
    sha256_json,
    write_text,
)
from records.stage_records import RunRecord
from train.engine.checkpoint_files import settle
from train.engine.preemption_signal import interruptible

_DISK_FULL = re.compile(
    r"No space left|quota exceeded|PytorchStreamWriter failed|inline_container\.cc.*unexpected pos",
    re.I | re.S,
)
"""How torch and safetensors, which raise no OSError, say that a disk is full."""
KEPT = "nothing changed, kept"
"""What is said of a stage that is done."""
WEIGHTS = ("policy", "adapter", "reward_model")
"""Folders of a stage that hold a model."""


class UndeclaredFile(LookupError):
    """A mistake in a stage, not one of the user's: its declaration lacks a file that it reads."""


@dataclass(frozen=True)
class Context:
    """What a stage's work is given: its settings, the files that it reads, and the folder that it writes."""

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
        """The rows of a file that the stage declares to read, one split after the other. Raises RecordError where a row is none."""
        return file.read(self._folder_of(file))

    def _folder_of(self, file: RunFile[Any]) -> Path:
        stage = stage_of(file, self.directory.name, self.round, self.config)
        for name in parts_of(file, stage):
            if not any(f"{name}/".startswith(f"{declared}/") for declared in self.reads):
                raise UndeclaredFile(
                    f"the stage {self.directory.name} reads {name}, which it does not declare; name it in the stage's reads"
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
        return self.directory.path

    @property
    def share(self) -> ranks.Share:
        return ranks.share(self.rank, self.config.trainer)

    def say(self, text: str) -> None:
        if self.rank == 0:
            say(self.directory.name, text)


@dataclass(frozen=True)
class Stage:
    """A declaration: `work` sees these settings and these files, so that nothing can change its result unnoticed."""

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
    """Files outside the run that it reads, with their hashes; raises for those that are not there."""
    gigabytes: Callable[[RunConfig], float] = lambda config: 0.05
    """Disk that it may need, checked before it starts."""
    ranks: bool = False
    """Runs on all ranks of the trainer, which talk."""
    shares: bool = False
    """Its work is split over all ranks of a job, which do not talk; `Context.share` says which part is this one's."""
    reads_if: Callable[[RunConfig], tuple[RunFile[Any], ...]] = lambda config: ()
    """What it reads besides under this config."""
    reads_later: tuple[RunFile[Any], ...] = ()
    """What it reads besides in every round after the first."""
    measures: bool = False
    """It reads and quotes rows that are for evaluation only, so what restricts those restricts its files too."""
    beside: tuple[str, ...] = ()
    """Blocks of the config that its work sees and its result does not depend on: where and how fast it runs, what it only
    says, and what decides which of `reads_if` and `files` there are, which count themselves."""
    seed: Callable[[RunConfig], int] = lambda config: config.seed
    """The seed that its result depends on."""
    round: int = 1

    def in_round(self, round: int) -> Stage:
        """The same work on a later round's data and, where it begins with a policy, on the one that the round before left."""
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
    """The folder that holds what a stage of that round reads: of the same round where it is made in each."""
    if file.stage == BEFORE:
        return begins_with(reader, round, config)
    trained = policy_left_by(reader, config)
    return (
        way_to(trained, config)[0].name
        if file.stage == FIRST and trained
        else named(file.stage, round)
    )


def parts_of(file: RunFile[Any], stage: str) -> list[str]:
    return [f"{stage}/{part}".rstrip("/") for part in file.parts]


def fingerprint(stage: Stage, config: RunConfig) -> tuple[str, dict[str, Any]]:
    """What the result depends on, and its hash: settings, seed, and the contents of every input."""
    run_dir = Path(config.run_dir)
    settings = resolved(config)
    basis = {
        "stage": stage.name,
        "schema_version": SCHEMA_VERSION,
        "seed": stage.seed(config),
        "settings": {name: _part(settings, name) for name in stage.settings},
        "inputs": {name: _required(run_dir, name) for name in stage.inputs(config)},
        "files": stage.files(config),
        "restrictions": inherited(stage, config),
    }
    return sha256_json(basis), basis


def inherited(stage: Stage, config: RunConfig) -> Restrictions:
    """The restrictions of everything that the stage reads of earlier ones."""
    found = []
    for name in stage.inputs(config):
        source = name.partition("/")[0]
        restrictions = StageDirectory(Path(config.run_dir) / source).restrictions()
        found.append(
            for_weights(restrictions) if source == "prep" and not stage.measures else restrictions
        )
    return union(found)


def mark_weights(folder: Path, restrictions: Restrictions) -> None:
    """Say in every model's folder below `folder` what its data forbid."""
    for name in WEIGHTS:
        if restrictions and (folder / name).is_dir():
            card = folder / name / "README.md"
            write_text(
                card,
                restricted_card(
                    card.read_text(encoding="utf-8") if card.is_file() else "", restrictions
                ),
            )


def _part(settings: dict[str, Any], name: str) -> Any:
    for key in name.split("."):
        settings = settings[key]
    return settings


def _required(run_dir: Path, name: str) -> str:
    stage, _, part = name.partition("/")
    return StageDirectory(run_dir / stage).require(part)


def run_stage(stage: Stage, config: RunConfig, *, rank: int = 0) -> bool:
    """Do the stage's work unless it is done; True when it worked. Only rank 0 decides, and writes artefacts."""
    seen = DeclaredSettings.of(config, (*stage.settings, *stage.beside), stage.name)
    context = Context(
        seen,
        StageDirectory(Path(config.run_dir) / stage.name),
        rank,
        stage.round,
        stage.inputs(config),
    )
    if not (_begin(stage, config, context) if rank == 0 else ranks.wanted(context.path)):
        return False
    started = time.monotonic()
    try:
        # Ranks stop together, at a step's end; alone, a stage loses nothing wherever it stops.
        with nullcontext() if stage.ranks else interruptible():
            summary = stage.work(context)
    except (RuntimeError, SafetensorError) as error:
        if not _DISK_FULL.search(str(error)):
            raise
        reason = str(error).strip().splitlines()[0]
        raise ResourceError(
            f"{context.path}: the disk took no more ({reason}); free some room or set run_dir elsewhere; run the command again to go on"
        ) from error
    if rank == 0:
        seconds = round(time.monotonic() - started, 1)
        own = summary.pop("restrictions", {})
        _require_written(stage, context.path)
        mark_weights(context.path, union([context.directory.restrictions(), own]))
        context.directory.finish({**summary, "seconds": seconds}, own)
        context.say(f"done in {seconds:.0f} s")
    return True


def _require_written(stage: Stage, folder: Path) -> None:
    """A later stage would look for it in vain."""
    missing = [
        path.name
        for file in stage.writes
        if not file.optional
        for path in file.paths(folder)
        if not path.exists()
    ]
    assert not missing, (
        f"the stage {stage.name} has not written {', '.join(missing)}, which it declares"
    )


def _begin(stage: Stage, config: RunConfig, context: Context) -> bool:
    """Make the folder ready, or find the work done; the other ranks are told which."""
    directory = context.directory
    identity, basis = fingerprint(stage, config)
    if directory.is_complete(identity):
        directory.drop_work()  # left by a kill just after the manifest was written
        ranks.announce(directory.path, work=False)
        context.say(KEPT)
        return False
    require_room(directory.path, stage.gigabytes(config))
    resumed = directory.path.is_dir() and directory.fingerprint() == identity
    faults = _why_anew(directory, resumed=resumed)
    for fault in faults:
        context.say(fault)
    moved = directory.begin(
        {**run_record(config), "fingerprint": identity, **basis}, anew=bool(faults)
    )
    # Before the other ranks look: they take the checkpoint that this one settles on.
    passed_over = settle(directory.work / "checkpoints")
    ranks.announce(directory.path, work=True)
    _say_how(context, moved, resumed=resumed, damaged=bool(faults))
    for line in passed_over:
        context.say(line)
    return True


def _why_anew(directory: StageDirectory, *, resumed: bool) -> list[str]:
    """What is damaged of the folder's own work, so that it cannot be gone on with or kept."""
    if not directory.path.is_dir():
        return []
    try:
        if os.path.lexists(directory.run_path):
            RunRecord.read(directory.run_path)
    except ArtifactError as error:
        return error.faults
    if not resumed:
        return []
    finished = os.path.lexists(directory.manifest_path)
    return directory.damage() if finished else unfinished_faults(directory)


def _say_how(context: Context, moved: Path | None, *, resumed: bool, damaged: bool) -> None:
    if moved:
        why = "damaged" if damaged else "settings, inputs or files changed"
        earlier = (
            "the earlier result"
            if StageDirectory(moved).manifest_path.is_file()
            else "an attempt that was not finished"
        )
        context.say(f"{why}; {earlier} is in {moved}, and the stage is begun anew")
    elif resumed:
        context.say("was cut off; going on from there")
