"""Requests whose label another row, or the words of all others, speak against."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence, Set

from data_prep.lint.faults import Fault
from data_prep.near_duplicates.groups import near_matches
from data_prep.wording import normalise, request_text, word_set
from records.rows import Demonstration, text_of

LOOKALIKE = 0.8
"""Word-set Jaccard from which two requests should have one label, twins apart."""
MIN_ROWS_A_KIND = 30
MIN_LOG_ODDS = math.log(19)
"""0.95 against 0.05."""


def same_prompts(rows: Sequence[Demonstration]) -> Iterator[Fault]:
    """The first row of each prompt is in order; every later one is a fault."""
    same: dict[str, list[Demonstration]] = defaultdict(list)
    for row in rows:
        # Case and punctuation are levelled: a copied set often differs in nothing else.
        same[normalise(text_of(row.prompt))].append(row)
    for first, *others in same.values():
        for row in others:
            if row.kind == first.kind:
                yield Fault(
                    "duplicate_prompt",
                    row.id,
                    f"the same as {first.id} ({first.source}) but for case and punctuation",
                )
            else:
                yield Fault(
                    "contradictory_kind",
                    row.id,
                    f"{row.kind} here and {first.kind} in {first.id} ({first.source})",
                )


def lookalikes(rows: Sequence[Demonstration], unrefused: Set[str]) -> Iterator[Fault]:
    """Harmful requests that nearly equal a benign one, or that read like the benign rows and whose
    completion (`unrefused`) helps.

    A twin is near its harmful half on purpose and is no evidence.
    """
    harmful, benign = ([row for row in rows if row.kind == kind] for kind in ("harmful", "benign"))
    texts = []
    for side in (harmful, benign):
        texts.append([normalise(request_text(row.prompt)) for row in side])
    near: defaultdict[int, list[int]] = defaultdict(list)
    for found in near_matches(texts[0], texts[1], LOOKALIKE):
        for left, right in zip(found.left.tolist(), found.right.tolist(), strict=True):
            near[left].append(right)
    odds = benign_log_odds(rows, unrefused)
    # Harmful rows alone are named: a harmful label on a benign question teaches to refuse it.
    for place, row in enumerate(harmful):
        # Equal requests are another kind of fault.
        others = []
        for right in sorted(near[place]):
            if texts[1][right] != texts[0][place]:
                others.append(benign[right])
        strangers = []
        # Twins name each other in one of the two rows only.
        for other in others:
            if row.id not in (other.twin_id, "") and other.id != row.twin_id:
                strangers.append(other)
        if strangers:
            yield Fault(
                "benign_lookalike",
                row.id,
                f"nearly the words of {strangers[0].id} ({strangers[0].source}), which is benign",
            )
        # Words alone are weak evidence; they count only beside a completion that helps.
        elif odds.get(row.id, 0.0) >= MIN_LOG_ODDS:
            yield Fault(
                "benign_lookalike",
                row.id,
                "the words of benign rows, and its completion does not decline",
            )


def can_compare_words(rows: Sequence[Demonstration]) -> bool:
    """Whether both kinds have rows enough that their words can be compared."""
    kinds = Counter(row.kind for row in rows)
    return min(kinds["harmful"], kinds["benign"]) >= MIN_ROWS_A_KIND


def benign_log_odds(rows: Sequence[Demonstration], wanted: Set[str]) -> dict[str, float]:
    """log P(benign | words) / P(harmful | words) of the wanted harmful rows by id, each judged by
    all rows but itself.

    Naive Bayes over the words that a request holds: log (B+1)/(H+1) + sum_w log [(b_w+1)/(B+2)] /
    [(h_w+1)/(H+2)], with B benign and H other harmful rows, of which b_w and h_w hold the word w.
    """
    # Counting the words of all rows is the costly part; a set without such a row needs none of it.
    if not wanted or not can_compare_words(rows):
        return {}
    words = {row.id: word_set(request_text(row.prompt)) for row in rows}
    holding = {}
    for kind in ("harmful", "benign"):
        holding[kind] = Counter(word for row in rows if row.kind == kind for word in words[row.id])
    benign = sum(row.kind == "benign" for row in rows)
    # Each row is judged by the others: with its own words counted, a rare word would vouch for its
    # own label.
    harmful = len(rows) - benign - 1
    prior = math.log((benign + 1) / (harmful + 1))
    scale = math.log((harmful + 2) / (benign + 2))
    made: dict[str, float] = {}
    for row in rows:
        if row.kind == "harmful" and row.id in wanted:
            made[row.id] = prior + sum(
                # The count of harmful rows holds the row itself, so that its +1 for smoothing is in
                # it already.
                scale + math.log((holding["benign"][word] + 1) / holding["harmful"][word])
                for word in words[row.id]
            )
    return made
