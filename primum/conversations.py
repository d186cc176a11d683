"""Prompts and completions as a caller has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from records.errors import RecordError
from records.roles import role_fault
from records.rows import Completion, Message, assistant, stable_id, text_of, user

Text = str | Sequence[Mapping[str, str]]
"""A text, or messages with role and content."""
Row = Completion | tuple[Text, Text]


def completion_of(row: Row, number: int) -> Completion:
    """The row as a record. Raises RecordError with its number where it is none."""
    if isinstance(row, Completion):
        return row
    asked, said = row
    prompt = user(asked) if isinstance(asked, str) else messages_of(asked)
    completion = assistant(said) if isinstance(said, str) else messages_of(said)
    fault = role_fault(prompt, completion)
    if fault:
        raise RecordError(f"row {number}: {fault}")
    # The same prompt has the same id in every row, so that its completions form one cluster.
    name = stable_id(text_of(prompt))
    return Completion(
        # The number is part of it, as the same prompt may come several times in one call.
        id=f"{number}/{name}",
        prompt_id=name,
        prompt=prompt,
        completion=completion,
        policy="",
        sample=0,
        seed=0,
        num_tokens=0,
        finish_reason="stop",
    )


def messages_of(messages: Sequence[Mapping[str, str]]) -> list[Message]:
    """As records hold them."""
    found: list[Message] = []
    for message in messages:
        found.append(Message(role=message["role"], content=message["content"]))
    return found
