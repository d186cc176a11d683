"""How likely a policy finds medical text of the run that no training saw: reference completions of
the test split's benign prompts, in the run's chat format, completion tokens alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval.capability.answers import batches, row_logps
from models.layout.collation import Collation
from models.tokens import encode
from records.choice import at_even_distances
from records.rows import Demonstration, Record


@dataclass(frozen=True, kw_only=True)
class TextLikelihood(Record):
    """What one policy makes of one reference completion."""

    policy: str
    logp: float
    """Natural log-probability, summed over its tokens."""
    tokens: int


def held_out_texts(demonstrations: Sequence[Demonstration], count: int) -> list[Demonstration]:
    """Benign rows that have a reference completion, at even distances; further preferences left
    out.
    """
    rows = [
        row
        for row in demonstrations
        # Benign ones alone: fitting a refusal less well is no loss of medicine.
        if row.kind == "benign" and row.completion and not row.prompt_id
    ]
    # Sorted by id, so that the choice does not depend on the order of the file.
    return at_even_distances(sorted(rows, key=lambda row: row.id), count)


def likelihoods(
    model: Any,
    tokenizer: Any,
    texts: Sequence[Demonstration],
    layout: Collation,
    *,
    policy: str,
    max_length: int,
    batch_tokens: int,
) -> list[TextLikelihood]:
    """One a text that fits `max_length`, the end of turn counted; the same texts for every policy
    of one tokenizer."""
    # What does not fit is left out for every policy alike, as they share the tokenizer.
    encoded = [
        (text.id, row)
        for text in texts
        if (row := encode(tokenizer, text.prompt, text.completion, max_length))
    ]
    found = []
    for places in batches([layout.tokens([row]) for _, row in encoded], batch_tokens):
        chosen = [encoded[place] for place in places]
        logps = row_logps(model, [row for _, row in chosen], layout)
        for (text, row), logp in zip(chosen, logps, strict=True):
            found.append(
                TextLikelihood(
                    id=f"{text}/{policy}",
                    policy=policy,
                    logp=logp,
                    tokens=row.num_completion_tokens,
                )
            )
    return found
