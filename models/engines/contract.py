"""What every engine is: token ids go in, the tokens that follow them come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

from models.config import GenerationConfig

Rows = list[list[int]]


class Asked(NamedTuple):
    """Of all rows together, but for the seeds, which are one a row."""

    config: GenerationConfig
    ends: list[int]
    """The tokens that end a completion."""
    seeds: list[int]


@runtime_checkable
class Engine(Protocol):
    """Writes completions: transformers here, vLLM in a process of its own."""

    def complete(self, ids: Rows, asked: Asked, done: Callable[[int], object]) -> Rows:
        """The tokens that follow each row, in the rows' order, the end token that was written with
        them.

        A row's completion depends neither on its neighbours nor on their number. `done` is called
        with how many rows have ended since its last call.
        """
        ...


def in_batches(
    ids: Rows,
    asked: Asked,
    size: int,
    done: Callable[[int], object],
    write: Callable[[Rows, Asked], Rows],
) -> Rows:
    """Rows by length, so many at once: those of like length waste the least on padding."""
    order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
    written: dict[int, list[int]] = {}
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        seeds = [asked.seeds[i] for i in chosen]
        made = write([ids[i] for i in chosen], asked._replace(seeds=seeds))
        written.update(zip(chosen, made, strict=True))
        done(len(chosen))
    return [written[i] for i in range(len(ids))]
