"""A stage's run at wandb: opened quietly, with the whole resolved config, and tied to the stages
that it read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pipeline.run.place import Place
from records.stage_folder import read_json
from train.config import WandbConfig
from train.engine.wandb_mode import open_run, wandb_mode

HELD = ("selection.json", "results.json", "manifest.json")
"""Of these the first that a stage has left stands for it: small, and never changed once it is
written."""
BESIDE = ("scoreboard.jsonl", "validation.json", "data_card.md", "lint.json", "pairs.report.json")
"""What goes with it, where it is there."""


def resolved_config(folder: Path) -> dict[str, Any]:
    """Every setting of the run, and the name of the stage that works in `folder`."""
    return {"stage": folder.name, **read_json(folder / "run.json")["config"]}


def recorded(config: WandbConfig, place: Place, record: Callable[[Any], None]) -> None:
    """Let `record` write into a run of this stage at wandb, where wandb is on; a failure there is
    told and loses nothing here.
    """
    mode, why = wandb_mode(config)
    if mode == "disabled":
        return
    import wandb  # noqa: PLC0415  seconds, and most runs record nothing there

    place.say(f"wandb {mode} ({why})")
    stage, folder = place.name, place.run
    run = None
    try:
        run = open_run(
            config,
            folder=folder,
            stage=stage,
            run_name=folder.name,
            settings=resolved_config(place.path),
        )
        record(run)
    # A service that fails must not lose a stage whose files are complete.
    except (wandb.Error, OSError, ValueError) as error:
        place.say(
            f"wandb: not all of {stage} was recorded ({type(error).__name__}: {error}); its files "
            f"in {place.path} are complete"
        )
    finally:
        if run is not None:
            run.finish()


def tie(run: Any, folder: Path, stages: Iterable[str], mode: str) -> None:
    """This stage's lineage: each stage that it read, and what it leaves itself, as artifacts that
    are the same wherever they are named.
    """
    for stage in stages:
        artifact = stage_artifact(folder.parent / stage)
        if artifact is None:
            continue
        if mode == "online":
            run.use_artifact(artifact)
        # the public call refuses to work offline; this is what it does, and `wandb sync` carries it
        # out
        else:
            run._log_artifact(artifact, is_user_created=True, use_after_commit=True)
    own = stage_artifact(folder)
    if own is not None:
        run.log_artifact(own)


def stage_artifact(folder: Path) -> Any:
    """What stands for a finished stage, by its content; None where the stage has left nothing
    yet.
    """
    import wandb  # noqa: PLC0415  seconds, and most runs record nothing there

    held = next((folder / name for name in HELD if (folder / name).is_file()), None)
    if held is None:
        return None
    kind = {"selection.json": "policy", "results.json": "evaluation"}.get(held.name, "stage")
    artifact = wandb.Artifact(name_of(folder), type=kind)
    for file in (held, *(folder / name for name in BESIDE if (folder / name).is_file())):
        artifact.add_file(str(file), name=file.name)
    return artifact


def name_of(folder: Path) -> str:
    """`RUN-STAGE`, in the letters that wandb takes."""
    folder = folder.resolve()
    return re.sub(r"[^A-Za-z0-9_.-]", "_", f"{folder.parent.name}-{folder.name}")
