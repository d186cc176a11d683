"""`primum judge-report`: every scorer against people, on sets of completions that people
labelled.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.judge_report.comparing import Comparison, compare, joined
from eval.judge_report.foreign import out_of_domain
from eval.judge_report.metrics import Metrics
from eval.judge_report.people import PEOPLE
from eval.judge_report.probes import probed
from eval.judge_report.readings import Reading, reading_of
from eval.judge_report.tfidf import SEEN, tfidf_metrics
from eval.label_sets.items import LabelSet
from eval.label_sets.reading import read_label_sets
from models.engines.generate import generation_dtype
from pipeline.judge_report_files import Request, about_of, summary_lines, write_report
from pipeline.policies import device
from pipeline.run.config import RunConfig
from pipeline.run.console import say
from records.contracts import Scorer
from records.errors import ArtifactError, PrimumError
from records.rows import Completion, Score, assistant, user
from records.stage_folder import write_records
from reward.named_scorers import (
    RULE,
    FileScorer,
    NamedScorer,
    RuleAsHarm,
    Surroundings,
    load_all,
    named_scorers,
)

YARDSTICKS = (*SEEN, PEOPLE)
"""In every report, whether asked for or not; the rule is one too, and a scorer."""
SILENT = {"prompt_only": "completion", "completion_only": "prompt"}
"""By version of a scorer, the side that is replaced by words that say nothing."""


def judge_report(config: RunConfig, request: Request) -> None:
    """judge_report.json, the page and the scores in a new folder.

    Raises PrimumError with every fault before anything is loaded.
    """
    around = _surroundings(config)
    label_sets, named = _checked(request, around)
    # What sets say of their own prompts is needed before scorers load: some of them ask it.
    around = dataclasses.replace(around, known=_known(label_sets))
    for found in label_sets:
        say(
            "judges",
            f"{found.name}: {len(found.items)} labelled completions"
            + (f", {len(found.pairs)} pairs" if found.pairs else ""),
        )
    # Sets share completions, and a judge is paid for each.
    completions = _distinct(label_sets)
    scorers = load_all(named, around)
    scores = {}
    for scorer in scorers:
        scores[scorer.name] = _scored(scorer, list(completions.values()))
    if request.ablate:
        for scorer in scorers:
            # Neither can be asked about other texts or reads the prompt.
            if not isinstance(scorer, FileScorer | RuleAsHarm):
                scores |= _ablated(scorer, list(completions.values()))
    readings = {found.name: _readings(found, scores) for found in label_sets}
    comparison = _compared(label_sets, readings, request, config.seed)
    if request.audit:
        asked = []
        for scorer in scorers:
            if not isinstance(scorer, FileScorer | RuleAsHarm):
                asked.append(scorer)
        comparison = joined([comparison, *(probed(scorer, config.seed) for scorer in asked)])
    # Told on the page: a scorer that learned from a set looks good on it.
    seen = {scorer.name: list(scorer.kind.trained_on()) for scorer in named}
    about = dataclasses.replace(
        about_of(config, request, label_sets, around, scorers), trained_on=seen
    )
    write_report(request, comparison, about, scores, readings, label_sets)
    if request.save_completions:
        # Scores that are made elsewhere (file=SCORES) are joined to these by id.
        write_records(request.output / "completions.jsonl", list(completions.values()))
    for line in summary_lines(comparison, [found.name for found in label_sets]):
        say("judges", line)
    say("judges", f"report: {request.output / 'judge_report.html'}")


def _surroundings(config: RunConfig) -> Surroundings:
    return Surroundings(
        device=device(config.trainer),
        dtype=generation_dtype(config.eval.generation),
        reward_model=Path(config.run_dir) / "reward" / "reward_model",
        run=f"the run {config.run_dir}",
        replies=Path(config.run_dir) / "judges",
    )


def _checked(request: Request, around: Surroundings) -> tuple[list[LabelSet], list[NamedScorer]]:
    faults: list[str] = []
    if request.output.exists() and (not request.output.is_dir() or any(request.output.iterdir())):
        faults.append(f"--output {request.output}: is there already; name a new folder")
    named, label_sets = [], []
    # The rule is always among them, as every other is held against it.
    words = [RULE, *(word for word in request.scorers if word not in YARDSTICKS)]
    try:
        named = named_scorers(words, around)
    except PrimumError as error:
        faults += error.faults
    try:
        label_sets = read_label_sets(request.labels)
    except PrimumError as error:
        faults += error.faults
    if (
        request.in_domain
        and label_sets
        and request.in_domain not in [found.name for found in label_sets]
    ):
        faults.append(
            f"--in-domain {request.in_domain}: no such set; wanted one of "
            f"{', '.join(found.name for found in label_sets)}"
        )
    if faults:
        raise ArtifactError(faults)
    return label_sets, named


def _known(label_sets: Sequence[LabelSet]) -> dict[str, bool]:
    """By prompt id: requests that a set's makers hold to be harmful, all of them, as an
    evaluation's suites say it of theirs.
    """
    made: dict[str, bool] = {}
    for found in label_sets:
        if found.all_harmful_requests:
            for item in found.items:
                made[item.completion.prompt_id] = True
    return made


def _distinct(label_sets: Sequence[LabelSet]) -> dict[str, Completion]:
    """Each completion once, whichever sets and pairs hold it."""
    kept: dict[str, Completion] = {}
    for found in label_sets:
        for item in found.items:
            kept[item.completion.id] = item.completion
    return kept


def _scored(scorer: Scorer, completions: Sequence[Completion], version: str = "") -> list[Score]:
    started = time.monotonic()
    scores = scorer.score(completions)
    # A refusal detector gives a label and no value, which is a verdict all the same.
    unscored = len(completions) - len(
        {score.completion_id for score in scores if score.value is not None or score.label}
    )
    missing = f", {unscored} unscored" if unscored else ""
    say(
        "judges",
        f"{scorer.name}{version}: {len(completions)} completions in "
        f"{time.monotonic() - started:.0f} s{missing}",
    )
    return scores


def _ablated(scorer: Scorer, completions: Sequence[Completion]) -> dict[str, list[Score]]:
    """The scorer's scores where one side says nothing: what it takes from the other alone."""
    silent: dict[str, Any] = {"prompt": user("Hello."), "completion": assistant("Okay.")}
    found = {}
    for version, side in SILENT.items():
        rows = []
        for row in completions:
            rows.append(dataclasses.replace(row, **{side: silent[side]}))
        found[f"{scorer.name}_{version}"] = _scored(scorer, rows, f"_{version}")
    return found


def _readings(label_set: LabelSet, scores: dict[str, list[Score]]) -> list[Reading]:
    ids = [item.completion.id for item in label_set.items]
    return [reading_of(name, found, ids) for name, found in scores.items()]


def _compared(
    label_sets: Sequence[LabelSet], readings: dict[str, list[Reading]], request: Request, seed: int
) -> Comparison:
    found: list[Comparison] = []
    for label_set in label_sets:
        mine = readings[label_set.name]
        # Every scorer is held against the rule, on the very same completions.
        rule = next(reading for reading in mine if reading.scorer == RULE)
        found.append(compare(label_set, mine, rule, resamples=request.resamples, seed=seed))
    fitted = [_tfidf(label_set, request, seed) for label_set in label_sets]
    comparison = joined([*found, *fitted, *_foreign(label_sets, readings, request, seed)])
    # Yardsticks last, so that tables begin with what was asked for.
    ordered = [name for name in comparison if name not in YARDSTICKS] + [
        name for name in YARDSTICKS if name in comparison
    ]
    return {name: comparison[name] for name in ordered}


def _foreign(
    label_sets: Sequence[LabelSet], readings: dict[str, list[Reading]], request: Request, seed: int
) -> list[Comparison]:
    """Each scorer's uncertainty on the other sets beside that on the set that it knows."""
    known = next((found for found in label_sets if found.name == request.in_domain), None)
    if known is None:
        return []
    mine = {reading.scorer: reading for reading in readings[known.name]}
    found: list[Comparison] = []
    for other in label_sets:
        for reading in readings[other.name] if other is not known else []:
            inside = known, mine[reading.scorer]
            metrics = out_of_domain(
                inside, (other, reading), resamples=request.resamples, seed=seed
            )
            found.append({reading.scorer: {other.name: metrics}})
    return found


def _tfidf(label_set: LabelSet, request: Request, seed: int) -> dict[str, dict[str, Metrics]]:
    started = time.monotonic()
    found = tfidf_metrics(label_set, refits=request.refits, seed=seed)
    if found:
        say(
            "judges",
            f"TF-IDF fitted on {label_set.name}, {request.refits} times again, in "
            f"{time.monotonic() - started:.0f} s",
        )
    return {name: {label_set.name: metrics} for name, metrics in found.items()}
