"""How a stage runs: skipped when nothing changed, resumed when it was cut off, complete only when its manifest says so."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from pipeline.run import ranks
from pipeline.run.config import RunConfig, resolved
from pipeline.run.console import say
from pipeline.run.declared import DeclaredSettings
from pipeline.run.graph import policy_left_by
from pipeline.run.rounds import named, trained_before
from pipeline.run.unfinished import unfinished_faults
from records.errors import ArtifactError, ResourceError
from records.licences import Restrictions, for_weights, restricted_card, union
from records.stage_folder import SCHEMA_VERSION, StageDirectory, require_room, sha256_json, write_text
from records.stage_records import RunRecord
from train.engine.checkpoint_files import settle
from train.engine.preemption_signal import interruptible

_DISK_FULL = re.compile(r"No space left|quota exceeded|PytorchStreamWriter failed|inline_container\.cc.*unexpected pos", re.I | re.S)
"""How torch and safetensors, which raise no OSError, say that a disk is full."""
WEIGHTS = ("policy", "adapter", "reward_model")
"""Folders of a stage that hold a model."""
LIBRARIES = ("primum", "torch", "transformers", "peft", "pytorch-lightning", "deepspeed", "datasets", "trl", "wandb", "omegaconf")


@dataclass(frozen=True)
class Context:
    """What a stage's work is given."""

    config: RunConfig
    """As the stage's work sees it: reading a setting that the stage does not declare raises."""
    directory: StageDirectory
    rank: int = 0
    round: int = 1

    def stage(self, name: str) -> StageDirectory:
        """An earlier stage, of the same round where it is repeated."""
        return StageDirectory(self.directory.path.parent / named(name, self.round))

    @property
    def before(self) -> StageDirectory:
        """The stage that left the policy which a training, or else this round, begins with."""
        trained = policy_left_by(self.directory.name)
        name = trained.starts_from if trained and trained.starts_from else trained_before(self.round)
        return StageDirectory(self.directory.path.parent / name)

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
    """`work` writes artefacts into the stage's directory and returns a summary for its manifest."""

    name: str
    needs: tuple[str, ...]
    """What it reads of earlier stages, as stage/file or stage/folder; nothing else of them can make it run again."""
    sections: tuple[str, ...]
    """Blocks of the config that its result depends on, dotted for parts of a block."""
    work: Callable[[Context], dict[str, Any]]
    files: Callable[[RunConfig], dict[str, str]] = lambda config: {}
    """Files outside the run that it reads, with their hashes; raises for those that are not there."""
    gigabytes: Callable[[RunConfig], float] = lambda config: 0.05
    """Disk that it may need, checked before it starts."""
    ranks: bool = False
    """Runs on all ranks of the trainer, which talk."""
    shares: bool = False
    """Its work is split over all ranks of a job, which do not talk; `Context.share` says which part is this one's."""
    optional_needs: Callable[[RunConfig], tuple[str, ...]] = lambda config: ()
    """What it reads besides under this config."""
    measures: bool = False
    """It reads and quotes rows that are for evaluation only, so what restricts those restricts its files too."""
    beside: tuple[str, ...] = ()
    """Blocks of the config that its work sees and its result does not depend on: where and how fast it runs, what it only
    says, and what decides which `optional_needs` and `files` there are, which count themselves."""
    round: int = 1

    def in_round(self, round: int) -> Stage:
        """The same work on a later round's data and, where it begins with a policy, on the one that the round before left."""
        if round == 1:
            return self

        def renamed(needs: tuple[str, ...]) -> tuple[str, ...]:
            parts = (need.partition("/") for need in needs)
            return tuple(
                f"{trained_before(round) if stage == trained_before(1) else named(stage, round)}{slash}{part}"
                for stage, slash, part in parts
            )

        return replace(
            self,
            name=named(self.name, round),
            needs=(*renamed(self.needs), *((f"{trained_before(round)}/policy",) if self.name == "sample" else ())),
            optional_needs=lambda config: renamed(self.optional_needs(config)),
            round=round,
        )


def fingerprint(stage: Stage, config: RunConfig) -> tuple[str, dict[str, Any]]:
    """What the result depends on, and its hash: settings, seed, and the contents of every input."""
    run_dir = Path(config.run_dir)
    settings = resolved(config)
    basis = {
        "stage": stage.name,
        "schema_version": SCHEMA_VERSION,
        "seed": config.seed,
        "settings": {name: _part(settings, name) for name in stage.sections},
        "inputs": {need: _required(run_dir, need) for need in (*stage.needs, *stage.optional_needs(config))},
        "files": stage.files(config),
        "restrictions": inherited(stage, config),
    }
    return sha256_json(basis), basis


def inherited(stage: Stage, config: RunConfig) -> Restrictions:
    """The restrictions of everything that the stage reads of earlier ones."""
    found = []
    for need in (*stage.needs, *stage.optional_needs(config)):
        source = need.partition("/")[0]
        restrictions = StageDirectory(Path(config.run_dir) / source).restrictions()
        found.append(for_weights(restrictions) if source == "prep" and not stage.measures else restrictions)
    return union(found)


def mark_weights(folder: Path, restrictions: Restrictions) -> None:
    """Say in every model's folder below `folder` what its data forbid."""
    for name in WEIGHTS:
        if restrictions and (folder / name).is_dir():
            card = folder / name / "README.md"
            write_text(card, restricted_card(card.read_text(encoding="utf-8") if card.is_file() else "", restrictions))


def _part(settings: dict[str, Any], name: str) -> Any:
    for key in name.split("."):
        settings = settings[key]
    return settings


def _required(run_dir: Path, need: str) -> str:
    stage, _, part = need.partition("/")
    return StageDirectory(run_dir / stage).require(part)


def run_stage(stage: Stage, config: RunConfig, *, rank: int = 0) -> bool:
    """Do the stage's work unless it is done; True when it worked. Only rank 0 decides, and writes artefacts."""
    seen = DeclaredSettings.of(config, (*stage.sections, *stage.beside), stage.name)
    context = Context(seen, StageDirectory(Path(config.run_dir) / stage.name), rank, stage.round)
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
        mark_weights(context.path, union([context.directory.restrictions(), own]))
        context.directory.finish({**summary, "seconds": seconds}, own)
        context.say(f"done in {seconds:.0f} s")
    return True


def _begin(stage: Stage, config: RunConfig, context: Context) -> bool:
    """Make the folder ready, or find the work done; the other ranks are told which."""
    directory = context.directory
    identity, basis = fingerprint(stage, config)
    if directory.is_complete(identity):
        directory.drop_work()  # left by a kill just after the manifest was written
        ranks.announce(directory.path, work=False)
        context.say("nothing changed, kept")
        return False
    require_room(directory.path, stage.gigabytes(config))
    resumed = directory.path.is_dir() and directory.fingerprint() == identity
    faults = _why_anew(directory, resumed=resumed)
    for fault in faults:
        context.say(fault)
    moved = directory.begin({**_run_record(config), "fingerprint": identity, **basis}, anew=bool(faults))
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
        earlier = "the earlier result" if StageDirectory(moved).manifest_path.is_file() else "an attempt that was not finished"
        context.say(f"{why}; {earlier} is in {moved}, and the stage is begun anew")
    elif resumed:
        context.say("was cut off; going on from there")


def _run_record(config: RunConfig) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["primum", *sys.argv[1:]]),
        "config": resolved(config),
        **code_state(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        "machine": machine(),
    }


def code_state() -> dict[str, Any]:
    """Commit and whether the work tree differs from it; None outside a checkout."""

    def git(*arguments: str) -> str | None:
        here = Path(__file__).parent
        try:
            result = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return result.stdout.strip() if result.returncode == 0 else None

    status = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def machine() -> dict[str, Any]:
    """What ran it, without names of hosts or users."""
    model = next((line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"processor": model, "cores": len(os.sched_getaffinity(0)), "memory_gib": round(memory), "system": platform.system()}


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
