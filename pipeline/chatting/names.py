"""Who is meant by the words after `primum chat`, found without loading a library of models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.measuring.subjects import Subject, subjects_of
from pipeline.run.config_loading import load_config
from pipeline.run.graph import released_policy, trained_policies
from records.contracts import BASE
from records.errors import ConfigError


def named_subjects(model: str, against: str | None) -> list[Subject]:
    """Who is to speak, the base first.

    Of a run they are its base and the policy that it is to release, or the last that it trained.
    """
    folder = Path(model).expanduser()
    # prep tells a run from a model's own folder that happens to hold a config.yaml.
    if not ((folder / "config.yaml").is_file() and (folder / "prep").is_dir()):
        return subjects_of([against, model] if against else [model])
    config = load_config(folder / "config.yaml")
    # The released one first: it is what others will talk to.
    wanted = [
        released_policy(config),
        *(policy.name for policy in reversed(trained_policies(config))),
    ]
    trained = next(
        (name for name in wanted if (folder / name / "policy" / "config.json").is_file()), None
    )
    if trained is None:
        raise ConfigError(
            f"{folder}: no stage of this run has trained a policy yet; run `primum sft`, or name a "
            "model"
        )
    base = against or config.model.base.path
    first, second = subjects_of([base, str(folder / trained)])
    return [
        # The base of a run keeps the run's revision, which its path alone does not say.
        first if against else replace(first, title=BASE.name, revision=config.model.base.revision),
        second,
    ]
