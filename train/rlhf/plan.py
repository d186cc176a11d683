"""Which prompts each step asks: so many of each kind, whatever the number of ranks."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.layout.collation import Collation
from models.tokens import TokenRow
from records.errors import ConfigError
from records.rows import Prompt
from train.engine.batches import BatchPlan


class Asked(NamedTuple):
    """A prompt with its tokens."""

    prompt: Prompt
    ids: list[int]


class Part(NamedTuple):
    """A micro-batch before its completions are drawn: places of prompts, and the loss scale of
    BatchPlan.micro_batches.
    """

    places: list[int]
    scale: float


class RolloutRows:
    """Prompts with the most tokens that one of them and its completions can take; each prompt
    counts the same.
    """

    units: Sequence[int] | None = None

    def __init__(
        self,
        asked: Sequence[Asked],
        batch_rows: Collation,
        *,
        num_generations: int,
        max_new_tokens: int,
    ) -> None:
        self.asked, self.batch_rows = list(asked), batch_rows
        # As long as they may get, and all different: a step is cut before its completions are
        # known.
        self.lengths = [
            _most_tokens(row.ids, batch_rows, num_generations, max_new_tokens) for row in asked
        ]
        self.weights = [1] * len(self.asked)

    def collate(self, indices: list[int], scale: float) -> Part:
        """The places of a part; its completions are drawn when its step begins."""
        return Part(indices, scale)


def _most_tokens(
    ids: list[int], batch_rows: Collation, completions: int, max_new_tokens: int
) -> int:
    # Padded, the prompt is repeated for each completion; packed, it stands once.
    if batch_rows.why_padded:
        return completions * (len(ids) + max_new_tokens)
    return len(ids) + completions * max_new_tokens


def token_row(ids: Sequence[int], completion: Sequence[int]) -> TokenRow:
    """A prompt with a completion as it was drawn, its end token with it."""
    return TokenRow([*ids, *completion], [0] * len(ids) + [1] * len(completion), False)


def shares(
    parts: Mapping[str, int], available: Mapping[str, int], prompts_per_step: int
) -> dict[str, int]:
    """Prompts of each kind in a step, by largest remainders over the kinds that there are any of.

    Raises ConfigError where a kind has fewer prompts than a step takes.
    """
    wanted = {kind: part for kind, part in parts.items() if part and available.get(kind)}
    total = sum(wanted.values())
    exact = {kind: prompts_per_step * part / total for kind, part in wanted.items()}
    found = {kind: int(share) for kind, share in exact.items()}
    # Those that were rounded down furthest get the prompts that are left.
    for kind in sorted(exact, key=lambda kind: found[kind] - exact[kind])[
        : prompts_per_step - sum(found.values())
    ]:
        found[kind] += 1
    faults = [
        f"rlhf.prompts_per_step={prompts_per_step}: a step takes {count} prompts of the kind "
        f"{kind} and there are {available[kind]}; lower it, change rlhf.mix, or give more prompts"
        for kind, count in found.items()
        if count > available[kind]
    ]
    if faults:
        raise ConfigError(faults)
    return {kind: count for kind, count in found.items() if count}


@dataclass(frozen=True, kw_only=True)
class RolloutPlan(BatchPlan):
    """Steps with a stated number of prompts of each kind; an epoch is what lies between two rows of
    the scoreboard.

    A kind is gone through in an order of its own, again and again, and no step holds a prompt
    twice.
    """

    kinds: Mapping[str, Sequence[int]]
    """Places of the prompts of each kind."""
    shares: Mapping[str, int]
    """Prompts of each kind in a step."""
    steps_in_epoch: int

    def __post_init__(self) -> None:
        prompts = sum(self.shares.values())
        if prompts < self.world_size:
            raise ConfigError(
                f"rlhf.prompts_per_step={prompts}: fewer prompts a step than the {self.world_size} "
                f"ranks of trainer.num_nodes times trainer.devices; raise it to {self.world_size} "
                "or more"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Steps between two measurements."""
        return self.steps_in_epoch

    def steps(self, epoch: int) -> list[list[int]]:
        """The places of each step of an epoch."""
        kept: list[list[int]] = []
        for k in range(self.steps_in_epoch):
            kept.append(self.step(epoch * self.steps_in_epoch + k))
        return kept

    def step(self, number: int) -> list[int]:
        """Places of the prompts of one step of the run, counted from 0."""
        made: list[int] = []
        for kind, count in self.shares.items():
            made.extend(self._drawn(kind, count, number))
        return made

    def of_step(self, number: int, rank: int) -> list[Part]:
        """The micro-batches of one step on one rank."""
        epoch, k = divmod(number, self.steps_in_epoch)
        return [Part(*part) for part in self.parts_of_steps(epoch)[k][rank :: self.world_size]]

    def _drawn(self, kind: str, count: int, number: int) -> list[int]:
        places = list(self.kinds[kind])
        # Prompts left over at a round's end wait for the next: a step over two rounds could hold
        # one twice.
        steps_a_round = len(places) // count
        # From the step's number alone, so that a resumed run asks what it would have asked.
        number_of_round, k = divmod(number, steps_a_round)
        random.Random(f"{self.seed}/{kind}/{number_of_round}").shuffle(places)
        return places[k * count : (k + 1) * count]
