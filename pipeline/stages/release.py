"""release: the aligned checkpoint with its evidence, or a refusal that names the gate."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_prep.config import SourceConfig
from eval.gate import judge
from eval.gate_errors import error_rates, sentence
from eval.gate_result import SHOWN, GateResult
from eval.report.heading import hub_name
from eval.report.verdict import verdict
from eval.results.results import Results
from eval.results.stored import read_results
from eval.test_ledger import with_gate
from models.config import EMBEDDED
from pipeline.card_fields import fields
from pipeline.card_metadata import CardFacts
from pipeline.evidence import (
    Evidence,
    PersonalData,
    copy_policy,
    hidden_results,
    local_paths,
    look_for_personal_data,
    measured_rows,
    trained_on,
    write_evidence,
)
from pipeline.model_card import model_card
from pipeline.recording.evaluation import record_release
from pipeline.run.config import ReleaseConfig, RunConfig
from pipeline.run.declared import Part, StageSettings, beside
from pipeline.run.graph import policy_left_by, released_policy, way_to
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.registry import STAGES
from pipeline.run.rounds import named, parsed
from pipeline.run.stage import Stage
from pipeline.run.views import ReleasesTrained
from pipeline.setting_parts import Rounds, StartsFrom
from records.cache import cache_directory
from records.errors import ArtifactError, GateError
from records.escaping import markdown_text
from records.licences import released_licence, sentences
from records.local_paths import LocalPaths
from records.permissions import let_through, open_to_readers
from records.run_files import PAIRS, POLICY, RESULTS, whole
from records.stage_folder import sha256_json, write_text
from train.config import WandbConfig

EMBEDDED_LICENCE = "apache-2.0"
EVIDENCE_BYTES = 50_000_000
"""Reports, cards and results beside the released policy; the disk must hold both."""


@dataclass(frozen=True, kw_only=True)
class BasePath(Part):
    path: str


@dataclass(frozen=True, kw_only=True)
class Base(Part):
    base: BasePath


@dataclass(frozen=True, kw_only=True)
class Sources(Part):
    sources: list[SourceConfig]


@dataclass(frozen=True, kw_only=True)
class Settings(StageSettings):
    release: ReleaseConfig
    data: Sources
    model: Base
    dpo: Rounds
    rlhf: StartsFrom
    wandb: WandbConfig = beside()


def work(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Write the released policy with its card, where the gate holds."""
    settings, policy = config.release, released_policy(config)
    results = read_results(inputs.path(RESULTS))
    # First: a gate on another policy than the one that is released would say nothing.
    _require_endpoint(results, policy)
    asked_for = f"{policy}/{sha256_json(asdict(settings.gate))}"
    # Asking the gate is a look at the test set, and is counted before its answer is known.
    results = with_gate(
        results, cache_directory(), asked_for, at=datetime.now(UTC).isoformat(timespec="seconds")
    )
    gates = judge(results, policy, settings.gate)
    place.say(results.verdict or verdict(results))
    for gate in gates:
        place.say(f"{SHOWN[gate.outcome]}  {gate.name}: {gate.detail}")
    errors = error_rates(results, policy, settings.gate)
    results = replace(results, gate_error_rates=tuple(errors))
    for row in errors:
        place.say(sentence(row))
    # After every line was shown: a refusal must say all that is wrong.
    _require(gates, policy)
    target = place.path / settings.name
    paths, measured = local_paths(place), measured_rows(inputs)
    personal = look_for_personal_data(inputs, measured, _preferred(config))
    # Only behind the gate: no folder of weights may lie there that was not released.
    copy_policy(inputs.path(POLICY.left_by(policy)), target, paths)
    write_evidence(
        inputs,
        place,
        target / "evidence",
        Evidence(gates, results, measured, personal, _pairs_of(config)),
        paths,
    )
    restrictions = place.directory.restrictions()
    # The embedded model's licence is known; of any other a person has to state it.
    base = EMBEDDED_LICENCE if config.model.base.path == EMBEDDED else "other"
    # The card is read by everybody, so paths are hidden before it is written.
    shown = hidden_results(results, paths)
    card = model_card(
        facts=_facts(config, policy, released_licence(restrictions, base), paths),
        results=shown,
        gates=[replace(gate, detail=paths.hidden(gate.detail)) for gate in gates],
        data=_training_data(config, inputs, personal),
        restrictions=sentences(restrictions),
        about=fields(settings.card, shown, policy, len(trained_on(inputs))),
    )
    write_text(target / "README.md", card)
    record_release(config.wandb, place, inputs.stages, target / "README.md", gates)
    # Last, when nothing is written any more: until then the run is its owner's alone.
    open_to_readers(target)
    let_through(place.path)
    for line in (*personal.sentences(), *sentences(restrictions)):
        place.say(line)
    place.say(f"released: {target}")
    return {"policy": policy, "gates": len(gates)}


def _require_endpoint(results: Results, policy: str) -> None:
    """The verdict of the report and the card must be on what is released."""
    endpoint = results.endpoint
    # The endpoint was named before the numbers were seen; another policy cannot take its place now.
    if endpoint.policy != policy:
        raise ArtifactError(
            f"eval/results.json: its primary endpoint is {endpoint}, and release.policy asks for "
            f"{policy}; run `primum eval` again, which names the endpoint before it measures"
        )


def _pairs_of(config: ReleasesTrained) -> list[str]:
    """The pairs of every round that led to the released policy."""
    policy = policy_left_by(released_policy(config), config)
    rounds = max(step.round for step in way_to(policy, config)) if policy else 1
    return [named(PAIRS.stage, round) for round in range(1, rounds + 1)]


def _preferred(config: ReleasesTrained) -> list[str]:
    """The pairs that the released policy was trained on; none where no training on pairs led to
    it.
    """
    policy = policy_left_by(released_policy(config), config)
    steps = way_to(policy, config) if policy else []
    # Trainings on pairs are the ones that a run does in rounds.
    if any(STAGES[parsed(step.name)[0]].repeats for step in steps if step.starts_from):
        return _pairs_of(config)
    return []


def _require(gates: list[GateResult], policy: str) -> None:
    failed = []
    for gate in gates:
        if not gate.passed:
            failed.append(f"gate not met: {gate.name}: {gate.detail}")
    if failed:
        raise GateError(
            [
                *failed,
                (
                    f"{policy} is not released; look at eval/report.html, train differently, or "
                    "change release.gate and say why"
                ),
            ]
        )


def _facts(config: Settings, policy: str, licence: str, paths: LocalPaths) -> CardFacts:
    base = hub_name(paths.hidden(config.model.base.path))
    public = []
    for one in config.data.sources:
        # A local path is nobody's data set on the hub.
        if one.is_downloaded:
            public.append(one.path)
    return CardFacts(config.release.name, base, licence, policy, config.release.languages, public)


def _training_data(config: Settings, inputs: Inputs, personal: PersonalData) -> str:
    counts: dict[tuple[str, str, str], int] = {}
    for row in trained_on(inputs):
        cell = (row.source, row.suite, row.licence)
        counts[cell] = counts.get(cell, 0) + 1
    lines = []
    for (source, suite, licence), count in sorted(counts.items()):
        lines.append(f"{source}, {suite}: {count} training rows, licence {licence}")
    used = {source for source, _, _ in counts}
    for s in config.data.sources:
        if s.name in used and s.terms.note:
            lines.append(f"of {s.name}: {s.terms.note}")
    lines += personal.sentences()
    return "\n".join(f"- {markdown_text(line)}" for line in lines)


def _gigabytes(config: RunConfig) -> float:
    """As much as is copied, which lies there when release begins."""
    folder = Path(config.run_dir) / released_policy(config) / "policy"
    return (
        sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) + EVIDENCE_BYTES
    ) / 1e9


STAGE = Stage(
    name="release",
    reads=tuple(whole(stage) for stage in ("prep", "reward", "eval")),
    reads_if=lambda config: tuple(
        whole(stage) for stage in (*_pairs_of(config), released_policy(config))
    ),
    work=work,
    settings=Settings,
    gigabytes=_gigabytes,
)
