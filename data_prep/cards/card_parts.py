"""What the cards of prompts and of pairs say alike: sources, licences, restrictions and splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from data_prep.cards.data_card import Facts, table
from data_prep.cards.source_facts import facts_of
from data_prep.config import SourceConfig
from data_prep.source_kind import UNKNOWN_LICENCE
from records.escaping import markdown_text
from records.licences import is_non_commercial
from records.rows import Demonstration, Pair, Prompt
from records.run_files import SPLITS

EXCLUDED = (
    "Training a model to comply with the harmful requests; use of any completion as medical "
    "advice; the claim that a model which does well here is safe in clinical use."
)


def source_names(sources: Sequence[SourceConfig]) -> str:
    """Names of the sources, in order."""
    return ", ".join(source.name for source in sources)


def shared_facts(sources: Sequence[SourceConfig], name: str) -> Facts:
    """Each sentence once, after the names of all sources that it holds for."""
    about: dict[str, list[str]] = {}
    for source in sources:
        about.setdefault(getattr(facts_of(source), name), []).append(source.name)
    return tuple((", ".join(names), sentence) for sentence, names in about.items())


def citations_of(sources: Sequence[SourceConfig]) -> tuple[str, ...]:
    """How each source asks to be cited, every citation once."""
    # A dict keeps the order of the sources, which a set would not.
    return tuple(
        dict.fromkeys(facts.citation for facts in map(facts_of, sources) if facts.citation)
    )


def licence_of(source: SourceConfig, rows: Sequence[Prompt]) -> str:
    """Licences of a source's rows, or where it has none here the one that it stands under."""
    found = set()
    for row in rows:
        if row.source == source.name:
            found.add(row.licence or "unknown")
    # A set whose rows were all left out still has to be named with its terms on the card.
    return ", ".join(sorted(found)) or source.terms.licence


def licences_of(sources: Sequence[SourceConfig], rows: Sequence[Prompt]) -> tuple[str, ...]:
    """Every licence of the rows, or where there are none those of the sources."""
    return tuple(sorted({row.licence or "unknown" for row in rows})) or tuple(
        sorted({source.terms.licence for source in sources})
    )


def restriction_lines(sources: Sequence[SourceConfig], rows: Sequence[Prompt]) -> list[str]:
    """What a reader must heed before anything of the set, or trained on it, is passed on."""
    licences = {source.name: licence_of(source, rows) for source in sources}
    closed = []
    # One row under such a licence is enough: the mark is on whatever the set is made into.
    for name, licence in licences.items():
        if any(map(is_non_commercial, licence.split(", "))):
            closed.append(name)
    unknown = []
    for name, licence in licences.items():
        if UNKNOWN_LICENCE in licence:
            unknown.append(name)
    tested = []
    for source in sources:
        if source.is_for_evaluation:
            tested.append(source.name)
    unnamed = []
    for s in sources:
        # `human` is the default of a generic row: on the card it must not read as a statement.
        if s.is_generic and any(row.source == s.name and row.generator == "human" for row in rows):
            unnamed.append(s.name)
    notes = [
        (closed, "Not for commercial use, and a model trained on it is marked so: {}."),
        (
            unknown,
            "Licence not stated by the run's owner: {}. Settle it before passing on any of it.",
        ),
        (tested, "For evaluation only, all of it in the test split: {}."),
        (unnamed, "The generator `human` also stands where a row names none: {}."),
    ]
    asked = []
    for source in sources:
        # The owners' own words may hold Markdown; the lines above are ours.
        if source.terms.note:
            asked.append(markdown_text(f"{source.name}: {source.terms.note}."))
    found = []
    for names, text in notes:
        if names:
            found.append(text.format(markdown_text(", ".join(names))))
    return ["Each row keeps the licence of its source.", *found, *asked]


def split_table(rows: Sequence[tuple[str, Demonstration | Pair]], label: str) -> str:
    """One line a suite or pair type; under a principle its count in each split."""
    principles = sorted({row.principle for _, row in rows if row.principle is not None})
    present = []
    for split in SPLITS:
        if any(row.split == split for _, row in rows):
            present.append(split)
    # One pass over the rows: a count for each cell would read all rows a hundred times.
    counts = Counter((name, row.split, row.principle) for name, row in rows)
    counts.update(("all", row.split, row.principle) for _, row in rows)
    lines: list[tuple[object, ...]] = []
    for name in (*sorted({name for name, _ in rows}), "all"):
        totals = []
        for split in present:
            totals.append(sum(counts[name, split, principle] for principle in (*principles, None)))
        shares = []
        for number in principles:
            shares.append([counts[name, split, number] for split in present])
        lines.append(
            (name, *totals, *("/".join(map(str, share)) if any(share) else "-" for share in shares))
        )
    shown = table((label, *present, *(f"principle {number}" for number in principles)), lines)
    return f"{shown}\n\nUnder a principle: {', '.join(present)}." if principles else shown
