"""release: the aligned checkpoint with its evidence, or a refusal that names the gate."""

from __future__ import annotations

import shutil
from typing import Any

from data_prep.splits.split_files import read_splits
from eval.gate import GateResult, judge
from eval.report.verdict import verdict
from eval.stored_results import read_results
from models.config import EMBEDDED
from pipeline.model_card import model_card
from pipeline.run.config import RunConfig, released_policy, yaml_of
from pipeline.run.stage import Context, Stage
from records.errors import GateError
from records.escaping import markdown_text
from records.licences import released_licence, sentences
from records.rows import Demonstration
from records.stage_folder import read_json, write_json, write_text

EMBEDDED_LICENCE = "apache-2.0"
SHOWN = {"passed": "pass", "failed": "FAIL", "accepted": "ACCEPTED", "not measured": "NOT MEASURED"}
"""How the terminal shows a gate's outcome."""


def work(context: Context) -> dict[str, Any]:
    config, policy = context.config.release, released_policy(context.config)
    results = read_results(context.stage("eval").path / "results.json")
    gates = judge(results, policy, config.gate)
    context.say(results.get("verdict") or verdict(results))
    for gate in gates:
        context.say(f"{SHOWN[gate.outcome]}  {gate.name}: {gate.detail}")
    _require(gates, policy)
    target = context.path / config.name
    shutil.copytree(context.stage(policy).path / "policy", target, dirs_exist_ok=True)
    _copy_evidence(context, gates)
    restrictions = context.directory.restrictions()
    base = EMBEDDED_LICENCE if context.config.model.base.path == EMBEDDED else "other"
    card = model_card(
        name=config.name,
        policy=policy,
        results=results,
        gates=gates,
        licence=released_licence(restrictions, base),
        data=_training_data(context),
        restrictions=sentences(restrictions),
    )
    write_text(target / "README.md", card)
    for line in sentences(restrictions):
        context.say(line)
    context.say(f"released: {target}")
    return {"policy": policy, "gates": len(gates)}


def _require(gates: list[GateResult], policy: str) -> None:
    failed = [f"gate not met: {gate.name}: {gate.detail}" for gate in gates if not gate.passed]
    if failed:
        raise GateError(
            [*failed, f"{policy} is not released; look at eval/report.html, train differently, or change release.gate and say why"]
        )


def _copy_evidence(context: Context, gates: list[GateResult]) -> None:
    evidence = context.path / context.config.release.name / "evidence"
    evidence.mkdir(exist_ok=True)
    for stage, name, copy in (
        ("eval", "results.json", "results.json"),
        ("eval", "report.html", "report.html"),
        ("reward", "validation.json", "validation.json"),
        ("prep", "data_card.md", "data_card.md"),
        ("pairs", "data_card.md", "pairs.data_card.md"),
        ("pairs", "pairs.report.json", "pairs.report.json"),
    ):
        shutil.copy2(context.stage(stage).path / name, evidence / copy)
    write_json(evidence / "gates.json", [gate.to_json() for gate in gates])
    run = read_json(context.path / "run.json")
    write_text(evidence / "config.yaml", yaml_of(run["config"]))
    write_json(evidence / "provenance.json", {key: run[key] for key in ("commit", "dirty", "versions", "seed", "machine", "inputs")})


def _trained_on(context: Context) -> list[Demonstration]:
    return read_splits(context.stage("prep").path, "demonstrations", Demonstration, ("train",))


def _training_data(context: Context) -> str:
    counts: dict[tuple[str, str, str], int] = {}
    for row in _trained_on(context):
        cell = (row.source, row.suite, row.licence)
        counts[cell] = counts.get(cell, 0) + 1
    lines = [f"{source}, {suite}: {count} training rows, licence {licence}" for (source, suite, licence), count in sorted(counts.items())]
    used = {source for source, _, _ in counts}
    lines += [f"of {s.name}: {s.terms.note}" for s in context.config.data.sources if s.name in used and s.terms.note]
    return "\n".join(f"- {markdown_text(line)}" for line in lines)


def _gigabytes(config: RunConfig) -> float:
    return 0.7


STAGE = Stage(
    name="release",
    summary="release",
    needs=("prep", "reward", "pairs", "eval"),
    optional_needs=lambda config: (released_policy(config),),
    sections=("release", "data.sources", "model.base.path"),
    beside=("dpo.rounds",),
    work=work,
    gigabytes=_gigabytes,
)
