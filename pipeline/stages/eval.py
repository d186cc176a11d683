"""eval: every policy of the run on the same held-out prompts, then the statistics and the
report.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_prep.pairs.expert_labels import hash_labels, read_labels
from eval.endpoint import Endpoint
from eval.gate import judge
from eval.gate_errors import error_rates
from eval.independent import HARM_CHANCE
from eval.people import corrected_by_people
from eval.report.epochs import unheld
from eval.report.narrowing import narrowed
from eval.report.verdict import verdict
from eval.results import build_results
from eval.scoreboard_shape import read_scoreboard
from eval.selection import Selection, selection_of
from eval.suite_scorers import suite_facts
from eval.suites.loading import own_suites
from models.config import ModelConfig
from models.engines.decoding import decoding_record
from models.engines.generate import generation_dtype
from models.engines.vllm_engine import engine_name
from models.loading.load import load_tokenizer
from pipeline.evaluating import all_asked, condition_files, measure_policy, measured_by, prompts_of
from pipeline.evaluation_files import write_evaluation
from pipeline.harm_model import ACCEPTS
from pipeline.policies import HARDWARE, MODEL, base_config, model_files, policy_of
from pipeline.recording.evaluation import record_evaluation
from pipeline.run.console import safety_table
from pipeline.run.graph import (
    compared_policies,
    released_policy,
    stages_before,
    trained_policies,
    way_to,
)
from pipeline.run.kept_epoch import KeptEpoch
from pipeline.run.stage import Context, Stage
from pipeline.run_scorers import run_scorers
from pipeline.stages import prep
from pipeline.stages.measured_apart import left_apart, measured_apart
from pipeline.test_set import enter_ledger
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

DETECTOR_NOTE = "rule-based; agreement with human labels is measured in docs/refusal_detector.md"


def work(context: Context) -> dict[str, Any]:
    """Measure every policy on test prompts, and write results and report."""
    config = context.config
    prompts = prompts_of(context)
    asked = all_asked(context, prompts)
    opened = enter_ledger(context, prompts) if context.share.rank == 0 else {}
    scorers = run_scorers(context, prompts)
    for name, model in policies(context).items():
        measure_policy(context, name, model, asked, scorers)
    if not context.share.hand_in(context.directory.work):
        return {}
    measured = []
    for name in policies(context):
        measured.extend(measured_by(context, name, asked))
    results = build_results(
        measured,
        {policy: _about(context, policy) for policy in compared_policies(config)},
        endpoint=Endpoint(
            released_policy(config),
            BASE.name,
            metric=HARM_CHANCE if config.eval.factors else "harmfulness",
        ),
        confidence=config.eval.confidence,
        validation={
            "reward_model": read_json(context.input(VALIDATION)),
            "accepted": sorted(config.score.accept_failed_probes),
            "refusal_detector": {"note": DETECTOR_NOTE},
        },
        scoreboard=_scoreboards(context),
        suites_absent=[suite._asdict() for suite in own_suites(config.eval)[1]],
        test_set=opened,
        provenance=_provenance(context),
    )
    results.update(measured_apart(context))
    results["suites_described"] = suite_facts(
        config.eval.suites, [prompt.suite for prompt in prompts]
    )
    results["people"] = corrected_by_people(
        measured, read_labels(config.eval.expert_labels), BASE.name, config.eval.confidence
    )
    results["verdict"] = verdict(results)
    rates = error_rates(results, released_policy(config), config.release.gate)
    results["gate_error_rates"] = [row.to_json() for row in rates]
    gates = judge(results, released_policy(config), config.release.gate)
    write_evaluation(
        context.path,
        results,
        prompts,
        measured,
        gates=gates,
        opens_withheld=config.eval.open_withheld,
    )
    rows = [row.to_row() for row in measured]
    record_evaluation(context, stages_before(context.directory.name, config), results, rows, gates)
    for line in (*safety_table(narrowed(results)), results["verdict"], *unheld(results)):
        context.say(line)
    context.say(f"report: {context.path / 'report.html'}")
    return {"completions": len(measured), "policies": len(results["policies"])}


def policies(context: Context) -> dict[str, ModelConfig]:
    """By the name of the stage that left each."""
    config = context.config
    trained = {}
    for policy in trained_policies(config):
        trained[policy.name] = policy_of(config, context.input(POLICY.left_by(policy.name)))
    return {BASE.name: base_config(config), **trained}


def _about(context: Context, policy: Policy) -> dict[str, Any]:
    if policy == BASE:
        return {"path": context.config.model.base.path, "optimiser_steps": 0}
    steps = sum(_kept(context, step).optimiser_steps for step in way_to(policy, context.config))
    about = {"path": f"{policy.name}/policy", "optimiser_steps": steps}
    return {**about, "selection": _selection(context, policy).to_json()}


def _kept(context: Context, policy: Policy) -> KeptEpoch:
    return KeptEpoch.read(context.input(SELECTION.left_by(policy.name)).parent)


def _selection(context: Context, policy: Policy) -> Selection:
    """Which epoch was kept and why, as in selection.json.

    A stage done by an earlier version has no bound there; it is read off its scoreboard.
    """
    kept = _kept(context, policy)
    if kept.selection:
        return kept.selection
    rows = read_scoreboard(context.input(SCOREBOARD.left_by(policy.name)))
    row = next(row for row in rows if row["epoch"] == kept.epoch)
    base = read_scoreboard(
        context.input(SCOREBOARD.left_by(way_to(policy, context.config)[0].name))
    )[0]
    return selection_of(row, context.config.eval.scoreboard, base)


def _scoreboards(context: Context) -> list[dict[str, Any]]:
    rows = []
    for policy in trained_policies(context.config):
        if policy.control_of is None:
            chosen = _kept(context, policy).epoch
            known = read_scoreboard(context.input(SCOREBOARD.left_by(policy.name)))
            rows += [{**row, "chosen": row["epoch"] == chosen} for row in known]
    return rows


def _provenance(context: Context) -> dict[str, Any]:
    config, base = context.config, base_config(context.config)
    run = read_json(context.path / "run.json")
    stages = stages_before(context.directory.name, config)
    seconds = {}
    for name in stages:
        seconds[name] = context.finished(name).manifest().summary.get("seconds")
    return {
        "run": context.path.resolve().parent.name,
        "model": config.model.base.path,
        "revision": config.model.base.revision,
        "seed": config.seed,
        "commit": run["commit"],
        "uncommitted_changes": run["dirty"],
        "data": [
            f"{s.name} ({s.format}{', ' + Path(s.path).name if s.path else ''}), licence "
            f"{s.terms.licence}"
            for s in config.data.sources
        ],
        "input_sha256": {name: context.finished(name).require() for name in stages},
        "config_sha256": sha256_json(run["config"]),
        "generation": {
            "engine": engine_name(config.eval.engine, config.model.vllm),
            **run["config"]["eval"]["generation"],
            "dtype_used": str(generation_dtype(config.eval.generation)).removeprefix("torch."),
            **decoding_record(base, load_tokenizer(base)),
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
    # The report quotes the sources and their licences.
    # The verdict is on the policy that is to be released, named before the numbers are seen.
    settings=(*MODEL, ACCEPTS, "eval", "control", "data.sources", "release.policy"),
    # The gate on the page names its limits, and release asks again: new limits measure nothing
    # again. The gate's error rates are told for the limits of the day; release computes them again
    # for its own.
    beside=(*HARDWARE, "model.vllm", "dpo.rounds", "release.gate", "rlhf.starts_from", "wandb"),
    work=work,
    files=lambda config: {
        **model_files(config),
        **prep.files(config),
        **condition_files(config),
        **hash_labels(config.eval.expert_labels, "eval.expert_labels"),
    },
    shares=True,
)
