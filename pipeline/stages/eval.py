"""eval: every policy of the run on the same held-out prompts, then the statistics and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_prep.lint.rows import Renders
from eval.endpoint import Endpoint
from eval.gate import judge
from eval.gate_errors import error_rates
from eval.measure import complete, completion_id
from eval.measured import Measured, joined
from eval.report.epochs import unheld
from eval.report.narrowing import narrowed
from eval.results import build_results
from eval.scoreboard_shape import read_scoreboard
from eval.selection import Selection, selection_of
from eval.suite_scorers import scorers_of, suite_scores
from eval.suites.loading import held_out_suites, own_suites
from models.config import ModelConfig
from models.engines.decoding import decoding_record
from models.engines.generate import generation_dtype
from models.engines.vllm_engine import vllm_version
from models.loading.load import load_tokenizer
from pipeline.evaluation_files import write_evaluation
from pipeline.measuring.kept_completions import kept_base
from pipeline.policies import HARDWARE, MODEL, answering, base_config, device, model_files, policy_of
from pipeline.run.console import safety_table
from pipeline.run.graph import compared_policies, policy_title, released_policy, stages_before, trained_policies, way_to
from pipeline.run.kept_epoch import KeptEpoch
from pipeline.run.stage import Context, Stage
from pipeline.run_scorers import run_scorers
from pipeline.stages import prep
from pipeline.stages.measured_apart import left_apart, measured_apart
from pipeline.test_set import enter_ledger
from records.contracts import BASE, Policy, Scorer
from records.errors import RecordError
from records.hash_beside import hash_faults, write_hash
from records.rows import Completion, Prompt, Score, read_records
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
from records.stage_folder import read_json, sha256_json, write_records
from reward.scorers import score_with

COMPLETIONS, SCORES = "completions", "scores"
DETECTOR_NOTE = "rule-based; agreement with human labels is measured in docs/refusal_detector.md"


def work(context: Context) -> dict[str, Any]:
    config = context.config
    prompts = _prompts(context)
    opened = enter_ledger(context, prompts) if context.share.rank == 0 else {}
    scorers = run_scorers(context, prompts)
    for name, model in policies(context).items():
        _measure(context, name, model, prompts, scorers)
    if not context.share.hand_in(context.directory.work):
        return {}
    measured = [row for name in policies(context) for row in _measured(context, name, prompts)]
    results = build_results(
        measured,
        {policy: _about(context, policy) for policy in compared_policies(config)},
        endpoint=Endpoint(released_policy(config), BASE.name),
        confidence=config.eval.confidence,
        validation={
            "reward_model": read_json(context.input(VALIDATION)),
            "refusal_detector": {"note": DETECTOR_NOTE},
        },
        scoreboard=_scoreboards(context),
        suites_absent=[suite._asdict() for suite in own_suites(config.eval)[1]],
        test_set=opened,
        provenance=_provenance(context),
    )
    results.update(measured_apart(context))
    rates = error_rates(results, released_policy(config), config.release.gate)
    results["gate_error_rates"] = [row.to_json() for row in rates]
    gates = judge(results, released_policy(config), config.release.gate)
    write_evaluation(context.path, results, prompts, measured, gates=gates, opens_withheld=config.eval.open_withheld)
    for line in (*safety_table(narrowed(results)), results["verdict"], *unheld(results)):
        context.say(line)
    context.say(f"report: {context.path / 'report.html'}")
    return {"completions": len(measured), "policies": len(results["policies"])}


def policies(context: Context) -> dict[str, ModelConfig]:
    """By the name of the stage that left each."""
    config = context.config
    trained = {policy.name: policy_of(config, context.input(POLICY.left_by(policy.name))) for policy in trained_policies(config)}
    return {BASE.name: base_config(config), **trained}


def _prompts(context: Context) -> list[Prompt]:
    own, absent = own_suites(context.config.eval)
    for suite in absent:
        context.say(str(suite))
    held_out = held_out_suites(context.read(PROMPTS.of("test")), "test", context.config.eval.prompts_per_suite)
    if own:
        renders = prep.rendering(context.config)
        own = {name: _rendered(context, renders, name, rows) for name, rows in own.items()}
    both = sorted(set(held_out) & set(own))
    if both:
        raise RecordError(f"eval.suites: {', '.join(both)} names a suite of the run's own test split too; rename it")
    suites = {**held_out, **own}
    if not any(rows[0].kind == "harmful" for rows in suites.values()):
        raise RecordError("nothing to evaluate: the test split holds no harmful prompt; raise data.split.test or give more data")
    context.say("measuring on " + ", ".join(f"{len(rows)} {name}" for name, rows in suites.items()))
    return [prompt for rows in suites.values() for prompt in rows]


def _rendered(context: Context, renders: Renders, name: str, prompts: list[Prompt]) -> list[Prompt]:
    """The prompts of a suite of the user's own that the run's chat template writes as they stand; prep has seen to all others."""
    faults = {prompt.id: why for prompt in prompts if (why := renders(prompt.prompt, []))}
    if len(faults) == len(prompts):
        raise RecordError(f"eval.suites {name!r}: none of its prompts can be rendered ({next(iter(faults.values()))}); leave the suite out")
    if faults:
        context.say(f"suite {name}: {len(faults)} of {len(prompts)} prompts left out: {next(iter(faults.values()))}")
    return [prompt for prompt in prompts if prompt.id not in faults]


def _measure(context: Context, name: str, model: ModelConfig, prompts: list[Prompt], scorers: list[Scorer]) -> None:
    """This rank's completions of one policy and their scores; what was finished before a kill is not made again."""
    mine = context.share.of(prompts)
    completions, scores = (_shard(context, name, what, context.share.rank) for what in (COMPLETIONS, SCORES))
    if _is_wanted(context, completions):
        generation = context.config.eval.generation
        made = _kept_of_base(context, model, mine) if name == BASE.name else []
        if not made:
            with answering(context, model, generation, context.config.eval.engine) as (policy, tokenizer):
                made = complete(policy, tokenizer, mine, generation, policy=name)
        write_records(completions, made)
        write_hash(completions)
        scores.unlink(missing_ok=True)
    if _is_wanted(context, scores):
        made = read_records(completions, Completion)
        own = scorers_of(context.config.eval.suites, prompts)
        write_records(scores, [*score_with(scorers, made), *suite_scores(made, own)])
        write_hash(scores)
    of_all = f" here, of {len(prompts)}" if len(mine) < len(prompts) else ""
    context.say(f"{policy_title(name)}: {len(mine)} completions scored{of_all}")


def _kept_of_base(context: Context, model: ModelConfig, prompts: list[Prompt]) -> list[Completion]:
    """What `primum measure` has written of the base, to all of these prompts; none where it has not."""
    if context.config.eval.engine != "transformers":
        return []
    made = kept_base(model, prompts, context.config.eval.generation, device(context.config), policy=BASE.name)
    if made:
        context.say(f"{len(made)} completions of the base are known from `primum measure` and not written again")
    return made


def _is_wanted(context: Context, shard: Path) -> bool:
    """Whether it must be made: it is not there, or it is damaged, which is said."""
    faults = hash_faults(shard)
    if faults and shard.exists():
        context.say(f"{faults[0]}; made again")
    return bool(faults)


def _measured(context: Context, name: str, prompts: list[Prompt]) -> list[Measured]:
    """What all ranks made and said of one policy, in the prompts' order."""
    ranks = range(context.share.world)
    made = {row.id: row for rank in ranks for row in read_records(_shard(context, name, COMPLETIONS, rank), Completion)}
    scores = [row for rank in ranks for row in read_records(_shard(context, name, SCORES, rank), Score)]
    return joined(prompts, [made[completion_id(prompt, name)] for prompt in prompts], scores)


def _shard(context: Context, name: str, what: str, rank: int) -> Path:
    return context.directory.work / f"{name}.{what}.{rank}-of-{context.share.world}.jsonl"


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
    base = read_scoreboard(context.input(SCOREBOARD.left_by(way_to(policy, context.config)[0].name)))[0]
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
    seconds = {name: context.finished(name).manifest().summary.get("seconds") for name in stages}
    return {
        "run": context.path.resolve().parent.name,
        "model": config.model.base.path,
        "revision": config.model.base.revision,
        "seed": config.seed,
        "commit": run["commit"],
        "uncommitted_changes": run["dirty"],
        "data": [
            f"{s.name} ({s.format}{', ' + Path(s.path).name if s.path else ''}), licence {s.terms.licence}" for s in config.data.sources
        ],
        "input_sha256": {name: context.finished(name).require() for name in stages},
        "config_sha256": sha256_json(run["config"]),
        "generation": {
            "engine": f"vllm {vllm_version(config.model.vllm)}" if config.eval.engine == "vllm" else "transformers",
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
    reads_if=lambda config: (*(whole(policy.name) for policy in trained_policies(config)), *left_apart(config)),
    # The report quotes the sources and their licences.
    # The verdict is on the policy that is to be released, named before the numbers are seen.
    settings=(*MODEL, "eval", "control", "data.sources", "release.policy"),
    # The gate on the page names its limits, and release asks again: new limits measure nothing again.
    # The gate's error rates are told for the limits of the day; release computes them again for its own.
    beside=(*HARDWARE, "model.vllm", "dpo.rounds", "release.gate", "rlhf.starts_from"),
    work=work,
    files=lambda config: {**model_files(config), **prep.files(config)},
    shares=True,
)
