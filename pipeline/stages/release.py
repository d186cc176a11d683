"""release: the aligned checkpoint with its evidence, or a refusal that names the gate."""

from __future__ import annotations

import shutil
from typing import Any

from eval.endpoint import Endpoint
from eval.gate import GateResult, judge
from eval.report.verdict import verdict
from eval.stored_results import read_results
from models.config import EMBEDDED
from pipeline.model_card import model_card
from pipeline.run.config import RunConfig, yaml_of
from pipeline.run.graph import policy_left_by, released_policy
from pipeline.run.rounds import named
from pipeline.run.stage import Context, Stage
from records.errors import ArtifactError, GateError
from records.escaping import markdown_text
from records.licences import released_licence, sentences
from records.own_files import Object
from records.permissions import let_through, open_to_readers
from records.run_files import (
    DATA_CARD,
    DEMONSTRATIONS,
    PAIRS,
    PAIRS_CARD,
    PAIRS_REPORT,
    POLICY,
    REPORT,
    RESULTS,
    VALIDATION,
    whole,
)
from records.stage_folder import read_json, write_json, write_text

EMBEDDED_LICENCE = "apache-2.0"
SHOWN = {"passed": "pass", "failed": "FAIL", "accepted": "ACCEPTED", "not measured": "NOT MEASURED"}
"""How the terminal shows a gate's outcome."""


def work(context: Context) -> dict[str, Any]:
    config, policy = context.config.release, released_policy(context.config)
    results = read_results(context.input(RESULTS))
    _require_endpoint(results, policy)
    gates = judge(results, policy, config.gate)
    context.say(results.get("verdict") or verdict(results))
    for gate in gates:
        context.say(f"{SHOWN[gate.outcome]}  {gate.name}: {gate.detail}")
    _require(gates, policy)
    target = context.path / config.name
    shutil.copytree(context.input(POLICY.left_by(policy)), target, dirs_exist_ok=True)
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
    open_to_readers(target)
    let_through(context.path)
    for line in sentences(restrictions):
        context.say(line)
    context.say(f"released: {target}")
    return {"policy": policy, "gates": len(gates)}


def _require_endpoint(results: Object, policy: str) -> None:
    """The verdict of the report and the card must be on what is released."""
    endpoint = Endpoint.of(results)
    if endpoint.policy != policy:
        raise ArtifactError(
            f"eval/results.json: its primary endpoint is {endpoint}, and release.policy asks for {policy}; run `primum eval` again, "
            "which names the endpoint before it measures"
        )


def _pairs_of(config: RunConfig) -> list[str]:
    """The pairs of every round that led to the released policy."""
    policy = policy_left_by(released_policy(config))
    return [named(PAIRS.stage, round) for round in range(1, (policy.round if policy else 1) + 1)]


def _require(gates: list[GateResult], policy: str) -> None:
    failed = [f"gate not met: {gate.name}: {gate.detail}" for gate in gates if not gate.passed]
    if failed:
        raise GateError(
            [*failed, f"{policy} is not released; look at eval/report.html, train differently, or change release.gate and say why"]
        )


def _copy_evidence(context: Context, gates: list[GateResult]) -> None:
    evidence = context.path / context.config.release.name / "evidence"
    evidence.mkdir(exist_ok=True)
    for file in (RESULTS, REPORT, VALIDATION, DATA_CARD):
        shutil.copy2(context.input(file), evidence / file.name)
    for stage in _pairs_of(context.config):
        shutil.copy2(context.input(PAIRS_CARD.left_by(stage)), evidence / f"{stage}.data_card.md")
        shutil.copy2(context.input(PAIRS_REPORT.left_by(stage)), evidence / f"{stage}.report.json")
    write_json(evidence / "gates.json", [gate.to_json() for gate in gates])
    run = read_json(context.path / "run.json")
    write_text(evidence / "config.yaml", yaml_of(run["config"]))
    write_json(evidence / "provenance.json", {key: run[key] for key in ("commit", "dirty", "versions", "seed", "machine", "inputs")})


def _training_data(context: Context) -> str:
    counts: dict[tuple[str, str, str], int] = {}
    for row in context.read(DEMONSTRATIONS.of("train")):
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
    reads=tuple(whole(stage) for stage in ("prep", "reward", "eval")),
    reads_if=lambda config: tuple(whole(stage) for stage in (*_pairs_of(config), released_policy(config))),
    settings=("release", "data.sources", "model.base.path"),
    beside=("dpo.rounds",),
    work=work,
    gigabytes=_gigabytes,
)
