"""What a source declares of itself, beside the function that reads its rows: licence, use, and what
the data card prints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from data_prep.config import SourceConfig
    from data_prep.sources.rows import SourceRows
    from records.rows import Demonstration

Use = Literal["train", "evaluation", "parts"]
"""parts: a part that the set itself marks is for evaluation only and goes to test; the rest may be
trained on."""
UNKNOWN_LICENCE = "unknown"
AMA = (
    "the nine Principles of Medical Ethics of the American Medical Association, United States; "
    "other countries' codes and laws differ, on abortion, assisted dying and confidentiality among "
    "others"
)


@dataclass(frozen=True, kw_only=True)
class Terms:
    licence: str
    use: Use = "train"
    title: str = ""
    reader: str = ""
    """The format that reads the set as it comes."""
    note: str = ""
    """What its authors ask or say besides, for the card of whatever is made from it."""


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """One sentence or two a fact, as the data card prints them."""

    decided: str
    """Who decided what is harmful, how, and who checked it."""
    principles: str
    """Whose they are, and of which country."""
    written: str
    """Who or which model wrote and annotated the rows."""
    not_represented: str
    cost: str
    """What reading harmful text cost the people who annotated it, where known."""
    personal: str
    """Personal or sensitive information in the rows."""
    citation: str = ""
    """BibTeX; empty where there is nothing to cite."""


@dataclass(frozen=True)
class KnownSet:
    """A set with terms and facts of its own."""

    terms: Terms
    facts: SourceFacts
    names: Mapping[str, Terms] = field(default_factory=dict)
    """Where a generic source reads the set, or files made from it: by a regular expression for the
    last part of the path, in lower-case letters and digits, the terms that hold then."""


@dataclass(frozen=True, kw_only=True)
class SourceKind:
    """What a config may give as `format`."""

    read: Callable[[SourceConfig], SourceRows | list[Demonstration]]
    """Every row, from where `path` says that the files lie. A row that nobody may train on has the
    split "test"; the others have "train"."""
    known: KnownSet | None = None
    """None where any data may come in the format: then the config or the rows state their
    licence, and the run's owner the facts."""
    path: str = "a file or a directory"
    """What the setting `path` names; empty where the rows come with the package."""
    is_downloaded: bool = False
    """Whether a path that is not on this machine is taken for an id on the hub."""
