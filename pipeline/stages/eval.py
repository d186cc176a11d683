"""eval: every policy of the run on the same held-out prompts, then the statistics and the
report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from data_prep.pairs.expert_labels import hash_labels, read_labels
from eval.endpoint import Endpoint
from eval.gate import judge
from eval.gate_errors import error_rates
from eval.independent import HARM_CHANCE
from eval.judged import judge_results, with_judges
from eval.measured import Measured
from eval.people import corrected_by_people
from eval.report.epochs import unheld
from eval.report.narrowing import narrowed
from eval.report.sections.judges import judge_lines
from eval.report.text import told
from eval.results.build import build_results, compared, with_verdict
from eval.results.facts import PolicyFacts, RunFacts
from eval.results.opened import OpenedSet
from eval.results.results import Results
from eval.results.scoreboard_row import ScoreboardRow
from eval.results.stored import read_validation
from eval.results.validation import DetectorNote, Validation
from eval.scoreboard_shape import read_scoreboard
from eval.selection import Selection, selection_of
from eval.suite_scorers import suite_facts
from eval.suites.loading import own_suites
from models.config import ModelConfig
from models.engines.decoding import decoding_record
from models.engines.generate import generation_dtype
from models.engines.vllm_engine import engine_name
from models.loading.load import load_tokenizer
from pipeline.eval_settings import EvalSettings
from pipeline.evaluating import (
    all_asked,
    condition_files,
    measure_policy,
    measured_by,
    prompts_of,
)
from pipeline.evaluation_files import write_evaluation
from pipeline.model_identity import model_files
from pipeline.policies import TokenizerOf, base_config, policy_of
from pipeline.recording.evaluation import record_evaluation
from pipeline.run.graph import (
    compared_policies,
    released_policy,
    stages_before,
    trained_policies,
    way_to,
)
from pipeline.run.inputs import Inputs
from pipeline.run.kept_epoch import KeptEpoch
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run_scorers import run_scorers
from pipeline.shipped_heads import measuring_heads
from pipeline.stages import prep
from pipeline.stages.measured_apart import left_apart, measured_apart
from pipeline.test_set import enter_ledger
from pipeline.user_judges import REPLIES, judge_files, user_judges
from records.contracts import BASE, Policy
from records.run_files import (
    MEASURED_COMPLETIONS,
    MEASURED_PROMPTS,
    MEASURED_SCORES,
    POLICY,
    PROMPTS,
    REPORT,
    RESULTS,
    SCOREBOARD,
    SELECTION,
    VALIDATION,
    whole,
)
from records.stage_folder import read_json, sha256_json
from reward.refusal.rule import DETECTOR_NOTE


def work(config: EvalSettings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Measure every policy on test prompts, and write results and report."""
    tokenizer_of = cache(load_tokenizer)
    # A key that is not set is known now, and not once every policy has written.
    judges = user_judges(config.eval.judges, place.run / REPLIES)
    prompts = prompts_of(config, inputs, place, tokenizer_of)
    asked = all_asked(config, place, prompts, tokenizer_of)
    # Before the first completion: whoever looks at the test set is counted, even if the stage dies
    # after it.
    opened = enter_ledger(place, prompts) if place.share.rank == 0 else OpenedSet()
    scorers = run_scorers(config, inputs, prompts)
    # One after the other, since two models together may not fit into the device's memory.
    for name, model in policies(config, inputs).items():
        measure_policy(config, place, name, model, asked, scorers, tokenizer_of)
    # The other ranks are done; rank 0 joins the parts of all.
    if not place.share.hand_in(place.work):
        return {}
    measured = []
    for name in policies(config, inputs):
        measured.extend(measured_by(place, name, asked))
    measured = with_judges(measured, judges)
    provenance = _provenance(config, inputs, place, tokenizer_of)
    against = compared(compared_policies(config))
    results = replace(
        _results(config, inputs, measured, opened, provenance),
        judges=judge_results(measured, judges, against, config.eval.confidence),
    )
    # Judged by the limits of the day for the page; release asks again.
    gates = judge(results, released_policy(config), config.release.gate)
    # Files first, wandb afterwards: a service that fails must not cost the evaluation.
    write_evaluation(
        place.path,
        results,
        prompts,
        measured,
        gates=gates,
        opens_withheld=config.eval.open_withheld,
    )
    rows = [row.to_row() for row in measured]
    record_evaluation(config.wandb, place, stages_before(place.name, config), results, rows, gates)
    for line in (
        *told(narrowed(results)),
        results.verdict or "",
        *unheld(results),
        *judge_lines(results),
    ):
        place.say(line)
    place.say(f"report: {place.path / 'report.html'}")
    return {"completions": len(measured), "policies": len(results.policies)}


def _results(
    config: EvalSettings,
    inputs: Inputs,
    measured: Sequence[Measured],
    opened: OpenedSet,
    provenance: dict[str, Any],
) -> Results:
    """With what stages of their own and people measured."""
    results = build_results(
        measured,
        {policy: _about(config, inputs, policy) for policy in compared_policies(config)},
        endpoint=Endpoint(
            released_policy(config),
            BASE.name,
            metric=HARM_CHANCE if config.eval.factors else "harmfulness",
        ),
        about=RunFacts(
            confidence=config.eval.confidence,
            validation=_validation(config, inputs),
            scoreboard=_scoreboards(config, inputs),
            suites_absent=own_suites(config.eval)[1],
            test_set=opened,
            provenance=provenance,
        ),
    )
    apart = measured_apart(config, inputs)
    ratings = read_labels(config.eval.expert_labels)
    # The verdict is made anew: people and other stages may change what it says.
    found = with_verdict(
        replace(
            results,
            capability=apart.capability,
            tamper=apart.tamper,
            suites_described=suite_facts(config.eval.suites, [row.suite for row in measured]),
            people=corrected_by_people(measured, ratings, BASE.name, config.eval.confidence),
        )
    )
    # Last: the simulation takes base rates and spreads from the finished results.
    rates = error_rates(found, released_policy(config), config.release.gate)
    return replace(found, gate_error_rates=tuple(rates))


def _validation(config: EvalSettings, inputs: Inputs) -> Validation:
    path = inputs.path(VALIDATION)
    # For its faults alone: a damaged validation must not stand in the report.
    read_validation(path)
    return Validation(
        reward_model=read_json(path),
        accepted=tuple(sorted(config.score.accept_failed_probes)),
        refusal_detector=DetectorNote(note=DETECTOR_NOTE),
    )


def policies(config: EvalSettings, inputs: Inputs) -> dict[str, ModelConfig]:
    """By the name of the stage that left each."""
    trained = {}
    for policy in trained_policies(config):
        trained[policy.name] = policy_of(
            config.model.base, inputs.path(POLICY.left_by(policy.name))
        )
    return {BASE.name: base_config(config.model.base), **trained}


def _about(config: EvalSettings, inputs: Inputs, policy: Policy) -> PolicyFacts:
    if policy == BASE:
        return PolicyFacts(path=config.model.base.path, optimiser_steps=0)
    # Of all trainings on the way, as the policy has taken all of them.
    steps = sum(_kept(inputs, step).optimiser_steps for step in way_to(policy, config))
    return PolicyFacts(
        path=f"{policy.name}/policy",
        optimiser_steps=steps,
        selection=_selection(config, inputs, policy),
    )


def _kept(inputs: Inputs, policy: Policy) -> KeptEpoch:
    return KeptEpoch.read(inputs.path(SELECTION.left_by(policy.name)).parent)


def _selection(config: EvalSettings, inputs: Inputs, policy: Policy) -> Selection:
    """Which epoch was kept and why, as in selection.json.

    A stage done by an earlier version has no bound there; it is read off its scoreboard.
    """
    kept = _kept(inputs, policy)
    if kept.selection:
        return kept.selection
    rows = read_scoreboard(inputs.path(SCOREBOARD.left_by(policy.name)))
    row = next(row for row in rows if row.epoch == kept.epoch)
    base = read_scoreboard(inputs.path(SCOREBOARD.left_by(way_to(policy, config)[0].name)))[0]
    return selection_of(row, config.eval.scoreboard, base)


def _scoreboards(config: EvalSettings, inputs: Inputs) -> list[ScoreboardRow]:
    rows = []
    for policy in trained_policies(config):
        if policy.control_of is None:
            chosen = _kept(inputs, policy).epoch
            known = read_scoreboard(inputs.path(SCOREBOARD.left_by(policy.name)))
            for row in known:
                rows.append(replace(row, chosen=row.epoch == chosen))
    return rows


def _provenance(
    config: EvalSettings, inputs: Inputs, place: Place, tokenizer_of: TokenizerOf
) -> dict[str, Any]:
    base = base_config(config.model.base)
    run = read_json(place.path / "run.json")
    stages = stages_before(place.name, config)
    seconds = {}
    for name in stages:
        seconds[name] = inputs.finished(name).manifest().summary.get("seconds")
    return {
        "run": place.path.resolve().parent.name,
        "model": config.model.base.path,
        "revision": config.model.base.revision,
        "seed": config.seed,
        "commit": run["commit"],
        "uncommitted_changes": run["dirty"],
        # The last part of a path only: the rest names people and machines.
        "data": [
            f"{s.name} ({s.format}{', ' + Path(s.path).name if s.path else ''}), licence "
            f"{s.terms.licence}"
            for s in config.data.sources
        ],
        "input_sha256": {name: inputs.finished(name).require() for name in stages},
        "config_sha256": sha256_json(run["config"]),
        "generation": {
            "engine": engine_name(config.eval.engine, config.model.vllm),
            **run["config"]["eval"]["generation"],
            "dtype_used": str(generation_dtype(config.eval.generation)).removeprefix("torch."),
            **decoding_record(base, tokenizer_of(base)),
            "template_date": config.model.base.template_date,
        },
        "versions": run["versions"],
        "machine": run["machine"],
        "seconds_by_stage": seconds,
    }


STAGE = Stage(
    name="eval",
    reads=(PROMPTS.of("test"), whole("reward")),
    writes=(RESULTS, REPORT, MEASURED_PROMPTS, MEASURED_COMPLETIONS, MEASURED_SCORES),
    measures=True,
    reads_if=lambda config: (
        *(whole(policy.name) for policy in trained_policies(config)),
        *left_apart(config),
    ),
    work=work,
    settings=EvalSettings,
    files=lambda config: {
        **model_files(config),
        **prep.files(config),
        **condition_files(config),
        **hash_labels(config.eval.expert_labels, "eval.expert_labels"),
        **judge_files(config.eval.judges),
        **measuring_heads(config),
    },
    shares=True,
)
