"""Who may speak in which order."""

from __future__ import annotations

from collections.abc import Sequence

from records.excerpts import excerpt
from records.rows import Message

ROLES = ("system", "user", "assistant", "tool")


def role_fault(prompt: Sequence[Message], completion: Sequence[Message]) -> str:
    """What is wrong with the order of roles; empty where nothing is."""
    unknown = sorted({message["role"] for message in (*prompt, *completion)} - set(ROLES))
    if unknown:
        return f"unknown roles [{', '.join(map(excerpt, unknown))}]; wanted {', '.join(ROLES)}"
    # Chat templates open the assistant's turn after the prompt; after any other role, several of
    # them raise or write two turns of the assistant in a row.
    if not prompt or prompt[-1]["role"] != "user":
        return (
            "the last message of the prompt must be the user's, got "
            f"{prompt[-1]['role'] if prompt else 'no message'}"
        )
    if any(message["role"] == "system" for message in (*prompt[1:], *completion)):
        return "a system message may only come first"
    # Tool messages may stand between; the last word is the assistant's, as training ends with its
    # end token.
    if any(message["role"] == "user" for message in completion) or (
        completion and completion[-1]["role"] != "assistant"
    ):
        return (
            "a completion holds no user message and ends with the assistant's, got "
            f"{[message['role'] for message in completion]}"
        )
    return ""
