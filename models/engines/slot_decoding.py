"""Completions by a loop of our own: slots that rows enter, leave when they have ended, and leave to
the next.

A batch of `generate` is as long as its longest completion. Here a short refusal costs what it is
long: its slot is given to a waiting row. Rows of like length share a cache; logits are made of the
last place of a row only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import torch
from torch import Tensor

from models.adapters.wrapping import unwrapped
from models.engines.prefill import WORTH
from models.engines.prepacked import prepacked
from models.engines.sampling import SeededSampling, largest
from models.engines.slots import Admission, Next, Pass, Slots, Start, attending_slots, inputs_of
from models.engines.step_graph import Steps, recorder_for
from models.layout.logps import transforms_logits
from models.layout.packed_attention import why_no_layout

LIKE = 2.0
"""Longest to shortest of the rows that share a cache, with what they may write: all of its slots
are as long as the longest."""
REFILL = 8
"""One of so many slots must be free before rows are admitted: a pass over few rows costs nearly
what one over many does."""
ADMITTED_TOKENS = 8192
"""Of one pass, padding counted."""
SHRINK = 0.75
"""Share of slots in use from which the rest is given up, where no row waits."""


class Decoding(NamedTuple):
    """What is asked of the loop: token limit, the tokens that end a row, slots, and how a token is
    chosen.
    """

    max_new_tokens: int
    ends: frozenset[int]
    slots: int
    sampling: SeededSampling | None  # of all rows, by their number
    done: Callable[[], object]  # called once a row


def why_plain(model: Any, longest: int) -> str | None:
    """Why rows of up to `longest` tokens, completions counted, are left to transformers' own loop;
    None where they are not.
    """
    plain = unwrapped(model)
    config = plain.config
    text = config.get_text_config()
    if getattr(config, "is_encoder_decoder", False):
        return "it has an encoder"
    if len(set((getattr(plain, "hf_device_map", None) or {}).values())) > 1:
        return "it is spread over several devices"
    if transforms_logits(config):
        return "it changes its logits after the head"
    if getattr(text, "attn_logit_softcapping", None) or any(
        "sinks" in name for name, _ in plain.named_parameters()
    ):
        return "it changes attention scores"
    return why_no_layout(model, longest)


def decode(model: Any, rows: Sequence[list[int]], asked: Decoding) -> list[list[int]]:
    """The tokens that follow each row, an end token with them."""
    plain = unwrapped(model)
    written: list[list[int]] = [[] for _ in rows]
    with (
        torch.inference_mode(),
        attending_slots(plain),
        prepacked(plain, min(asked.slots, len(rows))),
    ):
        for group in _groups(rows, asked.max_new_tokens):
            _Loop(plain, rows, group, written, asked, min(asked.slots, len(group))).run()
    return written


def _groups(rows: Sequence[list[int]], new: int) -> Iterator[list[int]]:
    """Numbers of rows, shortest first, cut where a row is too long to share a cache with the
    first.
    """
    group: list[int] = []
    for number in sorted(range(len(rows)), key=lambda i: (len(rows[i]), i)):
        if group and len(rows[number]) + new > LIKE * (len(rows[group[0]]) + new):
            yield group
            group = []
        group.append(number)
    if group:
        yield group


class _Loop:
    """Over one group of rows, with one cache."""

    def __init__(
        self,
        plain: Any,
        rows: Sequence[list[int]],
        group: list[int],
        written: list[list[int]],
        asked: Decoding,
        count: int,
    ) -> None:
        self.rows, self.written, self.asked = rows, written, asked
        self.decoder, self.head, self.device = (
            plain.get_decoder(),
            plain.get_output_embeddings(),
            plain.device,
        )
        self.waiting = group[::-1]  # shortest first, from the end
        places = max(len(rows[number]) for number in group) + asked.max_new_tokens
        # `scaled_dot_product_attention` adds a mask of the queries' own type only.
        self.slots = Slots(count, places, device=self.device, dtype=self.head.weight.dtype)
        self.in_slot: list[int | None] = [None] * count
        self.steps = Steps(recorder_for(self.device), places)
        self.tokens = torch.zeros(count, 1, dtype=torch.long, device=self.device)
        # Of the token that comes next.
        self.places = torch.zeros(count, dtype=torch.long, device=self.device)
        self.shared = self._compute_start(group)

    def run(self) -> None:
        while self.waiting or self._live():
            self._admit()
            if self._live():
                self._step()
                self._shrink()

    def _live(self) -> list[int]:
        return [slot for slot, row in enumerate(self.in_slot) if row is not None]

    def _compute_start(self, group: list[int]) -> int:
        """Keys and values of what all rows begin with, which never is a whole row; how many tokens
        that is.
        """
        ids = [self.rows[number] for number in group]
        same = sum(
            1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, zip(*ids, strict=False))
        )
        shared = min(same, min(map(len, ids)) - 1)
        if shared < WORTH or len(group) == 1:
            return 0
        places = torch.arange(shared, device=self.device)[None]
        self._states(torch.tensor([ids[0][:shared]], device=self.device), places, Start(self.slots))
        return shared

    def _admit(self) -> None:
        free = [slot for slot, row in enumerate(self.in_slot) if row is None]
        # All slots are free at the start and after the last row of a wave: then there is nothing to
        # wait for.
        if len(free) < max(1, len(self.in_slot) // REFILL) and len(free) < len(self.in_slot):
            return
        while free and self.waiting:
            numbers: list[int] = []
            while self.waiting and len(numbers) < len(free):
                if (
                    # The first row goes in however long it is, or it never would.
                    numbers
                    and (len(numbers) + 1) * (len(self.rows[self.waiting[-1]]) - self.shared)
                    > ADMITTED_TOKENS
                ):
                    break
                numbers.append(self.waiting.pop())
            self._enter(numbers, free[: len(numbers)])
            free = free[len(numbers) :]

    def _enter(self, numbers: list[int], slots: list[int]) -> None:
        """Compute these rows into these slots, and choose their first tokens."""
        tails = [self.rows[number][self.shared :] for number in numbers]
        width = max(map(len, tails))
        # Padded behind: a row's tokens look back only, so they never see it.
        ids = torch.tensor(
            [[*tail, *[0] * (width - len(tail))] for tail in tails], device=self.device
        )
        lengths = torch.tensor([len(tail) for tail in tails], device=self.device)
        places = torch.arange(self.shared, self.shared + width, device=self.device).expand(
            len(tails), -1
        )
        index = torch.tensor(slots, device=self.device)
        states = self._states(ids, places, Admission(self.slots, index, self.shared, width))
        # (n, H): of each row its own last token; the head never sees the rest.
        last = states[torch.arange(len(tails), device=self.device), lengths - 1]
        self.slots.show(index, lengths + self.shared)
        self.places[index] = lengths + self.shared
        for slot, number in zip(slots, numbers, strict=True):
            self.in_slot[slot] = number
        self._choose(self.head(last), slots, index)

    def _step(self) -> None:
        """One more token for every row; slots without one are computed with them and not read."""
        live = self._live()
        logits = self.steps.run(max(self._length(slot) for slot in live), self._next_logits)
        # In place: what is recorded reads this tensor. Slots without a row count on as well: past
        # the cache's last place their write would be an error.
        self.places.add_(1).clamp_(max=self.slots.places - 1)
        index = torch.tensor(live, device=self.device)
        # Indexing copies n times V logits, which a full set of slots need not.
        self._choose(logits if len(live) == len(self.in_slot) else logits[index], live, index)

    def _next_logits(self, width: int) -> Tensor:
        """(slots, vocabulary) after the newest tokens, which stand at `places`. It may be repeated
        before they move.
        """
        step = Next(self.slots, self.places, width)
        logits: Tensor = self.head(self._states(self.tokens, self.places[:, None], step)[:, 0])
        return logits

    def _length(self, slot: int) -> int:
        """Tokens of the row in a slot, the newest counted."""
        number = self.in_slot[slot]
        assert number is not None
        return len(self.rows[number]) + len(self.written[number])

    def _states(self, ids: Tensor, places: Tensor, step: Pass) -> Tensor:
        states: Tensor = self.decoder(**inputs_of(ids, places, step)).last_hidden_state
        return states

    def _choose(self, logits: Tensor, slots: list[int], index: Tensor) -> None:
        """Write the next token of the rows in `slots`, and let those go that it ends."""
        numbers = [number for slot in slots if (number := self.in_slot[slot]) is not None]
        chosen = largest(
            self.asked.sampling.noisy(logits, numbers) if self.asked.sampling else logits
        )
        self.tokens[index, 0] = chosen
        # The one wait of a step for the device: whether a row has ended decides what is computed
        # next.
        for slot, number, token in zip(slots, numbers, chosen.tolist(), strict=True):
            self.written[number].append(token)
            if token in self.asked.ends or len(self.written[number]) == self.asked.max_new_tokens:
                self.in_slot[slot] = None
                self.asked.done()

    def _shrink(self) -> None:
        live = self._live()
        # Rows that wait take the free slots; only without them is a copy of the cache worth its
        # time.
        if self.waiting or not live or len(live) > SHRINK * len(self.in_slot):
            return
        index = torch.tensor(live, device=self.device)
        self.slots.keep(index)
        self.steps.forget()
        self.tokens, self.places = self.tokens[index], self.places[index]
        self.in_slot = [self.in_slot[slot] for slot in live]
