"""An evaluation and a release at wandb: every table and figure of the page, the figures as numbers,
redacted samples, and the report.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.gate_result import GateResult
from eval.measured import Sample
from eval.report.examples import shown_text, withheld_texts
from eval.report.page import render_html, render_markdown
from eval.report.rendering import Section
from eval.report.sections.declared import Material
from eval.report.sections.registry import sections_of
from eval.report.tables import Table
from eval.results.results import Results
from measures.estimates import Estimate
from pipeline.recording.wandb_stage import name_of, recorded, tie
from pipeline.run.place import Place
from records.choice import at_even_distances
from records.escaping import visible
from train.config import WandbConfig
from train.engine.wandb_mode import wandb_mode

Json = dict[str, Any]
SAMPLES = 1000
"""Rows of the table of samples, at even distances through the completions."""
COLUMNS = (
    "suite",
    "condition",
    "principle",
    "policy",
    "prompt",
    "completion",
    "harmfulness",
    "refusal",
    "finish_reason",
)
FIGURES = ("policy", "suite", "metric", "mean", "low", "high", "n", "unscored")


def record_evaluation(
    config: WandbConfig,
    place: Place,
    stages: Sequence[str],
    results: Results,
    rows: Sequence[Sample],
    gates: Sequence[GateResult],
) -> None:
    """Of an evaluation that is written; `stages` are those that it read, `rows` its completions as
    the report reads them.
    """
    # Asked before anything is put together: the tables of an evaluation take seconds.
    if wandb_mode(config)[0] != "disabled":
        recorded(
            config,
            place,
            lambda run: _evaluation(run, config, place, stages, (results, rows, gates)),
        )


def record_release(
    config: WandbConfig,
    place: Place,
    stages: Sequence[str],
    card: Path,
    gates: Sequence[GateResult],
) -> None:
    """The card of a release and the gate's lines; weights stay where they are."""
    if wandb_mode(config)[0] != "disabled":
        recorded(config, place, lambda run: _release(run, config, place, stages, card, gates))


def _evaluation(
    run: Any,
    config: WandbConfig,
    place: Place,
    stages: Sequence[str],
    found: tuple[Results, Sequence[Sample], Sequence[GateResult]],
) -> None:
    import wandb  # noqa: PLC0415  seconds, and most runs record nothing there

    results, rows, gates = found
    sections = sections_of(
        # The report's own sections, so that wandb shows the same figures as the page.
        Material.of(results, results.scoreboard, samples=rows, gates=gates, drawn=True)
    )
    shown: Json = {}
    for name, head, data in tables(sections):
        shown[name] = wandb.Table(columns=head, data=data)
    for name, svg in _plots(sections):
        # inject=False: wandb would otherwise put its own style sheet into the plot.
        shown[f"plots/{name}"] = wandb.Html(svg, inject=False)
    shown["tables/figures"] = wandb.Table(columns=list(FIGURES), data=list(figures(results)))
    shown["tables/samples"] = wandb.Table(columns=list(COLUMNS), data=redacted(rows))
    run.log(shown)
    run.summary.update({**_summary(results), **_gate_summary(gates)})
    # Rendered anew for wandb, which gets the redacted page whatever the run's folder holds.
    with tempfile.TemporaryDirectory() as folder:
        page, text = Path(folder) / "report.html", Path(folder) / "report.md"
        page.write_text(
            render_html(results, rows, results.scoreboard, gates=gates), encoding="utf-8"
        )
        text.write_text(render_markdown(results, gates), encoding="utf-8")
        _log_files(run, f"{name_of(place.path)}-report", "report", (page, text))
    tie(run, place.path, stages, wandb_mode(config)[0])


def _release(
    run: Any,
    config: WandbConfig,
    place: Place,
    stages: Sequence[str],
    card: Path,
    gates: Sequence[GateResult],
) -> None:
    import wandb  # noqa: PLC0415  seconds, and most runs record nothing there

    lines = [[gate.outcome, gate.name, gate.detail] for gate in gates]
    run.log({"tables/gate": wandb.Table(columns=["outcome", "gate", "detail"], data=lines)})
    run.summary.update(_gate_summary(gates))
    _log_files(run, f"{name_of(place.path)}-card", "card", (card,))
    tie(run, place.path, stages, wandb_mode(config)[0])


def _log_files(run: Any, name: str, kind: str, files: Sequence[Path]) -> None:
    import wandb  # noqa: PLC0415  seconds, and most runs record nothing there

    artifact = wandb.Artifact(name, type=kind)
    for file in files:
        # A copy of wandb's own, which uploads later, or after `wandb sync`: by then the file may be
        # gone.
        artifact.add_file(str(file), name=file.name, policy="mutable")
    run.log_artifact(artifact)


def tables(sections: Sequence[Section]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(`tables/SECTION`, columns, rows) of every table of the page; a cell is its value with what
    stands under it.
    """
    for section in sections:
        for number, table in enumerate(section.tables):
            name = f"tables/{section.name}" + (f"_{number + 1}" if number else "")
            yield (
                name,
                _columns(table),
                [
                    [f"{value} ({detail})" if detail else value for value, detail in row]
                    for row in table.rows
                ],
            )


def _columns(table: Table) -> list[str]:
    """Each once, as wandb wants it."""
    seen: list[str] = []
    for title in table.head:
        # Two columns of one name would be one column at wandb.
        seen.append(title if title not in seen else f"{title} {len(seen)}")
    return seen


def _plots(sections: Sequence[Section]) -> Iterator[tuple[str, str]]:
    for section in sections:
        for number, plot in enumerate(section.plots):
            yield section.name + (f"_{number + 1}" if number else ""), str(plot.svg)


def figures(results: Results) -> Iterator[list[Any]]:
    """Every estimate of every policy on every suite, as numbers."""
    for policy, about in results.policies.items():
        for suite, shown in about.suites.items():
            for metric, estimate in vars(shown).items():
                # Whatever is an estimate is a figure; a new one needs no line here.
                if isinstance(estimate, Estimate):
                    counts = [estimate.n, estimate.unscored]
                    yield [policy, suite, metric, estimate.mean, *estimate.interval, *counts]


def redacted(rows: Sequence[Sample]) -> list[list[Any]]:
    """Samples without what the report withholds."""
    # Over all rows: which texts are withheld depends on every policy's scores of a prompt.
    withheld = withheld_texts(rows)
    shown = []
    # At even distances: the first rows would all be of one suite and policy.
    for row in at_even_distances(list(rows), SAMPLES):
        told = {
            **vars(row),
            "prompt": visible(row.prompt),
            "completion": visible(shown_text(row, withheld)[0]),
        }
        shown.append([told.get(name) for name in COLUMNS])
    return shown


def _summary(results: Results) -> Json:
    """`eval/POLICY/SUITE/METRIC`, which charts over runs are drawn from."""
    made = {}
    for policy, suite, metric, mean, *_ in figures(results):
        made[f"eval/{policy}/{suite}/{metric}"] = mean
    return made


def _gate_summary(gates: Sequence[GateResult]) -> Json:
    failed = [gate.name for gate in gates if not gate.passed]
    return {"gate/met": not failed, "gate/failed": len(failed), "gate/lines": len(gates)}
