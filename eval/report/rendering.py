"""Sections to a page or to Markdown: what every report is written with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from eval.report.examples import Example
from eval.report.tables import Cell, Table
from eval.report.template import HTML, MARKDOWN
from records.escaping import markdown_cell, markdown_text, visible

_AMOUNT = re.compile(r"(n )?[-+<]? ?\d[\d.,]*%?( to [-+]?[\d.,]+%?)?( points| unscored)?")
_INSIDE = re.compile(
    r"(?<=[\d%]) to (?=[-+\d])|(?<=\d) (?=points|%|of \d)|\b[np] (?=[<=\d])|(?<=[<=]) (?=\d)|"
    r"(?<=\b[np]) [<=] (?=\d)"
)
"""Spaces in `-10 to +23`, `+10.9 points`, `n 32`, `p < 0.001`."""


@dataclass(frozen=True)
class GateLine:
    """What the release gate says, in a line."""

    outcome: str
    detail: str
    look: Literal["met", "unmet", ""]
    link: str = ""
    """The section that holds every line of the gate."""


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
    facts: Sequence[str] = ()
    """Beside the date: run and model."""
    heading: str = ""
    """Of the browser's tab, where it says more than the title."""
    gate: GateLine | None = None


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
    """Sentences of ours alone; backticks make code."""
    items: Sequence[str] = ()
    """Sentences that may hold words from outside."""
    plots: Sequence[Plot] = ()
    examples: Sequence[Example] = ()
    verbatim: str = ""
    name: str = ""
    """Its address in the page."""


def markdown_of(frame: Frame, sections: Sequence[Section]) -> str:
    """Everything but plots and examples, as GitHub reads it."""
    # No HTML escapes: Markdown has filters of its own, which the template applies.
    environment = Environment(
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        # StrictUndefined: a name that is missing raises, where Jinja would print nothing.
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _markdown_cell
    environment.filters["words"] = markdown_text
    return environment.from_string(MARKDOWN).render(asdict(frame), sections=sections)


def html_of(frame: Frame, sections: Sequence[Section]) -> str:
    """One file: style and figures inline, nothing fetched, everything that a model or a user wrote
    escaped.
    """
    environment = Environment(
        autoescape=True,
        finalize=_on_page,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["code"] = _inline_code
    environment.filters["unbroken"] = _unbroken
    environment.filters["kept"] = _kept_together
    environment.filters["tight"] = _tight
    return environment.from_string(HTML).render(asdict(frame), sections=sections)


def _on_page(value: Any) -> Any:
    """Jinja escapes HTML itself; markup is ours."""
    # Markup is ours and stays; every other string may come from outside.
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _markdown_cell(cell: Cell) -> str:
    return markdown_cell(cell.text)


def _unbroken(text: str) -> Markup:
    """A line may end after a comma, and inside no interval and no count."""
    parts = []
    for part in text.split(", "):
        parts.append(
            Markup('<span class="whole">{}</span>').format(visible(part))
            if _is_number(part)
            else visible(part)
        )
    return Markup(", ").join(parts)


def _kept_together(text: str) -> Markup | str:
    """A value as `+10.9 points` stays on one line; words may break."""
    return (
        Markup('<span class="whole">{}</span>').format(visible(text)) if _is_number(text) else text
    )


def _tight(text: str) -> str:
    """Of our own sentences: no line ends inside an amount, an interval or a count."""
    return _INSIDE.sub(lambda found: found.group().replace(" ", "\u00a0"), text)


def _is_number(text: str) -> bool:
    """An amount, an interval or a count: short, with a digit, and hardly any words."""
    return len(text) < 24 and bool(_AMOUNT.fullmatch(text))


def _inline_code(text: str) -> Markup:
    """Of our own sentences: backticks as <code>, the rest escaped."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part
        for number, part in enumerate(parts)
    )
