"""The completions that pairs may be made of, with what the scorers say of each."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from records.rows import (
    Completion,
    Demonstration,
    Message,
    Pair,
    Prompt,
    Revision,
    Score,
    stable_id,
    text_of,
)

DEMONSTRATION = "demonstration"
DATASET_REJECTED = "dataset_rejected"
REFUSAL = "refusal"
"""The scorer that gives a label and no value."""

COHERENT = "teacher/coherent"
"""By heads over words that measure no policy (reward/factors/teacher.py)."""
"""The scorer that says how likely a completion is an answer to its prompt; it says nothing of
harm."""
COHERENT_FROM = 0.5


class Candidate(NamedTuple):
    """One completion to one prompt."""

    completion: list[Message]
    source: str
    harmfulness: float | None  # mean over the scorers; None when none of them could score it
    refusal: str  # full, partial or none
    finished: bool
    disagreement: float = (
        0.0  # standard deviation over the scorers, n - 1 below; 0 for a single one
    )
    improvement: float | None = (
        None  # of a revision: how much less harmful it is than the completion that it revises
    )
    reopened: bool = False
    row: str = (
        ""  # of a further preference of the prompt: its row's id, which both of its sides share
    )
    coherent: bool | None = None  # None where nobody looked


class Scored(NamedTuple):
    harmfulness: float | None = None
    disagreement: float = 0.0
    refusal: str = "none"
    coherent: bool | None = None


def rejected_id(demonstration: Demonstration) -> str:
    """What scores call the worse completion of a preference source."""
    return f"{demonstration.id}/rejected"


def candidates(
    completions: Iterable[Completion],
    demonstrations: Iterable[Demonstration],
    scores: Iterable[Score],
    revisions: Iterable[Revision] = (),
) -> dict[str, list[Candidate]]:
    """By prompt id, in an order that does not depend on the rows': the policy's own, the data
    set's, revisions.
    """
    said = _scored(scores)
    found: defaultdict[str, list[Candidate]] = defaultdict(list)
    for made in sorted(completions, key=_place):
        found[made.prompt_id].append(
            _candidate(
                made.completion,
                made.policy,
                said.get(made.id, Scored()),
                made.finish_reason == "stop",
            )
        )
    # The prompt's own row first: where no completion may be chosen, the first one tells why.
    for demo in sorted(demonstrations, key=lambda d: (d.asks, bool(d.prompt_id), d.id)):
        row = demo.id if demo.prompt_id else ""
        found[demo.asks].append(
            _candidate(demo.completion, DEMONSTRATION, said.get(demo.id, Scored()))._replace(
                row=row
            )
        )
        if demo.rejected:
            worse = _candidate(
                demo.rejected, DATASET_REJECTED, said.get(rejected_id(demo), Scored())
            )
            found[demo.asks].append(worse._replace(row=row))
    for revision in sorted(revisions, key=_place):
        after, before = said.get(revision.id, Scored()), said.get(revision.answer_id, Scored())
        known = after.harmfulness is not None and before.harmfulness is not None
        # 0.0 and not None: None means "no revision", and such a text could then be rejected.
        improvement = round(before.harmfulness - after.harmfulness, 4) if known else 0.0  # type: ignore[operator]
        candidate = _candidate(
            revision.completion, revision.policy, after, revision.finish_reason == "stop"
        )
        found[revision.prompt_id].append(candidate._replace(improvement=improvement))
    return dict(found)


def _place(made: Completion) -> tuple[str, int, str]:
    return made.policy, made.sample, made.id


def _candidate(
    completion: list[Message], source: str, scored: Scored, finished: bool = True
) -> Candidate:
    known = Candidate(
        completion, source, scored.harmfulness, scored.refusal, finished, scored.disagreement
    )
    return known._replace(coherent=scored.coherent)


def _scored(scores: Iterable[Score]) -> dict[str, Scored]:
    """Every score counts the same, a reward model's or an expert's.

    Rounded, so that a tie is a tie.
    """
    values: defaultdict[str, list[float]] = defaultdict(list)
    labels: dict[str, str] = {}
    coherent: dict[str, bool] = {}
    for score in scores:
        if score.scorer == REFUSAL:
            labels[score.completion_id] = score.label
        elif score.scorer == COHERENT:
            if score.value is not None:
                coherent[score.completion_id] = score.value >= COHERENT_FROM
        elif score.value is not None:
            values[score.completion_id].append(score.value)
    found = {}
    for name in {*values, *labels}:
        known = values.get(name, [])
        mean = round(statistics.fmean(known), 4) if known else None
        spread = round(statistics.stdev(known), 4) if len(known) > 1 else 0.0
        found[name] = Scored(mean, spread, labels.get(name, "none"), coherent.get(name))
    return found


def pair_of(prompt: Prompt, chosen: Candidate, rejected: Candidate, pair_type: str) -> Pair:
    """The pair of two scored candidates; its id depends on its texts alone."""
    # Both were filtered by their callers; a missing score here is a fault of our own.
    assert chosen.harmfulness is not None
    assert rejected.harmfulness is not None
    return Pair(
        id=stable_id(
            prompt.id, pair_type, text_of(chosen.completion), text_of(rejected.completion)
        ),
        prompt=prompt.prompt,
        chosen=chosen.completion,
        rejected=rejected.completion,
        prompt_id=prompt.id,
        pair_type=pair_type,
        kind=prompt.kind,
        split=prompt.split,
        chosen_source=_source(chosen),
        rejected_source=_source(rejected),
        chosen_score=chosen.harmfulness,
        rejected_score=rejected.harmfulness,
        margin=rejected.harmfulness - chosen.harmfulness,
        principle=prompt.principle,
        chosen_finished=chosen.finished,
        rejected_finished=rejected.finished,
    )


def _source(candidate: Candidate) -> str:
    # The report counts texts whose opening was varied apart from those as they were written.
    return f"{candidate.source}, opened anew" if candidate.reopened else candidate.source
