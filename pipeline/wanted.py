"""A completion that the sample stage is to write, and the record that it becomes."""

from __future__ import annotations

from typing import NamedTuple

from models.engines.generate import Generated
from records.rows import Completion, Message, assistant


class Wanted(NamedTuple):
    """One completion to write; `start` is what the policy is made to begin with."""

    id: str
    prompt_id: str
    prompt: list[Message]
    suite: str
    policy: str
    sample: int
    start: str


def completion_of(wanted: Wanted, seed: int, made: Generated) -> Completion:
    """The record of what was generated for it, drawn with `seed`."""
    return Completion(
        id=wanted.id,
        prompt_id=wanted.prompt_id,
        prompt=wanted.prompt,
        # The decline that it was made to begin with is part of the completion.
        completion=assistant(f"{wanted.start} {made.text}".strip()),
        policy=wanted.policy,
        sample=wanted.sample,
        seed=seed,
        num_tokens=made.num_tokens,
        finish_reason=made.finish_reason,
        suite=wanted.suite,
    )
