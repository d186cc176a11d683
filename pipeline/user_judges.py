"""The judges, guard models, juries and experts that a run's evaluation or `primum measure` is to
ask, each from its YAML file (docs/judges.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eval.judged import Kind, NamedJudge
from eval.must_have_rule import MUST_HAVES
from eval.suite_scorers import CHOICE, OMISSION
from records.errors import ConfigError, PrimumError
from records.stage_folder import sha256_file
from reward.judges.factory import scorer_from
from reward.judges.settings import JuryConfig, ScorerConfig
from reward.judges.settings_file import read_settings
from reward.scorers import FACTORS, HARM_MODEL, REFUSAL

SETTING, REPLIES = "eval.judges", "judges"
"""What names them, and the folder of a run that keeps their replies, as `primum judge-report` has
it: what one of the two has asked, the other does not ask again."""
TAKEN = (HARM_MODEL, REFUSAL, FACTORS, OMISSION, CHOICE, MUST_HAVES)
"""Names that scores of an evaluation have already."""


def judge_files(paths: Sequence[str], setting: str = SETTING) -> dict[str, str]:
    """Hashes of the settings and of every file that they name, for a stage's fingerprint.

    Raises ConfigError with every fault of every file.
    """
    found: dict[str, str] = {}
    faults: list[str] = []
    for config, path in _read(paths, setting):
        for file in (path, *_named_by(config)):
            if Path(file).is_file():
                found[file] = sha256_file(Path(file))
            else:
                faults.append(f"{setting}: {path}: names {file}, which is no file; correct it")
    if faults:
        raise ConfigError(faults)
    return found


def user_judges(paths: Sequence[str], replies: Path, setting: str = SETTING) -> list[NamedJudge]:
    """The scorers; `replies` takes what they are told, which is not asked for again.

    Nothing is asked and no model loaded yet. Raises ConfigError for what cannot work here, such as
    a key that is not set.
    """
    found, faults = [], []
    for config, _ in _read(paths, setting):
        try:
            found.append(NamedJudge(scorer_from(config, replies), kind_of(config)))
        except PrimumError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    return found


def kind_of(config: ScorerConfig | JuryConfig) -> Kind:
    """What an evaluation reads off its scores."""
    if isinstance(config, JuryConfig):
        return "jury"
    if config.kind == "guard" and config.guard.column == "refusal":
        return "refusal guard"
    return config.kind


def _read(paths: Sequence[str], setting: str) -> list[tuple[ScorerConfig | JuryConfig, str]]:
    found: list[tuple[ScorerConfig | JuryConfig, str]] = []
    faults: list[str] = []
    for path in dict.fromkeys(paths):
        try:
            found.append((read_settings(Path(path)), path))
        except PrimumError as error:
            faults += [f"{setting}: {fault}" for fault in error.faults]
    taken = set(TAKEN)
    for config, path in found:
        if config.name in taken:
            faults.append(
                f"{setting}: {path}: the name {config.name} is another scorer's; give it one of "
                "its own"
            )
        taken.add(config.name)
    if faults:
        raise ConfigError(faults)
    return found


def _named_by(config: ScorerConfig | JuryConfig) -> list[str]:
    """Files beside the settings themselves; a model is known by its replies' keys."""
    if isinstance(config, JuryConfig):
        named = []
        for member in config.members:
            named += _named_by(member)
        return named
    rubric = (config.rubric.policy_file, config.rubric.scale_file)
    return [file for file in (*config.labels, *rubric) if file]
