"""The report: one list of sections from results.json, written as Markdown or as a page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.endpoint import Endpoint
from eval.report.examples import QuoteRule
from eval.report.rendering import Frame, html_of, markdown_of
from eval.report.sections.declared import Material
from eval.report.sections.registry import sections_of
from eval.report.verdict import cautions, verdict

Json = dict[str, Any]
TITLE = "Harm and over-refusal, before and after alignment"


def render_markdown(results: Json) -> str:
    """Everything but plots and examples, as GitHub reads it."""
    material = Material.of(results, scoreboard=results.get("scoreboard") or [])
    return markdown_of(_frame(results), sections_of(material, page=False))


def render_html(results: Json, samples: Sequence[Json], scoreboard: Sequence[Json], rule: QuoteRule | None = None) -> str:
    """One file: style and figures inline, nothing fetched, everything that a model or a user wrote escaped.

    `rule` says what it may quote, where others than the run's readers are to have it.
    """
    return html_of(_frame(results), sections_of(Material.of(results, samples, scoreboard, rule), page=True))


def _frame(results: Json) -> Frame:
    return Frame(
        title=TITLE,
        verdict=verdict(results),
        about=f"Primary endpoint: {Endpoint.of(results)}",
        created=results.get("created", ""),
        level=f"{results['confidence']:.0%}",
        cautions=cautions(results),
    )
