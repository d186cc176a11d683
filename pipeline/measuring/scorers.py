"""Who judges a measurement: the scorers that ship with Primum, and a reward model where one is
named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.results.stored import read_validation
from eval.results.validation import DetectorNote, Validation
from models.engines.generate import generation_dtype
from pipeline.policies import device
from pipeline.run.config import RunConfig
from pipeline.user_judges import SETTING, judge_files
from records.contracts import Scorer
from records.errors import ConfigError, PrimumError
from records.rows import Prompt
from records.run_files import REWARD_MODEL, VALIDATION
from records.stage_folder import read_json
from reward.model.audit import audit_in, require_passed
from reward.model.harmfulness_model import HarmfulnessScorer
from reward.named_scorers import REWARD_MODEL_FILES
from reward.refusal.rule import DETECTOR_NOTE
from reward.scorers import FACTORS, RefusalRule

WANTED = (
    "wanted default, run=RUN (the reward model of a run), reward_model=FOLDER or judge=FILE "
    "(docs/judges.md)"
)


@dataclass(frozen=True)
class Judges:
    """Named, and not loaded yet."""

    config: RunConfig
    reward_model: Path | None
    factors: bool = True
    files: tuple[str, ...] = ()
    """Settings of judges, guard models, juries and experts."""

    def load(self, prompts: Sequence[Prompt]) -> list[Scorer]:
        """The same as an evaluation's: the reward model, the refusal rule, and those that no
        training touches.
        """
        found: list[Scorer] = []
        if self.reward_model:
            harm_model = HarmfulnessScorer.load(
                self.reward_model, generation_dtype(self.config.eval.generation)
            )
            harm_model.model.to(device(self.config.trainer))
            found.append(harm_model)
        found.append(RefusalRule())
        if self.factors:
            # Its libraries take a second.
            from reward.factors.one_pass import FactorsAndRefusal  # noqa: PLC0415

            # Suites say which requests are harmful, and the scorer need not guess it from their
            # words.
            known = {prompt.id: prompt.kind == "harmful" for prompt in prompts}
            found.append(FactorsAndRefusal(FACTORS, known=known))
        return found

    def validation(self) -> Validation:
        """What its own run found of the reward model."""
        path = self.reward_model and self.reward_model.parent / VALIDATION.name
        note = DetectorNote(note=DETECTOR_NOTE)
        if not path or not path.is_file():
            return Validation(refusal_detector=note)
        # Read for its faults alone: a damaged validation must not be shown as the scorer's worth.
        read_validation(path)
        accepted = tuple(sorted(self.config.score.accept_failed_probes))
        return Validation(reward_model=read_json(path), accepted=accepted, refusal_detector=note)


def judges_of(words: Sequence[str], config: RunConfig) -> Judges:
    """Raises ConfigError for words that name no scorer of a measurement."""
    folders, faults = [], []
    files = list(config.eval.judges)
    for word in words:
        kind, _, path = word.partition("=")
        place = Path(path).expanduser()
        if word == "default":
            continue
        if kind == "judge" and path:
            files.append(str(place))
            continue
        if kind not in ("run", "reward_model") or not path:
            faults.append(f"--scorer {word}: {WANTED}")
            continue
        folder = place / REWARD_MODEL.stage / REWARD_MODEL.name if kind == "run" else place
        missing = []
        for name in REWARD_MODEL_FILES:
            if not (folder / name).is_file():
                missing.append(name)
        if missing:
            faults.append(f"--scorer {word}: {folder} holds no {', '.join(missing)}; {WANTED}")
        else:
            faults += _audit_faults(folder, config)
        folders.append(folder)
    if len(folders) > 1:
        faults.append(
            f"--scorer names {len(folders)} reward models, wanted one at most: harmfulness is one "
            "figure; leave the others out"
        )
    if not folders and not config.eval.factors:
        faults.append(
            "eval.factors=false leaves no scorer of harm; name a reward model with --scorer "
            "run=RUN, or leave it out"
        )
    try:
        judge_files(files, "--scorer judge" if len(files) > len(config.eval.judges) else SETTING)
    except PrimumError as error:
        faults += error.faults
    if faults:
        raise ConfigError(faults)
    return Judges(config, folders[0] if folders else None, config.eval.factors, tuple(files))


def _audit_faults(folder: Path, config: RunConfig) -> list[str]:
    """What its own run found of a reward model that the config does not accept."""
    found = folder.parent / VALIDATION.name
    if not found.is_file():
        return []
    try:
        require_passed(audit_in(found), config.score.accept_failed_probes, str(folder))
    except PrimumError as error:
        return error.faults
    return []
