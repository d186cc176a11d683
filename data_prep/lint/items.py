"""What the linter looks at: a demonstration and a built pair are the same thing to it."""

from __future__ import annotations

from typing import NamedTuple

from records.rows import Demonstration, Kind, Message, Pair, text_of


class Item(NamedTuple):
    id: str
    kind: Kind
    prompt: list[Message]
    completion: list[Message]
    """The completion to imitate, or the chosen one; empty for a prompt alone."""
    rejected: list[Message]
    completion_name: str
    names: tuple[str, ...]
    """The row's other texts, which are written to files too."""
    source: str = ""
    """Empty for a pair."""

    @property
    def has_completion(self) -> bool:
        """Whether there is a completion to imitate or prefer."""
        return bool(text_of(self.completion).strip())

    @property
    def is_preference(self) -> bool:
        """Whether it has both sides."""
        return bool(self.completion and self.rejected)

    def texts(self) -> dict[str, str]:
        """The parts that are there, by the name that a report calls them."""
        parts = {
            "prompt": self.prompt,
            self.completion_name: self.completion,
            "rejected": self.rejected,
        }
        found: dict[str, str] = {}
        for name, messages in parts.items():
            if messages:
                found[name] = text_of(messages)
        return found


def of_demonstration(row: Demonstration) -> Item:
    """A demonstration as the linter looks at it."""
    names = (
        row.id,
        row.suite,
        row.source,
        row.licence,
        row.generator,
        row.topic,
        row.twin_id or "",
    )
    return Item(
        row.id, row.kind, row.prompt, row.completion, row.rejected, "completion", names, row.source
    )


def of_pair(pair: Pair) -> Item:
    """A preference pair as the linter looks at it."""
    return Item(
        pair.id,
        pair.kind,
        pair.prompt,
        pair.chosen,
        pair.rejected,
        "chosen",
        (pair.id, pair.prompt_id),
    )
