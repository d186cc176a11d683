"""`primum export`: a training's newest checkpoint, sharded or not, as a verified Hugging Face
directory.
"""

from __future__ import annotations

from pathlib import Path

from models.export import differences, export_policy
from models.loading.load import load_tokenizer
from pipeline.policies import base_config, lineage, policy_of, trained_policy
from pipeline.run.config import RunConfig
from pipeline.run.console import say
from pipeline.run.graph import policy_left_by
from pipeline.run.stage_run import mark_weights
from records.errors import ArtifactError
from records.permissions import open_to_readers
from records.run_files import POLICY
from records.stage_folder import StageDirectory
from train.engine.checkpoint_files import survey
from train.engine.portable import read


def export(config: RunConfig, stage: str, output: Path) -> None:
    """Writes OUTPUT/policy, OUTPUT/adapter (LoRA) and OUTPUT/export.json; a stage that is done has
    them in its own directory.
    """
    run_dir = Path(config.run_dir)
    directory = StageDirectory(run_dir / stage)
    # A finished stage has chosen its epoch on validation; the newest checkpoint would be another
    # model.
    if directory.manifest_path.is_file():
        raise ArtifactError(
            f"{directory.path}: is done and holds the policy of its best epoch, verified: "
            f"{directory.path / 'policy'}"
        )
    if output.exists() and any(output.iterdir()):
        raise ArtifactError(f"{output}: not empty; name a new directory with --output")
    checkpoints = directory.work / "checkpoints"
    # A damaged newest checkpoint is not passed over for an older one in silence: the user decides.
    whole, faults = survey(checkpoints)
    if faults:
        raise ArtifactError(
            [
                *faults,
                (
                    f"copy it again from where it is whole, or run `primum {stage}`: it goes on "
                    "from the newest checkpoint that is whole"
                ),
            ]
        )
    if not whole:
        raise ArtifactError(
            f"{directory.path}: no checkpoint yet; run `primum {stage}`, which saves every "
            "trainer.checkpoint_every_steps steps"
        )
    checkpoint = checkpoints / whole[0]
    before = _stage_before(config, stage)
    # A training in rounds begins with the policy of the one before, so that one's directory says
    # the shapes.
    start = (
        policy_of(config.model.base, before / POLICY.name)
        if before
        else base_config(config.model.base)
    )
    _, tensors = read(checkpoint)
    state = {}
    for name, found in tensors.items():
        # Lightning writes the module's attribute name before each weight.
        state[name.removeprefix("model.")] = found["weight"]
    policy = trained_policy(start, config.model.adapter, state, seed=config.seed)
    report = export_policy(policy, load_tokenizer(start), output, lineage(config.model, before))
    # Before it is opened to others: weights of restricted data must not lose their mark.
    mark_weights(output, directory.restrictions())
    open_to_readers(output)
    say(
        "export",
        f"{checkpoint.name} of {stage}, reloaded by plain transformers: logits differ by "
        f"{differences(report)}",
    )
    say("export", f"{output / 'policy'}")


def _stage_before(config: RunConfig, stage: str) -> Path | None:
    """The folder of the stage whose policy the training began with; None where that is the base."""
    policy = policy_left_by(stage, config)
    began_with = (
        policy_left_by(policy.starts_from, config) if policy and policy.starts_from else None
    )
    return Path(config.run_dir) / began_with.name if began_with else None
