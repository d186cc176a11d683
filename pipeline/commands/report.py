"""`primum report`: the page of an evaluation again, several side by side, or its figures in other
programs' formats.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eval.exports.inspect_log import inspect_log
from eval.exports.lm_eval import lm_eval_results, lm_eval_samples, task_name
from eval.exports.model_index import model_index
from eval.exports.task_files import of_several_turns, task_files
from eval.gate import judge
from eval.measured import Measured
from eval.report.browser.page import sample_pages
from eval.report.page import render_html, render_markdown
from eval.report.side_by_side import compare_html, compare_markdown
from eval.results.results import Results
from pipeline.release_limits import release_settings
from pipeline.run.console import say, show
from pipeline.stored_evaluation import StoredEvaluation
from records.errors import ArtifactError, PrimumError
from records.escaping import json_text
from records.rows import Prompt, json_lines
from records.stage_folder import write_text

Files = Iterator[tuple[str, str]]
"""Paths below the output folder, each with its text."""
MAX_TOKENS = 512
"""What a task file lets a model write where the evaluation did not record its own limit."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asks for."""

    runs: Sequence[Path]
    output: Path
    formats: Sequence[str] = ()
    """Of FORMATS; none for the page."""
    redacted: bool = False
    """Leave completions that the report withholds out of every file."""


def report(request: Request) -> None:
    """Write what is asked for below a new folder.

    Raises PrimumError with every fault before anything is written.
    """
    evaluations = _read(request)
    # Several runs make one page side by side; formats are of one run, which `_read` has checked.
    if len(evaluations) > 1:
        runs = {}
        for name, found in zip(_names(evaluations), evaluations, strict=True):
            runs[name] = found.results
        files = [("comparison.html", compare_html(runs)), ("comparison.md", compare_markdown(runs))]
    else:
        files = []
        for name in request.formats or ("page",):
            files.extend(FORMATS[name](evaluations[0], request))
    for name, text in files:
        path = request.output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    show(f"{request.output / name}" for name, _ in files)


def _read(request: Request) -> list[StoredEvaluation]:
    faults, found = [], []
    if request.output.exists() and (not request.output.is_dir() or any(request.output.iterdir())):
        faults.append(f"--output {request.output}: is there already; name a new folder")
    if len(request.runs) > 1 and any(name != "page" for name in request.formats):
        faults.append(
            f"--format {', '.join(request.formats)}: is of one run, got {len(request.runs)}; name "
            "one"
        )
    for run in request.runs:
        try:
            found.append(StoredEvaluation.of(run))
        # The other runs are read all the same, so that every missing one is told at once.
        except ArtifactError as error:
            faults += error.faults
    if faults:
        raise PrimumError(faults)
    return found


def _names(evaluations: Sequence[StoredEvaluation]) -> list[str]:
    """Each once: runs of one name are told apart by a number."""
    seen: Counter[str] = Counter()
    names = []
    # The folder's name alone: whole paths would tell of machines and people.
    for name in (evaluation.name for evaluation in evaluations):
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _page(found: StoredEvaluation, request: Request) -> Files:
    results, rows = _named(found), [row.to_row() for row in found.rows]
    # By the run's own limits as its config holds them now: a changed gate measures nothing again.
    gates = judge(results, results.endpoint.policy, release_settings(request.runs[0], []).gate)
    opens = not request.redacted
    yield (
        "report.html",
        render_html(results, rows, results.scoreboard, gates=gates, opens_withheld=opens),
    )
    yield "report.md", render_markdown(results, gates)
    if rows:
        yield from sample_pages(results, rows, opens_withheld=opens).items()


def _named(found: StoredEvaluation) -> Results:
    """The results with the run's name, which those of earlier versions do not hold."""
    known = {"run": found.name, **found.results.provenance}
    return replace(found.results, provenance=known)


def _lm_eval(found: StoredEvaluation, request: Request) -> Files:
    stamp = _stamp(found)
    # lm_eval writes a folder a model, with one table of figures and samples by task.
    for policy in found.results.policies:
        yield (
            f"lm_eval/{policy}/results_{stamp}.json",
            json_text(lm_eval_results(found.results, policy), indent=2),
        )
        for suite, rows in _cells(found, policy, request):
            yield (
                f"lm_eval/{policy}/samples_{task_name(suite)}_{stamp}.jsonl",
                json_lines(lm_eval_samples(rows)),
            )


def _inspect(found: StoredEvaluation, request: Request) -> Files:
    _require_rows(found)
    for policy in found.results.policies:
        for suite, rows in _cells(found, policy, request):
            log = inspect_log(found.results, policy, suite, rows)
            # inspect_ai lists the logs of a folder whose names begin with a time, `+` and `:`
            # written as `-`.
            name = f"{_stamp(found)}-00-00_{task_name(suite).replace('_', '-')}_{policy}.json"
            yield f"inspect/{name}", json_text(log, indent=1)


def _model_index(found: StoredEvaluation, request: Request) -> Files:
    """JSON is YAML too: it can stand in a card's front matter as it is."""
    # A card is of one model: the policy that the verdict is on.
    policy = found.results.endpoint.policy
    yield (
        "model_index.json",
        json_text({"model-index": model_index(found.results, policy, found.name)}, indent=2),
    )


def _tasks(found: StoredEvaluation, request: Request) -> Files:
    _require_rows(found)
    suites: dict[str, dict[str, Prompt]] = {}
    for row in found.rows:
        suites.setdefault(row.suite, {}).setdefault(row.prompt.id, row.prompt)
    limit = found.results.token_limit() or MAX_TOKENS
    folder = request.output / "tasks"
    asked = {suite: list(prompts.values()) for suite, prompts in suites.items()}
    for suite, prompts in asked.items():
        if several := of_several_turns(prompts):
            say(
                "report",
                f"{suite}: no task for lm_eval, which would ask the last turn alone of {several} "
                "prompts that are conversations; `inspect eval` runs the suite",
            )
    for name, text in task_files(asked, max_tokens=limit, folder=str(folder.resolve())).items():
        yield f"tasks/{name}", text


def _cells(
    found: StoredEvaluation, policy: str, request: Request
) -> Iterator[tuple[str, list[Measured]]]:
    """The completions of a policy by suite, withheld ones without their text where the request says
    so.
    """
    for suite in found.results.policies[policy].suites:
        rows = []
        for row in found.rows:
            if (row.policy, row.suite) == (policy, suite):
                rows.append(row)
        if rows:
            yield suite, [row.redacted() for row in rows] if request.redacted else rows


def _stamp(found: StoredEvaluation) -> str:
    """When it was measured, as file names can hold it."""
    # Colons cannot stand in file names everywhere.
    return (found.results.created or "1970-01-01T00:00:00")[:19].replace(":", "-")


def _require_rows(found: StoredEvaluation) -> None:
    if not found.rows:
        raise ArtifactError(
            f"{found.path.parent}: holds results.json and no completions.jsonl, prompts.jsonl and "
            "scores.jsonl; name the run itself"
        )


FORMATS: dict[str, Callable[[StoredEvaluation, Request], Files]] = {
    "page": _page,
    "lm-eval": _lm_eval,
    "inspect": _inspect,
    "model-index": _model_index,
    "tasks": _tasks,
}
