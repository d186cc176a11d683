"""Preference pairs from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from primum.conversations import messages_of
from records.errors import RecordError
from records.excerpts import excerpt
from records.roles import role_fault
from records.rows import (
    Kind,
    Message,
    Pair,
    assistant,
    read_json_lines,
    shorten,
    stable_id,
    text_of,
    user,
)
from records.run_files import SPLITS

OWN = frozenset(Pair.__dataclass_fields__)


def load_pairs(path: str | Path) -> list[Pair]:
    """The rows of a file of Primum's own (pairs.train.jsonl) or of TRL's: prompt, chosen and
    rejected, as texts or messages.

    Where both sides begin with the prompt, as in TRL's rows without a prompt, it is taken from
    there. Raises RecordError with file and line of every row that is none.
    """
    file = Path(path)
    pairs, faults = [], []
    for number, row in read_json_lines(file):
        try:
            pairs.append(
                # Our own rows are told by columns that TRL does not have; then every field is held
                # to.
                _own(row) if {"chosen_score", "margin"} <= row.keys() <= OWN else _pair(row)
            )
        except ValueError as error:
            faults.append(f"{file}:{number}: {error}")
    if faults:
        raise RecordError(shorten(faults))
    return pairs


def _own(row: dict[str, Any]) -> Pair:
    """A row as Primum writes it. Raises ValueError that names what is of another type."""
    pair = Pair.from_json(row)
    sides = {name: row[name] for name in ("prompt", "chosen", "rejected")}
    for name, side in sides.items():
        if not isinstance(side, list):
            raise ValueError(f"{name}: wanted a list of messages, got {type(side).__name__}")
        _messages(side, name)
    for name in ("chosen", "rejected"):
        if fault := role_fault(pair.prompt, sides[name]):
            raise ValueError(fault)
    for name in ("chosen_score", "rejected_score", "margin"):
        # JSON's true is a number to Python.
        if isinstance(row[name], bool) or not isinstance(row[name], int | float):
            raise ValueError(f"{name}: wanted a number, got {excerpt(row[name])}")
    for name in ("id", "prompt_id", "pair_type", "chosen_source", "rejected_source"):
        if not isinstance(row[name], str):
            raise ValueError(f"{name}: wanted a text, got {excerpt(row[name])}")
    for name, wanted in (("kind", get_args(Kind)), ("split", SPLITS)):
        if row[name] not in wanted:
            raise ValueError(f"{name}: wanted {', '.join(wanted)}, got {excerpt(row[name])}")
    return pair


def _pair(row: dict[str, Any]) -> Pair:
    sides = [_messages(row.get(name), name) for name in ("chosen", "rejected")]
    prompt = user(row["prompt"]) if isinstance(row.get("prompt"), str) else None
    prompt = prompt or (_messages(row["prompt"], "prompt") if row.get("prompt") else [])
    if not prompt:
        # TRL allows rows in which both sides repeat the conversation from its beginning.
        shared = _shared(sides[0], sides[1])
        prompt, sides = sides[0][:shared], [side[shared:] for side in sides]
    fault = next((fault for side in sides if (fault := role_fault(prompt, side))), "")
    if fault:
        raise ValueError(fault)
    kind: Kind = "benign" if row.get("kind") == "benign" else "harmful"
    name = stable_id(text_of(prompt))
    sources: dict[str, Any] = {
        "chosen_source": "file",
        "rejected_source": "file",
        "pair_type": str(row.get("pair_type") or "file"),
    }
    unknown: dict[str, Any] = {"chosen_score": 1.0, "rejected_score": 5.0, "margin": 4.0}
    return Pair(
        id=stable_id(name, text_of(sides[0]), text_of(sides[1])), prompt=prompt, chosen=sides[0],
        rejected=sides[1],
        prompt_id=name, kind=kind, split="train", **sources, **unknown,
    )  # fmt: skip


def _messages(value: Any, name: str) -> list[Message]:
    if isinstance(value, str) and value:
        return assistant(value)
    if (
        isinstance(value, list)
        and value
        and all(isinstance(part, dict) and _is_message(part) for part in value)
    ):
        return messages_of(value)
    raise ValueError(
        f"{name}: wanted a text or a list of messages whose role and content are texts"
    )


def _is_message(part: dict[str, Any]) -> bool:
    return all(isinstance(part.get(name), str) for name in ("role", "content"))


def _shared(chosen: list[Message], rejected: list[Message]) -> int:
    """Messages that both sides begin with, up to the last of the user."""
    equal = 0
    while equal < min(len(chosen), len(rejected)) and chosen[equal] == rejected[equal]:
        equal += 1
    # The prompt ends with a turn of the user's; the sides may also share a beginning of the
    # completion.
    while equal and chosen[equal - 1]["role"] != "user":
        equal -= 1
    return equal
