"""What is known of each source beyond its rows: who decided, by whose principles, who wrote it, who
is missing, at what cost.
"""

from __future__ import annotations

from data_prep.config import SourceConfig
from data_prep.source_kind import SourceFacts
from data_prep.source_registry import source_kind

NOT_STATED = "not stated by the run's owner"


def facts_of(source: SourceConfig) -> SourceFacts:
    """What is known of the source's format, or for a user's own data what the config states;
    nothing is guessed.
    """
    stated = " ".join(source.labelled_by.split())
    known = source_kind(source.format).known
    # What the authors of a public set say stands above what a config says of it.
    if known:
        return known.facts
    statement = (
        f"{stated.rstrip('.')} (as the run's owner states it, not checked)"
        if stated
        else NOT_STATED
    )
    elsewhere = (
        "see under who decided what is harmful; nothing more is stated" if stated else NOT_STATED
    )
    return SourceFacts(
        decided=(
            f"{statement}. A row's column kind tells harmful from benign, and where it has none "
            f"the config's word, {source.kind}"
        ),
        principles=elsewhere,
        written=f"{elsewhere}; the rows' column generator is counted under Sources",
        not_represented=elsewhere,
        cost=elsewhere,
        personal=elsewhere,
    )
