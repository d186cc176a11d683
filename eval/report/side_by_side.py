"""Evaluations of several runs on one page: the same figures in one table, and what else differs
between the runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from eval.report.heading import day, model_name
from eval.report.rendering import Frame, Section, html_of, markdown_of
from eval.report.sections.safety import SAFETY_NOTE, harm_cells, over_refusal_cells, safety_heads
from eval.report.tables import Cell, Table
from eval.report.verdict import verdict
from eval.results.results import Results

Runs = Mapping[str, Results]
"""Results by the name of the run."""
MUST_AGREE: dict[str, Callable[[Results], Any]] = {
    "test prompts": lambda results: results.test_set and results.test_set.sha256,
    "base model": lambda results: results.provenance.get("model"),
    "token limit": lambda results: results.token_limit(),
    "level of the intervals": lambda results: results.confidence,
}
"""What runs must share before their figures may be compared."""
DETAILS = ("model", "seed", "commit", "config_sha256")
NOT_PAIRED = (
    "Intervals are of each policy alone. That two of them overlap does not show that the policies "
    "are alike; `primum gate RUN --against OTHER` pairs two policies by prompt."
)


def compare_markdown(runs: Runs) -> str:
    """As GitHub reads it."""
    return markdown_of(_frame(runs), _sections(runs))


def compare_html(runs: Runs) -> str:
    """One file that needs nothing but itself."""
    return html_of(_frame(runs), _sections(runs))


def _frame(runs: Runs) -> Frame:
    first = next(iter(runs.values()))
    return Frame(
        title=f"{len(runs)} runs side by side",
        verdict=" ".join(f"{name}: {verdict(results)}" for name, results in runs.items()),
        about=(
            f"Base models: {', '.join(dict.fromkeys(filter(None, map(model_name, runs.values()))))}"
        ),
        created=", ".join(dict.fromkeys(day(results)[:10] for results in runs.values())),
        level=f"{first.confidence:.0%}",
        cautions=list(_differences(runs)),
    )


def _differences(runs: Runs) -> Iterator[str]:
    """What makes figures of these runs no comparison of their policies alone."""
    for what, read in MUST_AGREE.items():
        # Told, and not refused: runs that differ on purpose are what a user wants side by side.
        found = {name: read(results) for name, results in runs.items()}
        # As texts: provenance may hold lists, which cannot be members of a set.
        if len({str(value) for value in found.values()}) > 1:
            shown = ", ".join(f"{name}: {_short(value)}" for name, value in found.items())
            yield (
                f"The runs differ in their {what} ({shown}); figures are not of the policies alone."
            )


def _short(value: Any) -> str:
    return "not recorded" if value is None else str(value)[:40]


def _sections(runs: Runs) -> list[Section]:
    about = Table(
        ["run", *DETAILS], [[Cell(name), *_details(results)] for name, results in runs.items()]
    )
    return [
        Section(
            "Safety", tables=[_safety(runs)], items=[NOT_PAIRED.replace("`", "")], name="safety"
        ),
        Section("The runs", tables=[about], name="runs"),
    ]


def _safety(runs: Runs) -> Table:
    """Of each run the baseline and the policy that its verdict is on, and what else it measured
    below them.
    """
    # The suites of all runs: one that only some have measured shows as not measured in the others.
    benign = list(
        dict.fromkeys(suite for results in runs.values() for suite in results.suite_names("benign"))
    )
    rows = []
    for name, results in runs.items():
        endpoint = results.endpoint
        # The baseline above the policy that the verdict is on, whatever order a run lists them in.
        order = dict.fromkeys([endpoint.baseline, endpoint.policy, *results.policies])
        for policy in (results.policies[key] for key in order if key in results.policies):
            rows.append(
                [
                    Cell(policy.title, name),
                    *harm_cells(policy),
                    *over_refusal_cells(policy, benign),
                ]
            )
    return Table(["policy, run", *safety_heads(benign)], rows, SAFETY_NOTE)


def _details(results: Results) -> list[Cell]:
    return [Cell(_short(results.provenance.get(key))) for key in DETAILS]
