"""The scorers that a command may name, each by one line of SCORERS.

A word is NAME, or NAME=PATH where the scorer is read from a folder or a file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

import torch

from records.contracts import Scaled, Scorer
from records.errors import ConfigError, ModelError, PrimumError
from records.harm_scale import CHANCE
from records.rows import Completion, Score, read_records
from reward.factors.dropout import dropout_model
from reward.factors.one_pass import FactorsAndRefusal, fitted_on
from reward.judges.factory import scorer_from
from reward.judges.settings_file import read_settings
from reward.model.harmfulness_model import CALIBRATION, HarmfulnessScorer
from reward.model.network import HEAD
from reward.scorers import RefusalRule, score_id

RULE = "rule"


@dataclass(frozen=True)
class Surroundings:
    """What a scorer is loaded into: device and float type are those that it is used with."""

    device: torch.device
    dtype: torch.dtype
    reward_model: Path
    """The run's own, which may not be there yet."""
    run: str
    """The run as a message names it."""
    replies: Path
    """Folder of the replies of judges whose settings name none."""
    known: Mapping[str, bool] = field(default_factory=dict)
    """By prompt id, whether the request is harmful, where that is known as in an evaluation."""


class RuleAsHarm:
    """The refusal rule, held to be a scorer of harm too: what it does not call refused, in full or
    in part, it calls harmful.

    A partial refusal of a harmful request is no refusal elsewhere (docs/refusal_detector.md). It is
    harmless here, where the rule is what other scorers are compared with.
    """

    scale = CHANCE

    def __init__(self, name: str = RULE) -> None:
        self.name = name

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """One score a completion: a refusal is harmless."""
        made: list[Score] = []
        for row, score in zip(completions, RefusalRule().score(completions), strict=True):
            made.append(
                replace(
                    score,
                    id=score_id(row, self.name),
                    scorer=self.name,
                    value=float(score.label == "none"),
                )
            )
        return made


class HarmAndRule:
    """What a run decides by: harm from its own reward model, the refusal from the rule, in one
    score.
    """

    def __init__(self, harm: Scorer) -> None:
        self.name, self.harm = harm.name, harm
        if isinstance(harm, Scaled):
            self.scale = harm.scale

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """One score a completion."""
        refusals = RefusalRule().score(completions)
        kept: list[Score] = []
        for score, rule in zip(self.harm.score(completions), refusals, strict=True):
            kept.append(replace(score, label=rule.label))
        return kept


def _reward_model(name: str, folder: Path, around: Surroundings) -> HarmfulnessScorer:
    scorer = HarmfulnessScorer.load(folder, around.dtype, name=name)
    scorer.model.to(around.device)
    return scorer


class FileScorer:
    """Scores that were made elsewhere, by the ids of the completions.

    A file may hold several scores of a completion, by scorers of different names: factors come so.
    """

    def __init__(self, name: str, path: Path) -> None:
        # Read at once: a damaged file is a fault before any other scorer is loaded.
        self.name, self.path, self.scores = name, path, read_records(path, Score)

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """The scores of the file, by the completion's id."""
        wanted = {row.id for row in completions}
        found = []
        for score in self.scores:
            if score.completion_id in wanted:
                found.append(score)
        # Unscored and not left out: a completion that vanishes would look as if nobody had asked.
        missing = wanted - {score.completion_id for score in found}
        reason = f"no score in {self.path.name}"
        return found + [
            Score(id=f"{row}/{self.name}", completion_id=row, scorer=self.name, reason=reason)
            for row in sorted(missing)
        ]


@dataclass(frozen=True)
class ScorerKind:
    make: Callable[[str, Path, Surroundings], Scorer]
    """From its name, its path (the current folder where it takes none) and what it is loaded
    into."""
    takes: str = ""
    """FOLDER or FILE where a path follows the name."""
    holds: tuple[str, ...] = ()
    """Files that the folder must hold."""
    faults: Callable[[Path, Surroundings], list[str]] = lambda path, around: []
    """What else would fail, before anything is loaded."""
    trained_on: Callable[[], tuple[str, ...]] = tuple
    """Sets of labels that it was fitted on, or written while looking at, by the names that
    judge-report gives them."""


def _no_reward_model(path: Path, around: Surroundings) -> list[str]:
    if (around.reward_model / CALIBRATION).is_file():
        return []
    return [
        f"--scorer run: {around.run} has no reward model yet ({around.reward_model}); run `primum "
        "reward` with this config, or name one with reward_model=FOLDER"
    ]


def _asked(name: str, path: Path, around: Surroundings) -> Scorer:
    """Under the name that its settings give it: its replies are kept under that name too."""
    return scorer_from(read_settings(path), around.replies)


def _settings_faults(path: Path, around: Surroundings) -> list[str]:
    try:
        read_settings(path)
    except ConfigError as error:
        return error.faults
    return []


REWARD_MODEL_FILES = (CALIBRATION, HEAD, "config.json")
SCORERS: dict[str, ScorerKind] = {
    # The rule was written while looking at XSTest's rows (docs/refusal_detector.md).
    RULE: ScorerKind(lambda name, path, around: RuleAsHarm(name), trained_on=lambda: ("xstest",)),
    "default": ScorerKind(
        lambda name, path, around: FactorsAndRefusal(name, known=around.known), trained_on=fitted_on
    ),
    # Not told which requests are harmful: the request head guesses every one.
    "guessing": ScorerKind(
        lambda name, path, around: FactorsAndRefusal(name), trained_on=fitted_on
    ),
    "dropout": ScorerKind(
        lambda name, path, around: FactorsAndRefusal(name, dropout_model, around.known),
        trained_on=fitted_on,
    ),
    "run": ScorerKind(
        lambda name, path, around: HarmAndRule(_reward_model(name, around.reward_model, around)),
        faults=_no_reward_model,
    ),
    "reward_model": ScorerKind(_reward_model, takes="FOLDER", holds=REWARD_MODEL_FILES),
    "judge": ScorerKind(_asked, takes="FILE", faults=_settings_faults),
    "file": ScorerKind(lambda name, path, around: FileScorer(name, path), takes="FILE"),
}


@dataclass(frozen=True)
class NamedScorer:
    """A word of the command line, understood: nothing is loaded yet."""

    name: str
    kind: ScorerKind
    path: Path

    def load(self, around: Surroundings) -> Scorer:
        """The scorer, ready to be asked."""
        return self.kind.make(self.name, self.path, around)


def named_scorers(
    words: Sequence[str], around: Surroundings, *, option: str = "--scorer"
) -> list[NamedScorer]:
    """The scorers that the words name; one of a kind has the kind's name, of several each adds its
    path's. Raises ModelError with every fault of every word."""
    # A word that is given twice counts once.
    given = [word.partition("=") for word in dict.fromkeys(words)]
    kinds = Counter(kind for kind, _, _ in given)
    found, faults = [], []
    for kind, _, path in given:
        wrong = _faults(kind, path, around, option)
        faults += wrong
        # The next word is looked at all the same: all faults are told together.
        if not wrong:
            place = Path(path).expanduser()
            # The path's part only where two of a kind must be told apart: names stand over columns
            # of a report.
            name = kind if kinds[kind] == 1 else f"{kind}_{_last(place)}"
            found.append(NamedScorer(name, SCORERS[kind], place))
    twice = [name for name, count in Counter(scorer.name for scorer in found).items() if count > 1]
    faults += [
        f"{option}: two scorers would be called {name}; rename one of their folders or files"
        for name in twice
    ]
    if faults:
        raise ModelError(faults)
    return found


def _last(path: Path) -> str:
    """The last part of a path that tells one reward model from another: RUN of
    RUN/reward/reward_model.
    """
    parts = []
    for part in path.parts:
        # What every run's path ends with tells no two apart.
        if part not in ("reward", "reward_model", "/"):
            parts.append(part)
    return (parts[-1] if parts else path.name).split(".")[0]


def _faults(kind: str, path: str, around: Surroundings, option: str) -> list[str]:
    if kind not in SCORERS:
        close = get_close_matches(kind, SCORERS, n=1)
        meant = f" (did you mean {close[0]}?)" if close else ""
        known = ", ".join(
            f"{name}={entry.takes}" if entry.takes else name for name, entry in SCORERS.items()
        )
        return [f"{option} {kind}: no scorer is called {kind!r}{meant}; wanted {known}"]
    entry, place = SCORERS[kind], Path(path).expanduser()
    if bool(path) != bool(entry.takes):
        wanted = f"{kind}={entry.takes}" if entry.takes else f"{kind} alone, it takes no path"
        return [f"{option} {kind}{f'={path}' if path else ''}: wanted {wanted}"]
    if entry.takes == "FILE" and not place.is_file():
        return [f"{option} {kind}={path}: no such file; give the path of the file"]
    if entry.takes == "FOLDER" and not place.is_dir():
        return [f"{option} {kind}={path}: no such folder; give the path of the folder"]
    missing = []
    for name in entry.holds:
        if not (place / name).is_file():
            missing.append(name)
    if missing:
        return [
            f"{option} {kind}={path}: holds no {', '.join(missing)}; wanted the folder that a "
            "stage has left, as RUN/reward/reward_model"
        ]
    return entry.faults(place, around)


def load_all(scorers: Sequence[NamedScorer], around: Surroundings) -> list[Scorer]:
    """Every scorer, loaded. Raises ModelError with the faults of all that cannot be."""
    loaded, faults = [], []
    for scorer in scorers:
        try:
            loaded.append(scorer.load(around))
        except PrimumError as error:
            faults += error.faults
    # Once more after loading: a judge's name stands in its settings, which nobody had read before.
    twice = []
    for name, count in Counter(scorer.name for scorer in loaded).items():
        if count > 1:
            twice.append(name)
    for name in twice:
        faults.append(f"two scorers are called {name}; give the judge another name in its settings")
    if faults:
        raise ModelError(faults)
    return loaded
