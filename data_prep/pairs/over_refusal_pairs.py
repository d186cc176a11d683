"""Pairs of a benign prompt: a helpful completion over a refusal."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from data_prep.pairs.candidates import DATASET_REJECTED, DEMONSTRATION, Candidate, pair_of
from data_prep.pairs.config import PairsConfig
from records.harm_scale import HIGH_HARM
from records.rows import Pair, Prompt, text_of


def refusals_of(
    harmful: Sequence[Prompt], by_prompt: dict[str, list[Candidate]]
) -> dict[str, Candidate]:
    """The data set's scored refusals by the id of the harmful prompt that they answer, in a fixed
    order.
    """
    found: dict[str, Candidate] = {}
    for prompt in harmful:
        safe = next((c for c in by_prompt.get(prompt.id, []) if c.source == DEMONSTRATION), None)
        # In full only: a text that declines and then helps would put half a helpful completion on
        # the rejected side.
        if safe is not None and safe.harmfulness is not None and safe.refusal == "full":
            found[prompt.id] = safe._replace(source=f"safe completion to {prompt.split}")
    return found


def over_refusal_pair(
    prompt: Prompt,
    refusals: dict[str, Candidate],
    found: list[Candidate],
    config: PairsConfig,
    seed: int,
    dropped: Counter[str],
) -> Pair | None:
    """Rejected is the policy's own refusal where it refuses the prompt, else that of the harmful
    twin: the very text that is chosen there is wrong here. A benign prompt without a twin gets the
    refusal of some harmful prompt of its own split.
    """
    # What a data set rejects is no example of helping.
    able = [c for c in found if c.source != DATASET_REJECTED]
    if config.sides.helpful == "demonstration":
        able = [c for c in able if c.source == DEMONSTRATION]
    # The policy's own completion comes first: it keeps what the model knows, and it is as long as
    # what harm pairs reject.
    completions = []
    for c in able:
        if c.refusal == "none" and text_of(c.completion).strip():
            completions.append(c)
    # None (nobody looked) passes; only a text that was looked at and found incoherent does not.
    helpful = next((c for c in completions if c.coherent is not False and not _rated_high(c)), None)
    if helpful is None and completions:
        dropped["benign prompt whose completions are incoherent or rated harmful"] += 1
        return None
    refusal = _own_refusal(found) or _twins_refusal(prompt, refusals, seed)
    if helpful is None or helpful.harmfulness is None or refusal is None:
        dropped["benign prompt without a helpful completion or a refusal to set against it"] += 1
        return None
    if helpful.disagreement > config.max_disagreement:
        dropped["scorers disagree"] += 1
        return None
    return pair_of(prompt, helpful, refusal, "over_refusal")


def _rated_high(candidate: Candidate) -> bool:
    """Of a policy's completion; people vouch for the data set's, and a scorer's error would take
    them away.
    """
    harm = candidate.harmfulness
    return candidate.source != DEMONSTRATION and harm is not None and harm >= HIGH_HARM


def _own_refusal(found: Sequence[Candidate]) -> Candidate | None:
    """The policy's own refusal of a benign prompt: the very mistake that the pair is to mend."""
    own = (
        c
        for c in found
        # A revision was written on request and is no mistake of the policy's own.
        if c.source not in (DEMONSTRATION, DATASET_REJECTED) and c.improvement is None
    )
    return next(
        (
            c._replace(source=f"{c.source}'s own refusal")
            for c in own
            if c.refusal == "full" and c.harmfulness is not None
        ),
        None,
    )


def _twins_refusal(prompt: Prompt, refusals: dict[str, Candidate], seed: int) -> Candidate | None:
    # The twin's own text, so that the topic does not tell which side is preferred.
    if own := refusals.get(prompt.twin_id or ""):
        return own._replace(source="twin's safe completion")
    # Of the same split: a training text on the held-out side would be known to the probes and the
    # model.
    others = []
    for candidate in refusals.values():
        if candidate.source == f"safe completion to {prompt.split}":
            others.append(candidate)
    return (
        random.Random(f"{seed}/{prompt.id}")
        .choice(others)
        ._replace(source="another safe completion")
        if others
        else None
    )
