"""Training prompts that nearly are an evaluation's prompts are found, taken out and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from data_prep.config import DecontaminationConfig
from data_prep.near_duplicates.embeddings import Embeddings
from data_prep.near_duplicates.groups import near_matches
from data_prep.wording import normalise, request_text, unit_name
from records.rows import Demonstration

METHOD = "normalised equality, then every pair that could reach the threshold, measured exactly"
NO_GUARANTEE = (
    "a cosine threshold is no guarantee: rewordings below it stay, and requests that only sound "
    "alike may be above it"
)


Measure = Literal["words", "embedding"]
Found = tuple[str, float, bool, Measure]
"""Suite, similarity, whether the texts are equal, and what found it."""


class Removal(NamedTuple):
    row: Demonstration
    suite: str
    similarity: float
    exact: bool
    """The same text but for case and punctuation."""
    by: Measure = "words"
    """What found it, and what the similarity is; words where both did."""


@dataclass(frozen=True, kw_only=True)
class Decontamination:
    kept: list[Demonstration]
    removed: list[Removal]
    suites: dict[str, int]
    """How many evaluation texts each has."""
    config: DecontaminationConfig
    embeddings: Embeddings | None = None

    def report(self) -> dict[str, Any]:
        """What was compared and which rows went; ids only, no text of either side."""
        compared = sum(row.split != "test" for row in self.kept) + len(self.removed)
        return {
            "measure": (
                f"Jaccard of the sets of {unit_name(self.config.ngram)}, lower case, no punctuation"
            ),
            "method": METHOD,
            "recall": 1.0,
            "threshold": self.config.threshold,
            **self._embedding(),
            "suites": self.suites,
            "rows_compared": compared if any(self.suites.values()) else 0,
            "removed": [
                {
                    "id": removal.row.id,
                    "source": removal.row.source,
                    "split": removal.row.split,
                    "suite": removal.suite,
                    "similarity": round(removal.similarity, 4),
                    "exact": removal.exact,
                    **({"by": removal.by} if self.embeddings else {}),
                }
                for removal in self.removed
            ],
        }

    def _embedding(self) -> dict[str, Any]:
        if not self.embeddings:
            return {}
        config = self.embeddings.config
        stated = {
            "measure": "cosine",
            "model": config.name,
            "revision": config.revision,
            "threshold": config.threshold,
        }
        return {"embedding": {**stated, "note": NO_GUARANTEE}}


def decontaminate(
    demonstrations: Sequence[Demonstration],
    evaluation_texts: Mapping[str, Sequence[str]],
    config: DecontaminationConfig,
    *,
    embeddings: Embeddings | None = None,
) -> Decontamination:
    """Take out every train and val row at or above the threshold to any evaluation text; the
    nearest one is named.
    """
    texts = {}
    for row in demonstrations:
        # Test rows are measured on and not trained on, so they may equal a suite's.
        if row.split != "test":
            texts[row.id] = request_text(row.prompt)
    nearest = _nearest(list(texts.values()), evaluation_texts, config)
    if embeddings:
        nearest = (
            # What words found stands: its similarity can be checked by anybody, without the model.
            _nearest_by_embedding(list(texts.values()), evaluation_texts, embeddings) | nearest
        )
    found = {}
    for place, row_id in enumerate(texts):
        if place in nearest:
            found[row_id] = nearest[place]
    kept = [row for row in demonstrations if row.id not in found]
    removed = []
    for row in demonstrations:
        if row.id in found:
            removed.append(Removal(row, *found[row.id]))
    suites = {name: len(texts) for name, texts in evaluation_texts.items()}
    return Decontamination(
        kept=kept, removed=removed, suites=suites, config=config, embeddings=embeddings
    )


def _nearest(
    texts: Sequence[str],
    evaluation_texts: Mapping[str, Sequence[str]],
    config: DecontaminationConfig,
) -> dict[int, Found]:
    """By position of a text: suite, similarity, and whether they are equal.

    An equal one comes first, then the most similar.
    """
    suites = []
    for name, evaluation in evaluation_texts.items():
        for text in evaluation:
            suites.append((name, normalise(text)))
    # Sorted by text and suite, so that of equal texts in several suites the last name wins
    # everywhere.
    equal = dict(sorted({(text, name) for name, text in suites}))
    best: dict[int, tuple[bool, float, str]] = {}
    for place, text in enumerate(map(normalise, texts)):
        # Two texts without words are equal after normalising, and say nothing of each other.
        if text and text in equal:
            best[place] = (True, 1.0, equal[text])
    for near in near_matches(texts, [text for _, text in suites], config.threshold, config.ngram):
        for place, other, similarity in zip(
            near.left.tolist(), near.right.tolist(), near.similarity.tolist(), strict=True
        ):
            best[place] = max(
                best.get(place, (False, 0.0, "")), (False, similarity, suites[other][0])
            )
    made: dict[int, Found] = {}
    for place, (exact, similarity, suite) in best.items():
        made[place] = (suite, similarity, exact, "words")
    return made


def _nearest_by_embedding(
    texts: Sequence[str], evaluation_texts: Mapping[str, Sequence[str]], embeddings: Embeddings
) -> dict[int, Found]:
    suites = []
    for name, evaluation in evaluation_texts.items():
        for text in evaluation:
            suites.append((name, text))
    near = embeddings.nearest(texts, [text for _, text in suites])
    rows = zip(near.left.tolist(), near.right.tolist(), near.similarity.tolist(), strict=True)
    found: dict[int, Found] = {}
    for place, other, similarity in rows:
        found[place] = (suites[other][0], similarity, False, "embedding")
    return found
