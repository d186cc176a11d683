"""One row of a table becomes a Demonstration: TRL's standard, conversational, `messages` and preference formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data_prep.config import SourceConfig
from data_prep.records import Demonstration, Kind, Message, assistant, stable_id, user

ROLES = ("system", "user", "assistant", "tool")
KINDS: tuple[Kind, ...] = ("harmful", "benign")
PRINCIPLES = range(1, 10)


def default_suite(config: SourceConfig, kind: Kind) -> str:
    return config.suite or ("harmful" if kind == "harmful" else config.name)


def request_id(config: SourceConfig, prompt: Sequence[Message]) -> str:
    if len(prompt) == 1:
        return stable_id(config.name, prompt[0]["content"])
    return stable_id(config.name, *(part for message in prompt for part in (message["role"], message["content"])))


def role_fault(prompt: Sequence[Message], completion: Sequence[Message]) -> str:
    """What is wrong with the order of roles; empty where nothing is."""
    unknown = sorted({message["role"] for message in (*prompt, *completion)} - set(ROLES))
    if unknown:
        return f"unknown roles {unknown}; wanted {', '.join(ROLES)}"
    if not prompt or prompt[-1]["role"] != "user":
        return f"the last message of the prompt must be the user's, got {prompt[-1]['role'] if prompt else 'no message'}"
    if any(message["role"] == "system" for message in (*prompt[1:], *completion)):
        return "a system message may only come first"
    if any(message["role"] == "user" for message in completion) or (completion and completion[-1]["role"] != "assistant"):
        return f"a completion holds no user message and ends with the assistant's, got {[message['role'] for message in completion]}"
    return ""


def demonstration_from_row(row: dict[str, Any], config: SourceConfig) -> Demonstration:
    """Raises ValueError that says what is wrong with the row; the caller knows which row it is."""
    prompt, completion = _conversation(row, config)
    fault = role_fault(prompt, completion)
    if fault:
        raise ValueError(fault)
    if not prompt[-1]["content"]:
        raise ValueError("empty request")
    kind = _kind(row.get("kind") or config.kind)
    return Demonstration(
        id=_text(row, "id") or request_id(config, prompt),
        prompt=prompt,
        completion=completion,
        kind=kind,
        suite=_text(row, "suite") or default_suite(config, kind),
        source=config.name,
        licence=_text(row, "licence") or config.licence,
        principle=_principle(row.get("principle")),
        generator=_text(row, "generator") or "human",
        topic=_text(row, "topic"),
        twin_id=_text(row, "twin_id") or None,
    )


def _conversation(row: dict[str, Any], config: SourceConfig) -> tuple[list[Message], list[Message]]:
    chosen = row.get("chosen")
    prompt = row.get(config.prompt_field)
    if prompt is None:
        # `messages`, or a preference whose prompt is only in its two sides, as TRL's "implicit prompt" has it.
        whole = row.get("messages") or (chosen if not isinstance(chosen, str) else None)
        if not whole:
            columns = ", ".join(map(str, row)) or "none"
            raise ValueError(f"no {config.prompt_field!r} and no 'messages' (columns: {columns}); set the source's prompt_field")
        return _at_last_request(_messages(whole, "messages"))
    answer = row.get(config.completion_field)
    completion = chosen if answer is None else answer
    asked = user(prompt.strip()) if isinstance(prompt, str) else _messages(prompt, config.prompt_field)
    if completion is None:
        return asked, []
    answered = assistant(completion.strip()) if isinstance(completion, str) else _messages(completion, config.completion_field)
    # Some preference sets repeat the prompt at the head of both sides.
    return asked, answered[len(asked) :] if answered[: len(asked)] == asked else answered


def _at_last_request(messages: list[Message]) -> tuple[list[Message], list[Message]]:
    last = max((number for number, message in enumerate(messages) if message["role"] == "user"), default=-1)
    return messages[: last + 1], messages[last + 1 :]


def _messages(value: Any, column: str) -> list[Message]:
    if not isinstance(value, list):
        raise ValueError(f"{column!r} must be text or a list of messages, got {type(value).__name__}")
    messages: list[Message] = []
    for message in value:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str) or not isinstance(message.get("content"), str):
            raise ValueError(f'{column!r} must hold messages {{"role": ..., "content": ...}}, got {str(message)[:80]}')
        messages.append({"role": message["role"], "content": message["content"].strip()})
    return messages


def _text(row: dict[str, Any], column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value).strip()


def _kind(value: Any) -> Kind:
    for kind in KINDS:
        if value == kind:
            return kind
    raise ValueError(f"kind must be harmful or benign, got {value!r}")


def _principle(value: Any) -> int | None:
    if value is None or value == "":
        return None
    if str(value).strip() in map(str, PRINCIPLES):
        return int(value)
    raise ValueError(f"principle must be 1 to 9 or absent, got {value!r}")
