"""How a stage runs: skipped when nothing changed, resumed when it was cut off, complete only when
its manifest says so.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from pipeline.run import ranks
from pipeline.run.config import RunConfig
from pipeline.run.declared import seen
from pipeline.run.fingerprint import fingerprint
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.provenance import run_record
from pipeline.run.stage import Stage
from pipeline.run.unfinished import unfinished_faults
from records.disk_room import require_room
from records.errors import ArtifactError, ResourceError
from records.licences import Restrictions, restricted_card, union
from records.stage_folder import StageDirectory, write_text
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


def mark_weights(folder: Path, restrictions: Restrictions) -> None:
    """Say in every model's folder below `folder` what its data forbid."""
    for name in WEIGHTS:
        # In the weights' own folder, since that is what people copy.
        if restrictions and (folder / name).is_dir():
            card = folder / name / "README.md"
            write_text(
                card,
                restricted_card(
                    card.read_text(encoding="utf-8") if card.is_file() else "", restrictions
                ),
            )


def run_stage(stage: Stage[Any], config: RunConfig, *, rank: int = 0) -> bool:
    """Do the stage's work unless it is done; True when it worked.

    Only rank 0 decides, and writes artefacts.
    """
    inputs = Inputs(stage.name, stage.round, stage.inputs(config), config)
    place = Place(
        StageDirectory(Path(config.run_dir) / stage.name),
        rank,
        stage.round,
        ranks.share(rank, config.trainer),
    )
    if not (_begin(stage, config, place) if rank == 0 else ranks.wanted(place.path)):
        return False
    started = time.monotonic()
    try:
        # Ranks stop together, at a step's end; alone, a stage loses nothing wherever it stops.
        with nullcontext() if stage.ranks else interruptible():
            summary = stage.work(seen(stage.settings, config), inputs, place)
    except (RuntimeError, SafetensorError) as error:
        # torch and safetensors report a full disk as a RuntimeError with its words.
        if not _DISK_FULL.search(str(error)):
            raise
        reason = str(error).strip().splitlines()[0]
        raise ResourceError(
            f"{place.path}: the disk took no more ({reason}); free some room or set run_dir "
            "elsewhere; run the command again to go on"
        ) from error
    if rank == 0:
        seconds = round(time.monotonic() - started, 1)
        own = summary.pop("restrictions", {})
        # Before the manifest: with it the stage would count as complete.
        _require_written(stage, place.path)
        # Before finish, which hashes every file.
        mark_weights(place.path, union([place.directory.restrictions(), own]))
        place.directory.finish({**summary, "seconds": seconds}, own)
        place.say(f"done in {seconds:.0f} s")
    return True


def _require_written(stage: Stage[Any], folder: Path) -> None:
    """A later stage would look for it in vain."""
    missing = []
    for file in stage.writes:
        if not file.optional:
            for path in file.paths(folder):
                if not path.exists():
                    missing.append(path.name)
    assert not missing, (
        f"the stage {stage.name} has not written {', '.join(missing)}, which it declares"
    )


def _begin(stage: Stage[Any], config: RunConfig, place: Place) -> bool:
    """Make the folder ready, or find the work done; the other ranks are told which."""
    directory = place.directory
    # Hashing inputs comes first: a changed or missing one must be told before the folder is
    # touched.
    identity, basis = fingerprint(stage, config)
    if directory.is_complete(identity):
        directory.drop_work()  # left by a kill just after the manifest was written
        ranks.announce(directory.path, work=False)
        place.say(KEPT)
        return False
    # Only for work that is to be done; a finished stage needs no room.
    require_room(directory.path, stage.gigabytes(config))
    resumed = directory.path.is_dir() and directory.fingerprint() == identity
    faults = _why_anew(directory, resumed=resumed)
    for fault in faults:
        place.say(fault)
    moved = directory.begin(
        {**run_record(config), "fingerprint": identity, **basis}, anew=bool(faults)
    )
    # Before the other ranks look: they take the checkpoint that this one settles on.
    passed_over = settle(directory.work / "checkpoints")
    ranks.announce(directory.path, work=True)
    _say_how(place, moved, resumed=resumed, damaged=bool(faults))
    for line in passed_over:
        place.say(line)
    return True


def _why_anew(directory: StageDirectory, *, resumed: bool) -> list[str]:
    """What is damaged of the folder's own work, so that it cannot be gone on with or kept."""
    if not directory.path.is_dir():
        return []
    try:
        # A run.json that cannot be read says nothing of what the work here was begun with.
        if os.path.lexists(directory.run_path):
            RunRecord.read(directory.run_path)
    except ArtifactError as error:
        return error.faults
    if not resumed:
        return []
    finished = os.path.lexists(directory.manifest_path)
    return directory.damage() if finished else unfinished_faults(directory)


def _say_how(place: Place, moved: Path | None, *, resumed: bool, damaged: bool) -> None:
    if moved:
        why = "damaged" if damaged else "settings, inputs or files changed"
        earlier = (
            "the earlier result"
            if StageDirectory(moved).manifest_path.is_file()
            else "an attempt that was not finished"
        )
        place.say(f"{why}; {earlier} is in {moved}, and the stage is begun anew")
    elif resumed:
        place.say("was cut off; going on from there")
