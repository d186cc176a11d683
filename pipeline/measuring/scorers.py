"""Who judges a measurement: the scorers that ship with Primum, and a reward model where one is
named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from eval.results.stored import read_validation
from eval.results.validation import DetectorNote, Validation
from pipeline.harm_model import audit_of, loaded
from pipeline.run.config import RunConfig
from pipeline.user_judges import SETTING, judge_files
from records.contracts import Scorer
from records.errors import ConfigError, PrimumError
from records.rows import Prompt
from records.run_files import REWARD_MODEL, VALIDATION
from records.stage_folder import read_json
from reward.model.audit import Audit, require_passed
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
            found.append(self.harm_model)
        found.append(RefusalRule())
        if self.factors:
            # Its libraries take a second.
            from reward.factors.one_pass import FactorsAndRefusal  # noqa: PLC0415

            # Suites say which requests are harmful, and the scorer need not guess it from their
            # words.
            known = {prompt.id: prompt.kind == "harmful" for prompt in prompts}
            found.append(FactorsAndRefusal(FACTORS, known=known))
        return found

    @cached_property
    def harm_model(self) -> HarmfulnessScorer:
        """The reward model, where one is named."""
        assert self.reward_model is not None, "asked for where one is named"
        return loaded(self.reward_model, self.config, self.config.eval.generation)

    @cached_property
    def audit(self) -> Audit:
        """That of the reward model; it is asked here where its own run left no record of it."""
        assert self.reward_model is not None, "asked for where one is named"
        return audit_of(self.reward_model, lambda: self.harm_model)

    def validation(self) -> Validation:
        """What is known of the reward model."""
        note = DetectorNote(note=DETECTOR_NOTE)
        if not self.reward_model:
            return Validation(refusal_detector=note)
        path, recorded = self.reward_model.parent / VALIDATION.name, dict[str, Any]()
        if path.is_file():
            # Read for its faults alone: a damaged validation must not be shown as the scorer's
            # worth.
            read_validation(path)
            recorded = read_json(path)
        accepted = tuple(sorted(self.config.score.accept_failed_probes))
        known = {"audit": self.audit.to_json(), **recorded}
        return Validation(reward_model=known, accepted=accepted, refusal_detector=note)


def judges_of(words: Sequence[str], config: RunConfig) -> Judges:
    """Raises ConfigError for words that name no scorer of a measurement, and RecordError for a
    reward model that failed a probe of its audit that the config does not accept.
    """
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
    found = Judges(config, folders[0] if folders else None, config.eval.factors, tuple(files))
    if found.reward_model:
        accepted = config.score.accept_failed_probes
        require_passed(found.audit, accepted, str(found.reward_model))
    return found
