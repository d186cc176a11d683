"""Dialogues written as one text, each turn behind "Human:" or "Assistant:", as hh-rlhf has them."""

from __future__ import annotations

import re

from records.excerpts import excerpt
from records.rows import Message

SPEAKERS = {"Human": "user", "Assistant": "assistant"}
_TURN = re.compile(r"\n\n(Human|Assistant):")


def is_transcript(text: str) -> bool:
    """Whether a text begins as Anthropic's transcripts do."""
    return text.startswith("\n\nHuman:")


def turns(text: str) -> list[Message]:
    """The turns as messages; turns of one speaker in a row are one message, since a chat template
    knows only speakers that take turns.

    Raises ValueError for a text that is no transcript.
    """
    # The pattern has a group, so the split keeps the speakers between the texts.
    before, *parts = _TURN.split(text)
    if before.strip() or not parts:
        raise ValueError(
            f"wanted a transcript that begins with an empty line and 'Human:', got {excerpt(text)}"
        )
    messages: list[Message] = []
    for speaker, said in zip(parts[::2], parts[1::2], strict=True):
        role, content = SPEAKERS[speaker], said.strip()
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] = f"{messages[-1]['content']}\n\n{content}".strip()
        else:
            messages.append({"role": role, "content": content})
    return messages
