"""Training prompts that nearly are an evaluation's prompts are found, taken out and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from data_prep.near_duplicates import WordIndex, normalise, request_text
from data_prep.records import Demonstration

THRESHOLD = 0.5


class Removal(NamedTuple):
    row: Demonstration
    suite: str
    similarity: float
    exact: bool
    """The same text but for case and punctuation."""


@dataclass(frozen=True, kw_only=True)
class Decontamination:
    kept: list[Demonstration]
    removed: list[Removal]

    def report(self, evaluation_texts: Mapping[str, Sequence[str]], *, threshold: float = THRESHOLD) -> dict[str, Any]:
        """What was compared and which rows went; ids only, no text of either side."""
        return {
            "measure": "Jaccard of the word sets, lower case, no punctuation",
            "threshold": threshold,
            "suites": {name: len(texts) for name, texts in evaluation_texts.items()},
            "rows_compared": sum(row.split != "test" for row in self.kept) + len(self.removed),
            "removed": [
                {
                    "id": removal.row.id,
                    "source": removal.row.source,
                    "split": removal.row.split,
                    "suite": removal.suite,
                    "similarity": round(removal.similarity, 4),
                    "exact": removal.exact,
                }
                for removal in self.removed
            ],
        }


def decontaminate(
    demonstrations: Sequence[Demonstration], evaluation_texts: Mapping[str, Sequence[str]], *, threshold: float = THRESHOLD
) -> Decontamination:
    """Take out every train and val row at or above the threshold to any evaluation text; the nearest one is named."""
    indexes = {name: WordIndex(texts, threshold) for name, texts in evaluation_texts.items()}
    exact = {name: {normalise(text) for text in texts} for name, texts in evaluation_texts.items()}
    kept: list[Demonstration] = []
    removed: list[Removal] = []
    for row in demonstrations:
        text = request_text(row.prompt)
        found = (
            [(match.similarity, name) for name, index in indexes.items() for match in index.matches(text)] if row.split != "test" else []
        )
        if found:
            similarity, suite = max(found)
            removed.append(Removal(row, suite, similarity, exact=any(normalise(text) in exact[name] for _, name in found)))
        else:
            kept.append(row)
    return Decontamination(kept=kept, removed=removed)
