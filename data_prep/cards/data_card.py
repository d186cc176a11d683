"""One page that says what a built set is: who decided, who wrote, what was left out, who is
missing, what it is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from records.errors import RecordError
from records.escaping import markdown_cell, markdown_text

Facts = tuple[tuple[str, str], ...]
"""(what it is about, sentence); a sentence about the whole set has nothing before it."""
HEADINGS = {
    "sources": "Sources and licences",
    "decided": "Who decided what is harmful",
    "principles": "By whose principles",
    "written": "Who wrote and annotated it",
    "splits": "Splits",
    "left_out": "What was left out",
    "not_represented": "Who is not represented",
    "limitations": "Known limits",
    "cost": "What harmful text cost its annotators",
    "personal": "Personal information",
    "intended": "Intended use",
    "excluded": "Excluded use",
}


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """What the page says under each heading. Counts and facts only: no text of any row.

    Words, escaped where they are written; `sources` and `splits` alone are Markdown.
    """

    name: str
    summary: str
    licences: tuple[str, ...]
    sources: str
    decided: Facts
    principles: Facts
    written: Facts
    splits: str
    left_out: Facts
    not_represented: Facts
    limitations: Facts
    cost: Facts
    personal: Facts
    intended: str
    excluded: str
    citations: tuple[str, ...] = ()
    """BibTeX of the sources; may be empty, nothing else may."""

    def markdown(self) -> str:
        """The card as a page."""
        parts = [f"# Data card: {markdown_text(self.name)}", markdown_text(self.summary)]
        for name, heading in HEADINGS.items():
            parts += [f"## {heading}", self._part(name)]
        return "\n\n".join(parts) + "\n"

    def _part(self, name: str) -> str:
        value = getattr(self, name)
        if not isinstance(value, str):
            return _list(value)
        return value if name in ("sources", "splits") else markdown_text(value)


def require_complete(card: DataCard) -> None:
    """Raise RecordError that names every part of the card that says nothing."""
    empty = []
    # All gaps at once: a card is filled in by hand, and each try costs a run of the stage.
    for name in (field.name for field in fields(card) if field.name != "citations"):
        value = getattr(card, name)
        if not value or (isinstance(value, str) and not value.strip()):
            empty.append(name)
        elif name in HEADINGS and not isinstance(value, str):
            for about, sentence in value:
                if not sentence.strip():
                    empty.append(f"{name} of {about or 'the whole set'}")
    if empty:
        raise RecordError(
            [
                f"data card of {card.name!r}: {part} is empty; say what is known, or that it is "
                "not known"
                for part in empty
            ]
        )


def sentences(facts: Facts) -> list[str]:
    """Each fact with the sources that it is about in front."""
    return [f"{about}: {sentence}" if about else sentence for about, sentence in facts]


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Markdown; cells are words."""
    rule = f"| {' | '.join(['---'] * len(header))} |"
    return "\n".join([_line(header), rule, *map(_line, rows)])


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(markdown_cell(str(cell)) for cell in cells)} |"


def _list(facts: Facts) -> str:
    return "\n".join(f"- {_item(about, sentence)}." for about, sentence in facts)


def _item(about: str, sentence: str) -> str:
    if about:
        return f"**{markdown_text(about)}**: {markdown_text(sentence)}"
    return markdown_text(f"{sentence[:1].upper()}{sentence[1:]}")
