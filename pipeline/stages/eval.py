"""eval: every policy of the run on the same held-out prompts, then the statistics and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_prep.cards.dataset_readme import Table, write_readme
from data_prep.lint.rows import Renders
from data_prep.splits.split_files import read_splits
from eval.measure import Sample, measure, sample_id
from eval.report.epochs import unheld
from eval.report.page import render_html, render_markdown
from eval.results import build_results
from eval.scoreboard import read_scoreboard
from eval.selection import Selection, selection_of
from eval.suites.loading import held_out_suites, own_suites
from models.config import ModelConfig
from models.engines.decoding import decoding_record
from models.engines.generate import generation_dtype
from models.engines.vllm_engine import vllm_version
from models.loading.load import load_tokenizer
from pipeline.policies import HARDWARE, MODEL, answering, base_config, device, model_files, stage_policy
from pipeline.run.config import RunConfig
from pipeline.run.console import policy_title, safety_table
from pipeline.run.kept_epoch import KeptEpoch
from pipeline.run.rounds import later, named, parsed
from pipeline.run.stage import Context, Stage
from pipeline.stages import prep
from records.errors import RecordError
from records.hash_beside import hash_faults, write_hash
from records.rows import Prompt, read_records
from records.stage_folder import StageDirectory, read_json, sha256_json, write_json, write_records, write_text
from reward.model.harmfulness_model import HarmfulnessScorer

DETECTOR_NOTE = "rule-based; agreement with human labels is measured in docs/refusal_detector.md"


def work(context: Context) -> dict[str, Any]:
    config = context.config
    prompts = _prompts(context)
    scorer = HarmfulnessScorer.load(context.stage("reward").path / "reward_model", generation_dtype(config.eval.generation))
    scorer.model.to(device(config))
    for name, model in policies(context).items():
        _measure(context, name, model, prompts, scorer)
    if not context.share.hand_in(context.directory.work):
        return {}
    samples = [sample for name in policies(context) for sample in _samples(context, name, prompts)]
    results = build_results(
        samples,
        {name: _about(context, name) for name in policies(context)},
        confidence=config.eval.confidence,
        validation={
            "reward_model": read_json(context.stage("reward").path / "validation.json"),
            "refusal_detector": {"note": DETECTOR_NOTE},
        },
        scoreboard=_scoreboards(context),
        suites_absent=[suite._asdict() for suite in own_suites(config.eval)[1]],
        provenance=_provenance(context),
    )
    write_records(context.path / "samples.jsonl", samples)
    write_readme(context.path, "Completions of every policy to the test prompts", [Table("samples", Sample, {"test": "samples.jsonl"})])
    write_json(context.path / "results.json", results)
    write_text(context.path / "report.md", render_markdown(results))
    write_text(context.path / "report.html", render_html(results, [s.to_json() for s in samples], results["scoreboard"]))
    for line in (*safety_table(results), results["verdict"], *unheld(results)):
        context.say(line)
    context.say(f"report: {context.path / 'report.html'}")
    return {"samples": len(samples), "policies": len(results["policies"])}


def policies(context: Context) -> dict[str, ModelConfig]:
    """By the name of the stage that left each."""
    return {"base": base_config(context.config), **{name: stage_policy(context, name) for name in trained_policies(context.config)}}


def trained_policies(config: RunConfig) -> list[str]:
    return ["sft", *(["sft_control"] if config.control.enabled else []), *dpo_rounds(config)]


def dpo_rounds(config: RunConfig) -> list[str]:
    return [named("dpo", round) for round in range(1, config.dpo.rounds + 1)]


def _prompts(context: Context) -> list[Prompt]:
    own, absent = own_suites(context.config.eval)
    for suite in absent:
        context.say(str(suite))
    held_out = held_out_suites(
        read_splits(context.stage("prep").path, "prompts", Prompt, ("test",)), "test", context.config.eval.prompts_per_suite
    )
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


def _measure(context: Context, name: str, model: ModelConfig, prompts: list[Prompt], scorer: HarmfulnessScorer) -> None:
    """This rank's samples of one policy; those that were finished before a kill are not made again."""
    shard, mine = _shard(context, name, context.share.rank), context.share.of(prompts)
    faults = hash_faults(shard)
    if faults and shard.exists():
        context.say(f"{faults[0]}; measured again")
    if faults:
        generation = context.config.eval.generation
        with answering(context, model, generation, context.config.eval.engine) as (policy, tokenizer):
            write_records(shard, measure(policy, tokenizer, mine, generation, scorer, policy=name))
        write_hash(shard)
    context.say(f"{policy_title(name)}: {len(mine)} answers scored" + (f" here, of {len(prompts)}" if len(mine) < len(prompts) else ""))


def _samples(context: Context, name: str, prompts: list[Prompt]) -> list[Sample]:
    """One policy's samples of all ranks, in the prompts' order."""
    found = {s.id: s for rank in range(context.share.world) for s in read_records(_shard(context, name, rank), Sample)}
    return [found[sample_id(prompt, name)] for prompt in prompts]


def _shard(context: Context, name: str, rank: int) -> Path:
    return context.directory.work / f"{name}.{rank}-of-{context.share.world}.jsonl"


def _about(context: Context, name: str) -> dict[str, Any]:
    if name == "base":
        return {"title": policy_title(name), "path": context.config.model.base.path, "optimiser_steps": 0}
    earlier = dpo_rounds(context.config)[: parsed(name)[1] - 1]
    way = ["sft"] if name == "sft" else ["sft", *earlier, name]
    steps = sum(KeptEpoch.read(context.stage(stage).path).optimiser_steps for stage in way)
    about = {"title": policy_title(name), "path": f"{name}/policy", "optimiser_steps": steps}
    return {**about, "selection": _selection(context, name).to_json()}


def _selection(context: Context, name: str) -> Selection:
    """Which epoch was kept and why, as in selection.json.

    A stage done by an earlier version has no bound there; it is read off its scoreboard.
    """
    kept = KeptEpoch.read(context.stage(name).path)
    if kept.selection:
        return kept.selection
    rows = read_scoreboard(context.stage(name).path / "scoreboard.jsonl")
    row = next(row for row in rows if row["epoch"] == kept.epoch)
    base = read_scoreboard(context.stage("sft").path / "scoreboard.jsonl")[0]
    return selection_of(row, context.config.eval.scoreboard, base)


def _scoreboards(context: Context) -> list[dict[str, Any]]:
    rows = []
    for stage in ("sft", *dpo_rounds(context.config)):
        chosen = KeptEpoch.read(context.stage(stage).path).epoch
        rows += [{**row, "chosen": row["epoch"] == chosen} for row in read_scoreboard(context.stage(stage).path / "scoreboard.jsonl")]
    return rows


def _provenance(context: Context) -> dict[str, Any]:
    config, base = context.config, base_config(context.config)
    run = read_json(context.path / "run.json")
    stages = reported_stages(config)
    seconds = {name: context.stage(name).manifest().summary.get("seconds") for name in stages}
    return {
        "model": config.model.base.path,
        "revision": config.model.base.revision,
        "seed": config.seed,
        "commit": run["commit"],
        "uncommitted_changes": run["dirty"],
        "data": [
            f"{s.name} ({s.format}{', ' + Path(s.path).name if s.path else ''}), licence {s.terms.licence}" for s in config.data.sources
        ],
        "input_sha256": {name: StageDirectory(context.stage(name).path).require() for name in stages},
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


def reported_stages(config: RunConfig) -> list[str]:
    names = ["prep", "sample", "reward", "score", "pairs", "sft", "dpo", *later(config.dpo.rounds)]
    return [*names, "sft_control"] if config.control.enabled else names


STAGE = Stage(
    name="eval",
    summary="report",
    needs=("prep/prompts.test.jsonl", "reward"),
    measures=True,
    optional_needs=lambda config: tuple(trained_policies(config)),
    # The report quotes the sources and their licences.
    sections=(*MODEL, "eval", "control", "data.sources"),
    beside=(*HARDWARE, "model.vllm", "dpo.rounds"),
    work=work,
    files=lambda config: {**model_files(config), **prep.files(config)},
    shares=True,
)
