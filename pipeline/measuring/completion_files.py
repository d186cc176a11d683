"""Completions that are there already: Primum's own completions.jsonl, or rows of a prompt and a
completion in any kind of file that data sources may have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from data_prep.sources.columns import text
from eval.measure import completion_id
from pipeline.measuring.log_rows import asked_and_said
from pipeline.measuring.prompt_rows import prompt_of, rows_of
from pipeline.measuring.prompts import own_by_text
from records.errors import RecordError
from records.roles import role_fault
from records.rows import (
    Completion,
    Kind,
    SuitePrompt,
    read_records,
    shorten,
)


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
    rows = rows_of(file, "a prompt and a completion")
    own = {field.name for field in fields(Completion)}
    read = (
        _own_rows(file)
        # Our own rows are told by fields that no other format has.
        if all({"prompt_id", "policy", "completion"} <= row.keys() <= own for _, row in rows)
        else _plain
    )
    found: dict[str, list[Answered]] = {}
    faults = []
    for place, row in rows:
        try:
            answered = read(row, kind)
        except ValueError as error:
            faults.append(f"{place}: {error}")
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
            found = prompt_of(completion.prompt, row, kind, own_by_text())
            # The row's own ids stand, so that completions of one prompt are found together.
            prompt = replace(found, id=completion.prompt_id, suite=completion.suite or found.suite)
        return Answered(prompt=prompt, completion=completion)

    return read


def _plain(row: dict[str, Any], kind: Kind | None) -> Answered:
    asked, completion = asked_and_said(row)
    prompt = prompt_of(asked, row, kind, own_by_text())
    fault = role_fault(prompt.prompt, completion)
    if fault:
        raise ValueError(fault)
    policy = text(row, "policy") or text(row, "model")
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
