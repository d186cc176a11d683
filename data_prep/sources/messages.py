"""Messages in the spellings that public sets use, as ours: role and content, content as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from data_prep.sources.cells import listed, structured
from records.excerpts import excerpt
from records.rows import Message

ROLES = {
    **dict.fromkeys(("human", "prompter", "User", "Human", "USER", "HUMAN"), "user"),
    **dict.fromkeys(
        ("gpt", "bot", "model", "chatgpt", "ai", "Assistant", "ASSISTANT", "chatbot"), "assistant"
    ),
    **dict.fromkeys(("System", "SYSTEM", "developer"), "system"),
    **dict.fromkeys(("observation", "function_response", "function", "ipython"), "tool"),
}
"""What others call the speakers."""
_SPELLINGS = (("role", "content"), ("from", "value"), ("role", "value"), ("from", "content"))
_REFUSED = {
    "tool_calls": "calls of tools, which no stage renders",
    "function_call": "a call of a tool, which no stage renders",
    "reasoning_content": "a thinking block beside its text, which would be lost",
    "thinking": "a thinking block beside its text, which would be lost",
    "images": "images",
    "image": "an image",
    "audio": "sound",
    "videos": "videos",
}
_KNOWN = {"role", "content", "from", "value", "weight", *_REFUSED}


def messages_of(value: Any, column: str) -> list[Message]:
    """Raises ValueError that says what cannot be read, or would be lost."""
    value = listed(structured(value, column))
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise ValueError(
            f"{column!r} must be text or a list of messages, got {type(value).__name__}"
        )
    return [_message(message, column) for message in value]


def foreign_keys(value: Any, column: str) -> Iterator[str]:
    """Keys of messages that nothing reads, as `column.key`."""
    for message in value if isinstance(value, list) else []:
        if isinstance(message, dict):
            yield from (
                f"{column}.{key}"
                for key, found in message.items()
                if key not in _KNOWN and found not in (None, "", [], {})
            )


def _message(message: Any, column: str) -> Message:
    fields: Mapping[str, Any] = message if isinstance(message, dict) else {}
    # Refused and not dropped: without the call or the image the completion answers something else.
    for key, why in _REFUSED.items():
        if fields.get(key):
            raise ValueError(
                f"{column!r} holds {why} ({key}); take such rows out, or write into the text what "
                "should be learned"
            )
    # OpenAI's fine-tuning format marks turns that are not trained on so; here every completion
    # token has a loss.
    if fields.get("weight") in (0, 0.0, "0") and not isinstance(fields.get("weight"), bool):
        raise ValueError(
            f"{column!r} holds a message of weight 0, and there is no training without a turn's "
            "loss; take such rows out"
        )
    for speaker, said in _SPELLINGS:
        if isinstance(fields.get(speaker), str) and said in fields:
            role, text = fields[speaker].strip(), _text(fields[said], column)
            if role == "function_call":
                raise ValueError(
                    f"{column!r} holds a call of a tool, which no stage renders; take such rows out"
                )
            return {"role": ROLES.get(role, role), "content": text.strip()}
    raise ValueError(
        f'{column!r} must hold messages {{"role": ..., "content": ...}}, got {excerpt(message)}'
    )


def _text(content: Any, column: str) -> str:
    """Of text, or of a list of parts that are all text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = []
    for part in parts:
        text = (
            part.get("text")
            if isinstance(part, dict)
            and part.get("type", "text") in ("text", "input_text", "output_text")
            else part
        )
        if not isinstance(text, str):
            kind = (
                part.get("type", "a part without a type")
                if isinstance(part, dict)
                else type(part).__name__
            )
            raise ValueError(
                f'{column!r} must hold messages {{"role": ..., "content": ...}} whose content is'
                f" text, got {excerpt(kind)}"
            )
        texts.append(text)
    return "\n\n".join(texts)
