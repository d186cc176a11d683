"""One row of a table becomes a Demonstration: TRL's standard, conversational, `messages` and preference formats."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from data_prep.config import SourceConfig
from data_prep.errors import RecordError
from data_prep.records import Demonstration, Kind, Message, assistant, role_fault, shorten, stable_id, user
from data_prep.sources.transcripts import is_transcript, turns

KINDS: tuple[Kind, ...] = ("harmful", "benign")
PRINCIPLES = range(1, 10)
RowT = TypeVar("RowT")


class Sides(NamedTuple):
    """One row's conversation; `rejected` is empty where the row holds no preference."""

    prompt: list[Message]
    completion: list[Message]
    rejected: list[Message]


def read_rows(
    files: Iterable[Path], rows_of: Callable[[Path], Iterable[tuple[str, RowT]]], build: Callable[[RowT], Demonstration]
) -> list[Demonstration]:
    """Every row of every file, built; the faults of all files are raised together.

    `rows_of` yields (place, row) and may raise RecordError; `build` raises ValueError that says what is wrong with its row.
    """
    built: list[Demonstration] = []
    faults: list[str] = []
    for file in files:
        try:
            for place, row in rows_of(file):
                try:
                    built.append(build(row))
                except ValueError as error:
                    faults.append(f"{place}: {error}")
        except RecordError as error:
            faults += error.faults
    if faults:
        raise RecordError(shorten(faults))
    return built


def default_suite(config: SourceConfig, kind: Kind) -> str:
    return config.suite or ("harmful" if kind == "harmful" else config.name)


def own_suite(config: SourceConfig) -> str:
    """For a set that is not about medicine: pooled with the others in `harmful`, its requests would change what is measured there."""
    return config.suite or config.name


def part_suite(config: SourceConfig, part: str) -> str:
    """The suite of one part of a set that holds several, which differ in kind."""
    return f"{own_suite(config)}_{part}"


def request_id(config: SourceConfig, prompt: Sequence[Message]) -> str:
    if len(prompt) == 1:
        return stable_id(config.name, prompt[0]["content"])
    return stable_id(config.name, *(part for message in prompt for part in (message["role"], message["content"])))


def require_order(prompt: Sequence[Message], completion: Sequence[Message], rejected: Sequence[Message] = ()) -> None:
    """Raises ValueError for a conversation that nobody can be trained or measured on."""
    fault = role_fault(prompt, completion)
    if not fault and role_fault(prompt, rejected):
        fault = f"rejected: {role_fault(prompt, rejected)}"
    if fault:
        raise ValueError(fault)
    if not prompt[-1]["content"]:
        raise ValueError("empty request")


def single_turn(config: SourceConfig, request: str, answer: str | None, *, kind: Kind, suite: str, **columns: Any) -> Demonstration:
    """One request of a set with a format of its own; without an answer, a prompt only. Raises ValueError for an empty request."""
    prompt = user(request.strip())
    require_order(prompt, [])
    return Demonstration(
        id=request_id(config, prompt),
        prompt=prompt,
        completion=assistant(answer.strip()) if answer and answer.strip() else [],
        kind=kind,
        suite=suite,
        source=config.name,
        licence=config.terms.licence,
        **columns,
    )


def demonstration_from_row(row: dict[str, Any], config: SourceConfig) -> Demonstration:
    """Raises ValueError that says what is wrong with the row; the caller knows which row it is."""
    prompt, completion, rejected = _conversation(row, config)
    require_order(prompt, completion, rejected)
    kind = _kind(row.get("kind") or config.kind)
    return Demonstration(
        id=_text(row, "id") or request_id(config, prompt),
        prompt=prompt,
        completion=completion,
        rejected=rejected,
        kind=kind,
        suite=_text(row, "suite") or default_suite(config, kind),
        source=config.name,
        licence=_text(row, "licence") or config.terms.licence,
        principle=_principle(row.get("principle")),
        generator=_text(row, "generator") or "human",
        topic=_text(row, "topic"),
        twin_id=_text(row, "twin_id") or None,
    )


def _conversation(row: dict[str, Any], config: SourceConfig) -> Sides:
    chosen, rejected = row.get("chosen"), row.get("rejected")
    prompt = row.get(config.prompt_field)
    if prompt is None:
        return _without_prompt(row, chosen, rejected, config)
    answer = row.get(config.completion_field)
    asked = user(prompt.strip()) if isinstance(prompt, str) else _messages(prompt, config.prompt_field)
    completion = _answer(chosen, asked, "chosen") if answer is None else _answer(answer, asked, config.completion_field)
    return Sides(asked, completion, _answer(rejected, asked, "rejected"))


def _answer(value: Any, asked: list[Message], column: str) -> list[Message]:
    if value is None:
        return []
    if isinstance(value, str):
        return assistant(value.strip()) if value.strip() or column != "rejected" else []
    messages = _messages(value, column)
    # Some preference sets repeat the prompt at the head of both sides.
    return messages[len(asked) :] if messages[: len(asked)] == asked else messages


def _without_prompt(row: dict[str, Any], chosen: Any, rejected: Any, config: SourceConfig) -> Sides:
    """`messages`, or a preference whose prompt is only in its two sides, as TRL's "implicit prompt" has it."""
    if isinstance(chosen, str) and isinstance(rejected, str) and not row.get("messages"):
        return transcript_sides(chosen, rejected) if is_transcript(chosen) else _at_difference(chosen, rejected)
    whole = row.get("messages") or (chosen if not isinstance(chosen, str) else None)
    if not whole:
        columns = ", ".join(map(str, row)) or "none"
        raise ValueError(f"no {config.prompt_field!r} and no 'messages' (columns: {columns}); set the source's prompt_field")
    prompt, completion = _at_last_request(_messages(whole, "messages"))
    if not rejected:
        return Sides(prompt, completion, [])
    other = _messages(rejected, "rejected")
    if other[: len(prompt)] != prompt:
        raise ValueError("chosen and rejected part before the last request, so they answer different prompts; remove the row")
    return Sides(prompt, completion, other[len(prompt) :])


def transcript_sides(chosen: str, rejected: str) -> Sides:
    """Of two transcripts; sides that answer different prompts are no preference, so only the chosen one is kept."""
    prompt, completion = _at_last_request(turns(chosen))
    other = turns(rejected)
    worse = other[len(prompt) :] if other[: len(prompt)] == prompt else []
    return Sides(prompt, _said(completion), _said(worse) if all(message["role"] == "assistant" for message in worse) else [])


def _said(messages: list[Message]) -> list[Message]:
    return messages if any(message["content"] for message in messages) else []


def _at_difference(chosen: str, rejected: str) -> Sides:
    """The prompt is the words that both sides begin with, as TRL takes it."""
    words, others = (re.findall(r"\s*\S+", side) for side in (chosen, rejected))
    shared = next((number for number, (word, other) in enumerate(zip(words, others, strict=False)) if word != other), 0)
    if not shared:
        raise ValueError("there is no prompt, and chosen and rejected do not begin alike and then differ; add a column with the prompt")
    prompt, better, worse = ("".join(part).strip() for part in (words[:shared], words[shared:], others[shared:]))
    return Sides(user(prompt), assistant(better), assistant(worse))


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
