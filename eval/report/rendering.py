"""Sections to a page or to Markdown: what every report is written with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from eval.report.examples import Example
from eval.report.tables import Cell, Table
from eval.report.template import HTML, MARKDOWN
from records.escaping import markdown_cell, markdown_text, visible


@dataclass(frozen=True)
class Frame:
    """What stands above the sections."""

    title: str
    verdict: str
    about: str
    """What the numbers are of, in half a line."""
    created: str
    level: str
    """Confidence of the intervals, as `95%`."""
    cautions: Sequence[str] = ()


@dataclass(frozen=True)
class Plot:
    svg: Markup
    caption: str


@dataclass(frozen=True)
class Section:
    title: str = ""
    """Of a registered section only where it is not the registered one."""
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    bullets: Sequence[str] = ()
    plots: Sequence[Plot] = ()
    examples: Sequence[Example] = ()
    verbatim: str = ""
    name: str = ""
    """Its address in the page."""


def markdown_of(frame: Frame, sections: Sequence[Section]) -> str:
    """Everything but plots and examples, as GitHub reads it."""
    environment = Environment(autoescape=False, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, keep_trailing_newline=True)
    environment.filters["cell"] = _markdown_cell
    environment.filters["words"] = markdown_text
    return environment.from_string(MARKDOWN).render(asdict(frame), sections=sections)


def html_of(frame: Frame, sections: Sequence[Section]) -> str:
    """One file: style and figures inline, nothing fetched, everything that a model or a user wrote escaped."""
    environment = Environment(autoescape=True, finalize=_on_page, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters["code"] = _inline_code
    environment.filters["unbroken"] = _unbroken
    return environment.from_string(HTML).render(asdict(frame), sections=sections)


def _on_page(value: Any) -> Any:
    """Jinja escapes HTML itself; markup is ours."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _markdown_cell(cell: Cell) -> str:
    if not cell.detail:
        return markdown_cell(cell.value)
    interval, comma, rest = cell.detail.partition(", n ")
    return markdown_cell(f"{cell.value} ({interval}){comma}{rest}")


def _unbroken(text: str) -> str:
    """No line end inside `low to high` and `n 90`."""
    return re.sub(r"(?<=\d) (to) (?=[-+\d])|(?<=\bn) (?=\d)", lambda match: match.group(0).replace(" ", "\u00a0"), text)


def _inline_code(text: str) -> Markup:
    """Of our own sentences: backticks as <code>, the rest escaped."""
    parts = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if number % 2 else part for number, part in enumerate(parts))
