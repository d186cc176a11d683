"""A stage's run at wandb: opened quietly, with the whole resolved config, and tied to the stages
that it read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pipeline.run.stage import Context
from records.stage_folder import read_json
from train.engine.wandb_mode import open_run, wandb_mode

HELD = ("selection.json", "results.json", "manifest.json")
"""Of these the first that a stage has left stands for it: small, and never changed once it is
written."""
BESIDE = ("scoreboard.jsonl", "validation.json", "data_card.md", "lint.json", "pairs.report.json")
"""What goes with it, where it is there."""


def resolved_config(context: Context) -> dict[str, Any]:
    """Every setting of the run, and the stage's name."""
    return {"stage": context.directory.name, **read_json(context.path / "run.json")["config"]}


def recorded(context: Context, record: Callable[[Any], None]) -> None:
    """Let `record` write into a run of this stage at wandb, where wandb is on; a failure there is
    told and loses nothing here.
    """
    mode, why = wandb_mode(context.config.wandb)
    if mode == "disabled":
        return
    import wandb  # noqa: PLC0415  seconds, and most runs record nothing there

    context.say(f"wandb {mode} ({why})")
    stage, folder = context.directory.name, context.path.parent
    run = None
    try:
        run = open_run(
            context.config.wandb,
            folder=folder,
            stage=stage,
            run_name=folder.name,
            settings=resolved_config(context),
        )
        record(run)
    except (wandb.Error, OSError, ValueError) as error:
        context.say(
            f"wandb: not all of {stage} was recorded ({type(error).__name__}: {error}); its files "
            f"in {context.path} are complete"
        )
    finally:
        if run is not None:
            run.finish()


def tie(run: Any, context: Context, stages: Iterable[str], mode: str) -> None:
    """This stage's lineage: each stage that it read, and what it leaves itself, as artifacts that
    are the same wherever they are named.
    """
    for stage in stages:
        artifact = stage_artifact(context.path.parent / stage)
        if artifact is None:
            continue
        if mode == "online":
            run.use_artifact(artifact)
        # the public call refuses to work offline; this is what it does, and `wandb sync` carries it
        # out
        else:
            run._log_artifact(artifact, is_user_created=True, use_after_commit=True)
    own = stage_artifact(context.path)
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
