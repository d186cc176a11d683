"""Rows of a file that a user names, and the prompts that they ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_prep.sources.columns import is_given, text
from data_prep.sources.tables import placed_rows
from pipeline.measuring.log_rows import asked_of
from records.errors import ConfigError, RecordError
from records.excerpts import excerpt
from records.roles import role_fault
from records.rows import Kind, Message, SuitePrompt, read_records, shorten, stable_id, text_of

SUITE_OF_KIND: dict[Kind, str] = {"harmful": "harmful", "benign": "benign"}
"""Where a row names no suite."""
WEIGHTS = (".gguf", ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx")
OWN = {"id", "kind", "suite", "source", "licence", "prompt"}
"""Columns by which a row of ours is told from a user's."""
ByText = Mapping[str, SuitePrompt]


def rows_of(file: Path, wanted: str) -> list[tuple[str, dict[str, Any]]]:
    """(place, row) of every row; `wanted` says what a row is to hold. Raises RecordError."""
    if file.suffix.lower() in WEIGHTS:
        raise RecordError(
            f"{file}: holds a model's weights, wanted rows with {wanted}; name a model by its "
            "directory, with config.json, tokenizer and safetensors"
        )
    rows = list(placed_rows(file))
    if not rows:
        raise RecordError(f"{file}: holds no row; wanted rows with {wanted}")
    faults = []
    for place, row in rows:
        if not isinstance(row, dict):
            faults.append(
                f"{place}: is {excerpt(row)}, wanted an object with {wanted}; write each row as one"
            )
    if faults:
        raise RecordError(shorten(faults))
    return rows


def read_prompts(file: Path, kind: Kind | None, own: Callable[[], ByText]) -> list[SuitePrompt]:
    """Prompts as runs write them, or a user's rows with a prompt, as `prompt_of` takes them."""
    rows = rows_of(file, "a prompt")
    if all(row.keys() >= OWN for _, row in rows):
        return read_records(file, SuitePrompt)
    made, faults = [], []
    for place, row in rows:
        try:
            made.append(_alone(row, kind, own()))
        except ValueError as error:
            faults.append(f"{place}: {error}")
    if faults:
        raise RecordError(shorten(faults))
    same_kind_fault(made)
    return made


def _alone(row: dict[str, Any], kind: Kind | None, own: ByText) -> SuitePrompt:
    prompt = prompt_of(asked_of(row), row, kind, own)
    if fault := role_fault(prompt.prompt, []):
        raise ValueError(fault)
    return prompt


def prompt_of(
    messages: list[Message], row: dict[str, Any], kind: Kind | None, own: ByText
) -> SuitePrompt:
    """One of the project's own (`own`, by text), or a new one that is of the kind that its row or
    the user says. Raises ValueError where neither says it.
    """
    known = own.get(text_of(messages))
    said = _kind_of(row) or (known.kind if known else kind)
    if said is None:
        raise ValueError(
            "nothing says whether its prompt is harmful; give the row a field kind (harmful or "
            "benign), or say --kind for all such rows"
        )
    # The project's own prompts keep their suite, so that figures stay comparable.
    if known and known.kind == said:
        return replace(known, split="test")
    return SuitePrompt(
        id=text(row, "prompt_id") or stable_id(text_of(messages)),
        prompt=messages,
        kind=said,
        suite=text(row, "suite") or SUITE_OF_KIND[said],
        source="file",
        licence="unknown",
        split="test",
    )


def _kind_of(row: dict[str, Any]) -> Kind | None:
    value = row.get("kind")
    if value in ("harmful", "benign"):
        return value  # type: ignore[no-any-return]
    if is_given(value):
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
