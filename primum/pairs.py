"""Preference pairs from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from primum.conversations import messages_of
from records.errors import RecordError
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
                Pair.from_json(row)
                if {"chosen_score", "margin"} <= row.keys() <= OWN
                else _pair(row)
            )
        except ValueError as error:
            faults.append(f"{file}:{number}: {error}")
    if faults:
        raise RecordError(shorten(faults))
    return pairs


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
        and all(isinstance(part, dict) and {"role", "content"} <= part.keys() for part in value)
    ):
        return messages_of(value)
    raise ValueError(f"{name}: wanted a text or a list of messages with role and content")


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
