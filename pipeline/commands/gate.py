"""`primum gate`: may the policy of a run be released, and is it worse than what is?

Needs no model and no GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from data_prep.lint.personal_patterns import best_search
from eval.against import Side, regressions
from eval.config import GateConfig
from eval.gate import judge
from eval.gate_errors import ErrorRates, error_rates, sentence
from eval.gate_result import SHOWN, GateResult
from eval.measured import Measured, joined
from eval.results.results import Results
from eval.results.stored import read_results
from eval.test_ledger import sentence as openings_sentence
from eval.test_ledger import with_gate
from eval.worse import Worse, seen, worse_prompts
from pipeline.release_limits import release_settings
from pipeline.run.console import show
from pipeline.stored_evaluation import results_file
from records.cache import cache_directory
from records.errors import ArtifactError, GateError
from records.licences import may_be_passed_on
from records.rows import Completion, text_of
from records.run_files import MEASURED_COMPLETIONS, MEASURED_PROMPTS, MEASURED_SCORES
from records.stage_folder import sha256_json, write_json

PROMPTS_TOLD = 20
"""Prompts that got worse which the terminal lists; the JSON file has all."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asks for."""

    run: Path
    """A run's folder, or a results.json."""
    overrides: list[str]
    against: Path | None = None
    policy: str = ""
    """Empty for the one that the run's verdict is on."""
    json: Path | None = None


@dataclass(frozen=True)
class Evidence:
    """An evaluation: its results, and what stands beside them."""

    path: Path
    results: Results

    @classmethod
    def of(cls, given: Path) -> Evidence:
        """Raises ArtifactError where neither a run nor results are there."""
        path = results_file(given)
        return cls(path, read_results(path))

    def policy(self, name: str = "") -> str:
        """The one that is asked for, else the one that the verdict is on.

        Raises ArtifactError where it was not measured.
        """
        name = name or self.results.endpoint.policy
        if name not in self.results.policies:
            raise ArtifactError(
                f"{self.path}: policy {name!r} was not measured; wanted one of "
                f"{', '.join(self.results.policies)}"
            )
        return name

    def rows(self, policy: str) -> list[Measured]:
        """What the policy was measured by; none where only the figures are there, as in a released
        folder.
        """
        folder = self.path.parent
        tables = (MEASURED_PROMPTS, MEASURED_COMPLETIONS, MEASURED_SCORES)
        # A released folder holds figures and no completions of harmful prompts.
        if not all(path.is_file() for table in tables for path in table.paths(folder)):
            return []
        prompts = {}
        for prompt in MEASURED_PROMPTS.read(folder):
            prompts[(prompt.suite, prompt.id)] = prompt
        made: list[Completion] = []
        for row in MEASURED_COMPLETIONS.read(folder):
            # Only prompts as they stand: under a condition the same id has another completion.
            if row.policy == policy and not row.condition:
                made.append(row)
        asked = []
        for row in made:
            if (row.suite, row.prompt_id) in prompts:
                asked.append(prompts[row.suite, row.prompt_id])
        if len(asked) < len(made):
            raise ArtifactError(
                f"{folder}: {len(made) - len(asked)} completions of {policy} are to no prompt of "
                "prompts.jsonl; run eval again"
            )
        return joined(asked, made, MEASURED_SCORES.read(folder))

    def side(self, policy: str) -> Side:
        """A policy with its figures, and its rows where they are at hand."""
        rows = self.rows(policy)
        return Side(policy, self.results.policies[policy].suites, seen(rows) if rows else None)


def gate(request: Request) -> None:
    """Print every line; write the JSON file; raise GateError (exit code 3) where a line does not
    pass.
    """
    settings = release_settings(request.run, request.overrides)
    limits = settings.gate
    candidate = Evidence.of(request.run)
    policy = candidate.policy(request.policy)
    # Each look at a test set with other limits is a further try, and the page says how many there
    # were.
    results = _entered(candidate.results, policy, limits)
    mine = candidate.side(policy)
    old, other = _held_against(request, candidate)
    lines = judge(results, policy, limits)
    if request.against:
        lines += regressions(old, mine, settings.against, results.confidence)
    errors = error_rates(results, policy, limits)
    worse = worse_prompts(old.cells or {}, mine.cells or {}, _may_quote())
    show(_told(lines, errors, worse, other))
    show([openings_sentence(results.test_set)])
    failed = []
    for line in lines:
        if not line.passed:
            failed.append(f"gate not met: {line.name}: {line.detail}")
    # Written whatever the outcome: CI reads the file most of all where the gate does not hold.
    if request.json:
        about = {
            "policy": policy,
            "against": other,
            "passed": not failed,
            "limits": asdict(limits),
            "limits_against": asdict(settings.against),
        }
        told = {
            "lines": [line.to_json() for line in lines],
            "error_rates": [row.to_json() for row in errors],
        }
        opened = results.test_set and results.test_set.to_json()
        write_json(
            request.json,
            {
                **about,
                **told,
                "worse": [one.to_json() for one in worse],
                "test_set": opened,
            },
        )
    if failed:
        raise GateError(failed)


def _held_against(request: Request, candidate: Evidence) -> tuple[Side, str]:
    """(what prompts and figures are held against, how it is called): the released policy, else the
    candidate's own base.
    """
    if request.against is None:
        base = candidate.results.baseline
        return candidate.side(base), base
    released = Evidence.of(request.against)
    name = released.policy()
    return released.side(name), f"{name} of {request.against}"


def _entered(results: Results, policy: str, limits: GateConfig) -> Results:
    """With this attempt in the ledger of its test set; the same limits asked again are no further
    one.
    """
    # The same limits asked twice are one attempt: a CI that runs again must not use up the test
    # set.
    asked_for = f"{policy}/{sha256_json(asdict(limits))}"
    return with_gate(
        results, cache_directory(), asked_for, at=datetime.now(UTC).isoformat(timespec="seconds")
    )


def _may_quote() -> Callable[[Measured], bool]:
    """Prompts under a licence that lets them be passed on, and in which no personal data were
    found.
    """
    search = best_search()

    def may(row: Measured) -> bool:
        return may_be_passed_on(row.prompt.licence) and not list(
            search.find(text_of(row.prompt.prompt))
        )

    return may


def _told(
    lines: list[GateResult], errors: list[ErrorRates], worse: list[Worse], other: str
) -> list[str]:
    told = [f"{SHOWN[line.outcome]}  {line.name}: {line.detail}" for line in lines]
    told += [sentence(row) for row in errors]
    if not any(row.limit == "max_over_refusal_increase" for row in errors):
        told.append(
            "error rates on benign suites are not known: these results do not say how many prompts "
            "changed sides; run eval again"
        )
    told.append(f"{len(worse)} prompts got worse from {other}" + (":" if worse else ""))
    for one in worse[:PROMPTS_TOLD]:
        told.append(f"  {one.suite} {one.prompt_id}: {'; '.join(one.changes)}")
    more = len(worse) - PROMPTS_TOLD
    return [*told, f"  and {more} more; --json FILE lists all"] if more > 0 else told
