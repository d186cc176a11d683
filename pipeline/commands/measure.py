"""`primum measure`: harm, over-refusal and relevance of any model, server or file of completions,
without a run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_prep.pairs.expert_labels import read_labels
from eval.completing import as_asked_plainly
from eval.config import GateConfig
from eval.endpoint import HARMFUL_SUITE, MEASUREMENT, Endpoint
from eval.gate import judge
from eval.gate_result import SHOWN, GateResult
from eval.independent import HARM_CHANCE
from eval.judged import judge_results, with_judges
from eval.measure import Measured, joined
from eval.people import corrected_by_people
from eval.report.narrowing import narrowed
from eval.report.sections.judges import judge_lines
from eval.report.text import told
from eval.results.build import build_results, compared, with_verdict
from eval.results.facts import RunFacts
from eval.results.results import Results
from eval.scoring import evaluation_scores
from eval.suite_scorers import scorers_of, suite_facts, suite_scores
from models.config import ModelConfig
from pipeline.evaluation_files import write_evaluation
from pipeline.measuring.asking import Asked, ask, from_file, model_of, require_subjects
from pipeline.measuring.capability import capability_of
from pipeline.measuring.further import Further, wrapped_prompts
from pipeline.measuring.prompt_rows import same_kind_fault
from pipeline.measuring.prompts import described_suites, learned_texts, suites_of
from pipeline.measuring.provenance import provenance
from pipeline.measuring.request import Filed, Request, Subjects
from pipeline.measuring.scorers import Judges, judges_of
from pipeline.measuring.subjects import Subject, plain_name
from pipeline.measuring.tamper import require_weights, tamper_of
from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from pipeline.run.console import say
from pipeline.run.runner import settle
from pipeline.user_judges import REPLIES, user_judges
from records.contracts import BASE, Policy
from records.errors import ArtifactError, ConfigError, GateError, RecordError
from records.own_files import read_own, sealed
from records.rows import SuitePrompt, text_of
from records.stage_folder import sha256_json, write_json

Json = dict[str, Any]
REQUEST = "request.json"


def measure(request: Request, config: RunConfig | None = None) -> Results:
    """Write the evaluation into the output folder, say its table, and return the results.

    Raises GateError (exit code 3) where `gate` is asked for and a policy does not pass.
    """
    config = config or load_config(None, request.settings)
    settle(config)
    subjects = Subjects.of(request.models, request.kind)
    if request.gate and len(subjects.order) < 2:
        raise ConfigError(
            "--gate holds a model against a baseline, got one model alone; name the baseline first "
            "and the model with --against"
        )
    judges = judges_of(request.scorers, config)
    prompts = _prompts(request, subjects)
    # All models are looked at before the first one writes for hours.
    require_subjects(subjects.asked, config, request.api_key_env)
    require_weights(subjects.order, config)
    folder = request.output or _folder(request)
    named = user_judges(judges.files, folder / REPLIES)
    # Only once everything is known to be sound: a folder that is begun takes no other request.
    _begin(folder, request)
    asked = []
    for subject in subjects.order:
        asked.append(_asked(subject, prompts, config, folder, request.api_key_env))
    suites = described_suites(request.suites)
    wrapped = wrapped_prompts(prompts, subjects.asked, config)
    further = Further(prompts, wrapped, suites, config, folder, request.api_key_env)
    measured = _scored(list(zip(subjects.order, asked, strict=True)), prompts, judges, further)
    measured = with_judges(measured, named)
    results = _results(asked, measured, config, judges)
    results = with_verdict(
        replace(
            results,
            suites_described=suite_facts(suites, [prompt.suite for prompt in prompts]),
            capability=capability_of(models_of(subjects.order, config), config, _learned(subjects)),
            tamper=tamper_of(subjects.order, prompts, judges, config, folder),
            judges=judge_results(
                measured, named, compared(_policies(asked)), config.eval.confidence
            ),
        )
    )
    write_evaluation(folder, results, prompts, measured, opens_withheld=config.eval.open_withheld)
    for line in (
        *told(narrowed(results)),
        results.verdict or "",
        *judge_lines(results),
    ):
        say("measure", line)
    say("measure", f"report: {folder / 'report.html'}")
    if request.gate:
        _gate(results, config.release.gate)
    return results


def models_of(order: Sequence[Subject | Filed], config: RunConfig) -> dict[str, ModelConfig]:
    """The subjects that have weights here: a server and a file of completions have none."""
    own = []
    for one in order:
        if isinstance(one, Subject) and one.kind == "model":
            own.append(one)
    return {subject.name: model_of(subject, config) for subject in own}


def _prompts(request: Request, subjects: Subjects) -> list[SuitePrompt]:
    """The same for all: those of the suites, or where completions are there already those that they
    answer.
    """
    if not subjects.files:
        suites = suites_of(request.suites, request.limit, request.kind)
        prompts = []
        for rows in suites.values():
            prompts.extend(rows)
        return _never_learned(prompts, subjects)
    first = subjects.files[0].rows
    # Only prompts that all files answer: a paired comparison needs both sides.
    common = []
    for key in first:
        if all(key in other.rows for other in subjects.files):
            common.append(key)
    wanted = []
    for key in common:
        if not request.suites or key[0] in request.suites:
            wanted.append(key)
    if not wanted:
        told = ", ".join(f"{other.title} {len(other.rows)}" for other in subjects.files)
        raise RecordError(
            f"no prompt is left to measure on ({told} completions in files); name suites that all "
            "of them hold"
        )
    if left := max(len(other.rows) for other in subjects.files) - len(wanted):
        say(
            "measure",
            f"{left} prompts are left out: they are not in every file, or of another suite",
        )
    chosen = [first[key].prompt for key in wanted]
    same_kind_fault(chosen)
    return _never_learned(chosen, subjects)


def _never_learned(prompts: list[SuitePrompt], subjects: Subjects) -> list[SuitePrompt]:
    """Without prompts that a run trained one of the models on, which would flatter it."""
    learned = _learned(subjects)
    kept = []
    # By text: a run's ids are its own.
    for prompt in prompts:
        if text_of(prompt.prompt) not in learned:
            kept.append(prompt)
    if not kept:
        raise RecordError(
            "every prompt was trained on by one of these models; name a suite that none of them "
            "has seen"
        )
    if len(kept) < len(prompts):
        say(
            "measure",
            f"{len(prompts) - len(kept)} prompts are left out: a run trained one of these models "
            "on them",
        )
    return kept


def _learned(subjects: Subjects) -> set[str]:
    """Texts of the prompts that runs trained these models on."""
    learned: set[str] = set()
    for subject in subjects.order:
        if isinstance(subject, Subject) and subject.kind == "model":
            learned |= learned_texts(Path(subject.where))
    return learned


def _folder(request: Request) -> Path:
    names = [plain_name(Path(word).name)[:24] for word in request.models]
    # The same request finds its folder again, and another one gets another.
    mark = hashlib.sha256(sha256_json(request.to_json()).encode()).hexdigest()[:6]
    return Path("runs") / "measure" / f"{'-'.join(names[:3])}-{mark}"


def _begin(folder: Path, request: Request) -> None:
    """A new folder, or one that the same request was cut off in."""
    path = folder / REQUEST
    if path.is_file():
        # A killed measurement goes on; completions of another request would be mixed with these.
        if read_own(path, dict) == request.to_json():
            return
        raise ArtifactError(f"{folder}: holds another measurement; name a new folder with --output")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArtifactError(f"{folder}: is there already; name a new folder with --output")
    write_json(path, sealed(request.to_json()))


def _asked(
    subject: Subject | Filed,
    prompts: list[SuitePrompt],
    config: RunConfig,
    folder: Path,
    api_key_env: str,
) -> Asked:
    if isinstance(subject, Subject):
        return ask(subject, prompts, config, folder, api_key_env=api_key_env)
    return from_file(subject.name, subject.title, subject.rows, prompts, subject.path)


def _scored(
    asked: Sequence[tuple[Subject | Filed, Asked]],
    prompts: list[SuitePrompt],
    judges: Judges,
    further: Further,
) -> list[Measured]:
    """Every completion with its scores; a file holds no completions under conditions and no
    log-probabilities.
    """
    scorers, own = judges.load(prompts), scorers_of(further.suites, prompts)
    measured: list[Measured] = []
    for subject, policy in asked:
        more, dual = (
            further.of(subject, policy.completions) if isinstance(subject, Subject) else ([], [])
        )
        made = [*policy.completions, *more]
        # Conditions change what is asked, not what is judged: scorers see the request as it stands.
        found = [
            *evaluation_scores(scorers, prompts, as_asked_plainly(made, prompts)),
            *suite_scores(made, own),
            *dual,
        ]
        measured += joined(
            [*prompts, *(one.prompt for one in further.wrapped[: len(more)])], made, found
        )
        say("measure", f"{policy.title}: {len(made)} completions scored")
    return measured


def _policies(asked: Sequence[Asked]) -> list[Policy]:
    return [Policy(policy.name, policy.title) for policy in asked]


def _results(
    asked: Sequence[Asked], measured: list[Measured], config: RunConfig, judges: Judges
) -> Results:
    policies = dict(zip(_policies(asked), (policy.about for policy in asked), strict=True))
    suites = list(dict.fromkeys(row.suite for row in measured if row.kind == "harmful"))
    # Named from what was asked and not from what was found, as a run names it beforehand.
    endpoint = Endpoint(
        policy=asked[-1].name,
        baseline=BASE.name,
        # The suite that other measurements report, where it was measured.
        suite=HARMFUL_SUITE if HARMFUL_SUITE in suites or not suites else suites[0],
        metric=HARM_CHANCE,
    )
    results = build_results(
        measured,
        policies,
        endpoint=endpoint,
        about=RunFacts(
            kind=MEASUREMENT,
            confidence=config.eval.confidence,
            validation=judges.validation(),
            provenance=provenance(config, asked),
        ),
    )
    ratings = read_labels(config.eval.expert_labels)
    people = corrected_by_people(measured, ratings, BASE.name, config.eval.confidence)
    return replace(results, people=people)


def _gate(results: Results, limits: GateConfig) -> None:
    """Every policy besides the baseline must pass every line."""
    failed = []
    for name in results.policies:
        if name == results.baseline:
            continue
        lines: list[GateResult] = judge(results, name, limits)
        for line in lines:
            say("gate", f"{SHOWN[line.outcome]}  {name}: {line.name}: {line.detail}")
        for line in lines:
            if not line.passed:
                failed.append(f"gate not met by {name}: {line.name}: {line.detail}")
    if failed:
        raise GateError(failed)
