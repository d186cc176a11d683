"""One page that says what a built set is: who decided, who wrote, what was left out, who is missing, what it is for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from records.errors import RecordError

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
    """What the page says under each heading. Counts and facts only: no text of any row."""

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
        parts = [f"# Data card: {self.name}", self.summary]
        for name, heading in HEADINGS.items():
            value = getattr(self, name)
            parts += [f"## {heading}", value if isinstance(value, str) else _list(value)]
        return "\n\n".join(parts) + "\n"


def require_complete(card: DataCard) -> None:
    """Raise RecordError that names every part of the card that says nothing."""
    empty = []
    for name in (field.name for field in fields(card) if field.name != "citations"):
        value = getattr(card, name)
        if not value or (isinstance(value, str) and not value.strip()):
            empty.append(name)
        elif name in HEADINGS and not isinstance(value, str):
            empty += [f"{name} of {about or 'the whole set'}" for about, sentence in value if not sentence.strip()]
    if empty:
        raise RecordError([f"data card of {card.name!r}: {part} is empty; say what is known, or that it is not known" for part in empty])


def sentences(facts: Facts) -> list[str]:
    return [f"{about}: {sentence}" if about else sentence for about, sentence in facts]


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _list(facts: Facts) -> str:
    return "\n".join(f"- **{about}**: {sentence}." if about else f"- {sentence[:1].upper()}{sentence[1:]}." for about, sentence in facts)
