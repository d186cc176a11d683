"""Rows that ask the same thing: each prompt once, and beside it every preference among its
completions.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from data_prep.splits.dropped import Drop
from records.rows import Demonstration, json_line, text_of


class Joined(NamedTuple):
    kept: list[Demonstration]
    dropped: list[Drop]


def drop_duplicates(rows: Sequence[Demonstration]) -> tuple[list[Demonstration], list[Drop]]:
    """Each prompt once, each preference once and each id once, in the order of `rows`.

    Of equal prompts the one for evaluation only is kept, so that nobody trains on it, then one with
    a preference, then one with a completion, then the first. Another preference of the same prompt
    is kept as well, and its `prompt_id` names the prompt's row. An id that an earlier source used
    already gets its source's name in front.
    """
    best: dict[str, tuple[bool, bool, bool, int]] = {}
    ranks = [
        (row.split != "test", not is_preference(row), not row.completion, number)
        for number, row in enumerate(rows)
    ]
    # The whole conversation is the key, its roles included, and not the last message alone.
    texts = [json_line({"prompt": row.prompt}) for row in rows]
    for text, rank in zip(texts, ranks, strict=True):
        best[text] = min(rank, best.get(text, rank))
    # The sides that the kept row has already; a copy of them is a duplicate and no preference.
    seen = {(text, _sides(rows[rank[-1]])) for text, rank in best.items()}
    kept: list[tuple[int, str]] = []
    dropped: list[Drop] = []
    for row, text, rank in zip(rows, texts, ranks, strict=True):
        first = rows[best[text][-1]]
        if rank == best[text]:
            kept.append((rank[-1], text))
        elif (
            is_preference(row)
            # A preference under the other label would train both ways for one prompt.
            and row.kind == first.kind
            # A prompt of the test set must leave no pair to train on.
            and first.split != "test"
            and (text, _sides(row)) not in seen
        ):
            seen.add((text, _sides(row)))
            kept.append((rank[-1], text))
        else:
            reason = "duplicate" if row.kind == first.kind else "contradictory_kind"
            dropped.append(Drop(row, reason, f"kept as {first.kind} {first.id} of {first.source}"))
    prompts = {text: rank[-1] for text, rank in best.items()}
    # Ids are made distinct after the choice, as a dropped row needs none.
    named = _with_own_ids([rows[number] for number, _ in kept])
    ids = {number: row.id for (number, _), row in zip(kept, named, strict=True)}
    taken = {ids[number] for number in prompts.values()}
    # Prompts' own rows have their ids already; a further row takes what is left.
    for place, (number, text) in enumerate(kept):
        if number != prompts[text]:
            name = _free(named[place].id, taken)
            taken.add(name)
            named[place] = dataclasses.replace(named[place], id=name, prompt_id=ids[prompts[text]])
    return named, dropped


def _free(name: str, taken: Set[str]) -> str:
    return (
        name
        if name not in taken
        else next(f"{name}#{n}" for n in itertools.count(2) if f"{name}#{n}" not in taken)
    )


def is_preference(row: Demonstration) -> bool:
    """Whether a row has a completion and a rejected one."""
    return bool(text_of(row.completion).strip()) and bool(text_of(row.rejected).strip())


def with_their_prompts(
    further: Iterable[Demonstration], kept: Sequence[Demonstration], dropped: Sequence[Drop]
) -> Joined:
    """Further preferences in the split and group of their prompt's row, or left out for the reason
    that it was.
    """
    rows = {row.id: row for row in kept}
    why = {drop.row.id: drop for drop in dropped}
    joined = Joined([], [])
    for row in further:
        prompt = rows.get(row.prompt_id)
        if prompt is None:
            # KeyError here would be our own fault: every prompt's row was kept or dropped with a
            # reason.
            joined.dropped.append(why[row.prompt_id]._replace(row=row))
        else:
            place = {
                name: getattr(prompt, name)
                # Only what says where the row belongs; its licence and source stay its own.
                for name in ("suite", "group", "split", "twin_id", "principle")
            }
            joined.kept.append(dataclasses.replace(row, **place))
    return joined


def prompt_rows(rows: Iterable[Demonstration]) -> list[Demonstration]:
    """Each prompt's own row."""
    return [row for row in rows if not row.prompt_id]


def distinct_completions(rows: Iterable[Demonstration]) -> list[Demonstration]:
    """Without further preferences whose completion an earlier row of the prompt has already: each
    is imitated once.
    """
    seen: defaultdict[str, set[str]] = defaultdict(set)
    kept = []
    # The prompt's own row first, so that of two equal completions the one of that row is kept.
    for row in sorted(rows, key=lambda row: bool(row.prompt_id)):
        completion = json_line({"completion": row.completion})
        if completion not in seen[row.asks]:
            kept.append(row)
        seen[row.asks].add(completion)
    return kept


def _sides(row: Demonstration) -> tuple[str, str]:
    return json_line({"completion": row.completion}), json_line({"rejected": row.rejected})


def _with_own_ids(rows: Sequence[Demonstration]) -> list[Demonstration]:
    owner: dict[str, str] = {}
    for row in rows:
        owner.setdefault(row.id, row.source)

    def named(row: Demonstration, name: str) -> str:
        return name if owner.get(name, row.source) == row.source else f"{row.source}/{name}"

    return [
        dataclasses.replace(
            row, id=named(row, row.id), twin_id=named(row, row.twin_id) if row.twin_id else None
        )
        for row in rows
    ]
