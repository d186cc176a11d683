"""A preference whose sides are transcripts, or share the words that they begin with."""

from __future__ import annotations

import re

from data_prep.sources.sides import Sides, at_last_request
from data_prep.sources.transcripts import turns
from records.rows import Message, assistant, user


def transcript_sides(chosen: str, rejected: str) -> Sides:
    """Of two transcripts; sides that answer different prompts are no preference, so only the chosen
    one is kept.
    """
    prompt, completion = at_last_request(turns(chosen))
    other = turns(rejected)
    worse = other[len(prompt) :] if other[: len(prompt)] == prompt else []
    return Sides(
        prompt,
        _said(completion),
        _said(worse) if all(message["role"] == "assistant" for message in worse) else [],
    )


def _said(messages: list[Message]) -> list[Message]:
    return messages if any(message["content"] for message in messages) else []


def at_difference(chosen: str, rejected: str) -> Sides:
    """The prompt is the words that both sides begin with, as TRL takes it."""
    # With the space before each word, so that joining them gives the text back.
    tokens, others = (re.findall(r"\s*\S+", text) for text in (chosen, rejected))
    shared = next(
        (
            number
            for number, (word, other) in enumerate(zip(tokens, others, strict=False))
            if word != other
        ),
        0,
    )
    if not shared:
        raise ValueError(
            "there is no prompt, and chosen and rejected do not begin alike and then differ; add a "
            "column with the prompt"
        )
    prompt, better, worse = (
        "".join(part).strip() for part in (tokens[:shared], tokens[shared:], others[shared:])
    )
    return Sides(user(prompt), assistant(better), assistant(worse))
