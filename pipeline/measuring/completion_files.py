"""Completions that are there already: Primum's own completions.jsonl, or rows of a prompt and a
completion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from eval.measure import completion_id
from pipeline.measuring.prompts import own_by_text
from records.errors import ConfigError, RecordError
from records.excerpts import column_names
from records.roles import role_fault
from records.rows import (
    Completion,
    Kind,
    Message,
    SuitePrompt,
    assistant,
    read_json_lines,
    read_records,
    shorten,
    stable_id,
    text_of,
    user,
)

PROMPT_FIELDS = ("prompt", "question", "instruction", "input", "request")
COMPLETION_FIELDS = ("completion", "response", "answer", "output", "reply")
SUITE_OF_KIND: dict[Kind, str] = {"harmful": "harmful", "benign": "benign"}
"""Where a row names no suite."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A prompt and what was completed."""

    prompt: SuitePrompt
    completion: Completion


def read_completions(file: Path, kind: Kind | None) -> dict[str, list[Answered]]:
    """By the name of the policy that wrote them; `kind` is that of prompts about which nothing else
    says it.

    A row says itself whether its prompt is harmful (`kind`), or its prompt is one of the project's
    own. Raises RecordError.
    """
    rows = list(read_json_lines(file))
    if not rows:
        raise RecordError(
            f"{file}: holds no row; wanted a JSON object a line, with a prompt and a completion"
        )
    own = {field.name for field in fields(Completion)}
    read = (
        _own_rows(file)
        # Our own rows are told by fields that no other format has.
        if all({"prompt_id", "policy", "completion"} <= row.keys() <= own for _, row in rows)
        else _plain
    )
    found: dict[str, list[Answered]] = {}
    faults = []
    for number, row in rows:
        try:
            answered = read(row, kind)
        except ValueError as error:
            faults.append(f"{file}:{number}: {error}")
            continue
        # A suite's figure is of its prompts as they stand.
        if not answered.completion.condition:
            found.setdefault(answered.completion.policy, []).append(answered)
    if faults:
        raise RecordError(shorten(faults))
    if not found:
        raise RecordError(
            f"{file}: every prompt of it was wrapped or translated; wanted completions to prompts "
            "as they stand too"
        )
    return {policy: _once(rows) for policy, rows in found.items()}


def _once(rows: list[Answered]) -> list[Answered]:
    """The first completion to each prompt: samples beyond it say nothing of other prompts."""
    # Reversed, so that of several samples the first stays.
    first = {(row.prompt.suite, row.prompt.id): row for row in reversed(rows)}
    return list(reversed(first.values()))


Reader = Callable[[dict[str, Any], Kind | None], Answered]


def _own_rows(file: Path) -> Reader:
    """Rows of a completions.jsonl, with the prompts.jsonl beside it."""
    beside = file.with_name("prompts.jsonl")
    asked = read_records(beside, SuitePrompt) if beside.is_file() else []
    known = {(prompt.suite, prompt.id): prompt for prompt in asked}

    def read(row: dict[str, Any], kind: Kind | None) -> Answered:
        completion = Completion.from_json(row)
        prompt = known.get((completion.suite, completion.prompt_id))
        if prompt is None:
            found = _prompt(completion.prompt, row, kind)
            # The row's own ids stand, so that completions of one prompt are found together.
            prompt = replace(found, id=completion.prompt_id, suite=completion.suite or found.suite)
        return Answered(prompt=prompt, completion=completion)

    return read


def _plain(row: dict[str, Any], kind: Kind | None) -> Answered:
    asked, said = _value(row, PROMPT_FIELDS), _value(row, COMPLETION_FIELDS)
    # OpenAI's logs hold the whole conversation, whose last message is the completion.
    if asked is None and isinstance(row.get("messages"), list) and row["messages"]:
        *asked, last = row["messages"]
        said = [last]
    if asked is None or said is None:
        raise ValueError(
            f"holds no prompt and completion; wanted one of {', '.join(PROMPT_FIELDS)} and one of "
            f"{', '.join(COMPLETION_FIELDS)}, or messages; it has {column_names(sorted(row))}"
        )
    prompt = _prompt(_messages(asked, user), row, kind)
    completion = _messages(said, assistant)
    fault = role_fault(prompt.prompt, completion)
    if fault:
        raise ValueError(fault)
    policy = str(row.get("policy") or row.get("model") or "")
    made = Completion(
        id=completion_id(prompt, policy),
        prompt_id=prompt.id,
        prompt=prompt.prompt,
        completion=completion,
        policy=policy,
        sample=0,
        seed=0,
        num_tokens=0,
        # What a log does not say counts as finished: a cut is only claimed where it is known.
        finish_reason="length" if row.get("finish_reason") == "length" else "stop",
        suite=prompt.suite,
    )
    return Answered(prompt=prompt, completion=made)


def _value(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _messages(value: Any, spoken: Callable[[str], list[Message]]) -> list[Message]:
    if isinstance(value, str):
        return spoken(value)
    known = isinstance(value, list) and all(
        isinstance(part, dict) and {"role", "content"} <= part.keys() for part in value
    )
    if not known or not all(
        isinstance(part["role"], str) and isinstance(part["content"], str) for part in value
    ):
        raise ValueError(
            "prompt and completion are texts, or lists of messages with role and content"
        )
    return [Message(role=part["role"], content=part["content"]) for part in value]


def _prompt(messages: list[Message], row: dict[str, Any], kind: Kind | None) -> SuitePrompt:
    """One of the project's own, or a new one that is of the kind that its row or the user says."""
    known = own_by_text().get(text_of(messages))
    said = _kind_of(row) or (known.kind if known else kind)
    if said is None:
        raise ValueError(
            "nothing says whether its prompt is harmful; give the row a field kind (harmful or "
            "benign), or say --kind for all such rows"
        )
    # The project's own prompts keep their suite, so that figures stay comparable.
    if known and known.kind == said:
        return replace(known, split="test")
    text = text_of(messages)
    suite = str(row.get("suite") or SUITE_OF_KIND[said])
    return SuitePrompt(
        id=str(row.get("prompt_id") or stable_id(text)),
        prompt=messages,
        kind=said,
        suite=suite,
        source="file",
        licence="unknown",
        split="test",
    )


def _kind_of(row: dict[str, Any]) -> Kind | None:
    value = row.get("kind")
    if value in ("harmful", "benign"):
        return value  # type: ignore[no-any-return]
    if value is not None:
        raise ValueError(f"kind is {value!r}; wanted harmful or benign")
    return None


def same_kind_fault(prompts: list[SuitePrompt]) -> None:
    """Raise ConfigError for a suite that holds prompts of both kinds: harm and over-refusal are
    never mixed.
    """
    kinds: dict[str, set[str]] = {}
    for prompt in prompts:
        kinds.setdefault(prompt.suite, set()).add(prompt.kind)
    mixed = sorted(suite for suite, found in kinds.items() if len(found) > 1)
    if mixed:
        raise ConfigError(
            f"suites {', '.join(mixed)}: hold harmful and benign prompts; give each kind a suite "
            "of its own"
        )
