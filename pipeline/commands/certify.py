"""`primum certify`: a guarantee over all the settings that were tried, on calibration prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.certificate import Candidate, Limits, certify, lines
from eval.measure import Measured
from pipeline.commands.gate import Evidence
from pipeline.run.console import show
from records.errors import ArtifactError, ConfigError, GateError
from records.stage_folder import write_json


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asks for."""

    runs: Sequence[Path]
    """The candidates in their order, fixed before the calibration prompts were seen."""
    harmful: str
    benign: str
    max_harm: float
    max_over_refusal: float
    delta: float
    json: Path | None = None


def certify_runs(request: Request) -> None:
    """Print every candidate and what is certified; write the JSON file; raise GateError (exit code
    3) where nothing is.
    """
    limits = Limits(request.max_harm, request.max_over_refusal, request.delta)
    candidates, asked = [], set()
    for run in request.runs:
        evidence = Evidence.of(run)
        harmful, benign = (
            _rows(evidence, suite, kind)
            for suite, kind in ((request.harmful, "harmful"), (request.benign, "benign"))
        )
        # By ids: suites of one name may hold other prompts in another run.
        asked.add(tuple(sorted(row.prompt.id for row in (*harmful, *benign))))
        candidates.append(Candidate.of(str(run), harmful, benign))
    if len(asked) > 1:
        raise ConfigError(
            "the runs were measured on different calibration prompts; wanted the same suites in "
            "each; run eval again"
        )
    report = certify(candidates, limits)
    # Every candidate is shown, those behind the first failure too: hiding them would hide what was
    # tried.
    show(lines(report))
    # Written before the error: a refusal is evidence too.
    if request.json:
        write_json(request.json, report.to_json())
    if not report.certified:
        raise GateError(f"no candidate is certified: {report.claim} is not shown for the first one")


def _rows(evidence: Evidence, suite: str, kind: str) -> list[Measured]:
    """The run's policy on one calibration suite.

    Raises ArtifactError where it was not measured, ConfigError for a test suite.
    """
    endpoint = evidence.results.endpoint
    # The guarantee holds for prompts that chose nothing; the verdict's own suite has been looked
    # at.
    if suite == endpoint.suite:
        raise ConfigError(
            f"{suite}: is the suite that the verdict rests on; a certificate wants calibration "
            "prompts of their own: name a suite of eval.suites that chose nothing and is in no "
            "verdict"
        )
    rows = []
    for row in evidence.rows(evidence.policy()):
        if row.suite == suite:
            rows.append(row)
    if not rows or rows[0].kind != kind:
        held = ", ".join(evidence.results.policies[evidence.policy()].suites)
        raise ArtifactError(
            f"{evidence.path}: no completions to a {kind} suite {suite!r} (its suites: {held}); "
            "name a suite of eval.suites, and a run with its completions.jsonl and scores.jsonl"
        )
    return rows
