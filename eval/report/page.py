"""The report: one list of sections from results.json, written as Markdown or as a page that needs
nothing but itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from eval.gate_result import GateResult
from eval.measured import Sample
from eval.report.examples import QuoteRule
from eval.report.heading import day, facts, heading, model_name, plain_title, title
from eval.report.rendering import Frame, html_of, markdown_of
from eval.report.sections.declared import Material
from eval.report.sections.gate import gate_line
from eval.report.sections.registry import sections_of
from eval.report.verdict import cautions, verdict
from eval.results.results import Results
from eval.results.scoreboard_row import ScoreboardRow


def render_markdown(results: Results, gates: Sequence[GateResult] = ()) -> str:
    """Everything but plots and examples, as GitHub reads it."""
    material = Material.of(results, results.scoreboard, gates=gates)
    model = model_name(results)
    known = [*([f"Model {model}"] if model else []), *facts(results)]
    return markdown_of(
        replace(_frame(results, gates), title=plain_title(results), facts=known),
        sections_of(material),
    )


def render_html(
    results: Results,
    samples: Sequence[Sample],
    scoreboard: Sequence[ScoreboardRow],
    rule: QuoteRule | None = None,
    *,
    gates: Sequence[GateResult] = (),
    opens_withheld: bool = False,
) -> str:
    """One file: style and figures inline, nothing fetched, everything that a model or a user wrote
    escaped.

    `rule` says what it may quote, where others than the run's readers are to have it. With
    `opens_withheld` it holds the withheld completions of its examples, each opened by a click;
    never where there is a rule.
    """
    material = Material.of(
        results,
        scoreboard,
        samples=samples,
        rule=rule,
        gates=gates,
        # Here once more: no caller may open what a rule for others withholds.
        opens_withheld=opens_withheld and rule is None,
        drawn=True,
    )
    return html_of(_frame(results, gates), sections_of(material))


def _frame(results: Results, gates: Sequence[GateResult]) -> Frame:
    return Frame(
        title=title(results),
        heading=heading(results),
        facts=facts(results),
        verdict=verdict(results),
        about=f"Primary endpoint: {results.endpoint}",
        created=day(results),
        level=f"{results.confidence:.0%}",
        cautions=cautions(results),
        gate=gate_line(gates),
    )
