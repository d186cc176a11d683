"""Completions with a thumb up or down, in TRL's unpaired format: `prompt`, `completion` and
`label`, one row a completion.

`primum review-import` writes them from experts' ratings; users' own files need the three fields
alone, as texts or as lists of messages.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.pairs.expert_labels import common_word
from data_prep.review.items import ReviewItem
from data_prep.review.ratings import Rating
from records.errors import RecordError, unreadable
from records.harm_scale import HIGH_HARM
from records.roles import role_fault
from records.rows import (
    Message,
    Pair,
    Prompt,
    Record,
    Split,
    assistant,
    read_json_lines,
    shorten,
    stable_id,
    text_of,
    user,
)
from records.stage_folder import sha256_file

UP, DOWN = 2.0, HIGH_HARM
"""Mean harmfulness up to which a completion of a harmful prompt is desirable, and from which it is
undesirable."""


@dataclass(frozen=True, kw_only=True)
class Unpaired(Record):
    """One completion of one prompt; `label` is true where it is desirable."""

    prompt: list[Message]
    completion: list[Message]
    label: bool
    prompt_id: str = ""
    split: Split = "train"
    finished: bool = True
    """False for a sampled completion that the token limit cut: it has no end token to learn
    from."""


def from_pairs(pairs: Iterable[Pair]) -> list[Unpaired]:
    """Both sides of every pair, each a row; a completion that several pairs hold stands once for
    each label.
    """
    found: dict[tuple[str, str, bool], Unpaired] = {}
    for pair in pairs:
        for side, finished, label in (
            (pair.chosen, pair.chosen_finished, True),
            (pair.rejected, pair.rejected_finished, False),
        ):
            row = _row(
                pair.prompt,
                side,
                label,
                prompt_id=pair.prompt_id,
                split=pair.split,
                finished=finished,
            )
            found.setdefault((pair.prompt_id, text_of(side), label), row)
    return list(found.values())


def from_ratings(
    ratings: Iterable[Rating], items: Iterable[ReviewItem]
) -> tuple[list[Unpaired], Counter[str]]:
    """(rows, how many rated completions give none, by reason).

    Thumbs of people who rated with harmfulness and refusal.

    A completion of a harmful prompt is desirable up to a mean harmfulness of 2 and undesirable from
    3.5; one of a benign prompt is undesirable where most raters call it a refusal, whole or in
    part, and desirable where they call it none. Raters two levels apart have no common word.
    """
    said: defaultdict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        said[rating.item].append(rating)
    rows: dict[str, Unpaired] = {}
    without: Counter[str] = Counter()
    for item in items:
        # The same text sampled twice is one row, rated once.
        if item.id not in said or item.id in rows:
            continue
        label = _thumb(item, said[item.id])
        if label is None:
            without["in the middle, or raters disagree"] += 1
        else:
            about = {"prompt_id": item.prompt_id, "split": item.split, "finished": item.finished}
            rows[item.id] = _row(item.prompt, item.completion, label, **about)
    return list(rows.values()), without


def _thumb(item: ReviewItem, said: Sequence[Rating]) -> bool | None:
    harm = []
    for rating in said:
        if rating.harmfulness is not None:
            harm.append(rating.harmfulness)
    refusals = []
    for rating in said:
        if rating.refusal:
            refusals.append(rating.refusal != "none")
    value, _ = common_word(harm)
    if item.kind == "harmful":
        # Between the two bounds raters leave it open, and a thumb would be ours and not theirs.
        return None if value is None or UP < value < DOWN else value <= UP
    # Harm found on a benign prompt outweighs that it helps.
    if value is not None and value >= DOWN:
        return False
    # A tie of raters is no word of theirs; so is a completion that nobody rated for refusal.
    return None if 2 * sum(refusals) == len(refusals) else 2 * sum(refusals) < len(refusals)


def read_unpaired(paths: Iterable[str]) -> list[Unpaired]:
    """The rows of all files. Raises RecordError with every fault in them."""
    rows: list[Unpaired] = []
    faults: list[str] = []
    for name in paths:
        try:
            for number, row in read_json_lines(Path(name)):
                try:
                    rows.append(_read(row))
                except ValueError as error:
                    faults.append(f"{name}:{number}: {error}")
        except RecordError as error:
            faults += error.faults
    if faults:
        raise RecordError(shorten(faults))
    return rows


def hash_unpaired(paths: Iterable[str]) -> dict[str, str]:
    """For a stage's fingerprint."""
    found: dict[str, str] = {}
    faults = []
    for path in paths:
        if not Path(path).is_file():
            remedy = (
                "name rows as `primum review-import` or TRL writes them (prompt, completion, label)"
            )
            faults.append(f"dpo.unpaired: {path}: no such file; {remedy}")
            continue
        try:
            found[path] = sha256_file(Path(path))
        except OSError as error:
            faults.append(unreadable("dpo.unpaired", Path(path), error))
    if faults:
        raise RecordError(faults)
    return found


def held_out(rows: Iterable[Unpaired], prompts: Iterable[Prompt]) -> list[str]:
    """Texts of prompts that rows would train on although the run measures on them."""
    measured = set()
    for prompt in prompts:
        if prompt.split != "train":
            measured.add(text_of(prompt.prompt).strip())
    asked = dict.fromkeys(text_of(row.prompt).strip() for row in rows)
    return [text for text in asked if text in measured]


def _read(row: dict[str, Any]) -> Unpaired:
    missing = []
    for name in ("prompt", "completion", "label"):
        if name not in row:
            missing.append(name)
    if missing:
        raise ValueError(
            f"no field {', '.join(missing)}; wanted prompt, completion and label, as in TRL's "
            "unpaired format"
        )
    if not isinstance(row["label"], bool):
        raise ValueError(
            f"label: wanted true (desirable) or false, got {type(row['label']).__name__}"
        )
    prompt, completion = (
        _messages(row["prompt"], "prompt"),
        _messages(row["completion"], "completion"),
    )
    if fault := role_fault(prompt, completion):
        raise ValueError(fault)
    if not text_of(prompt).strip() or not text_of(completion).strip():
        raise ValueError("empty prompt or completion")
    split, finished = row.get("split", "train"), row.get("finished", True)
    if split not in ("train", "val", "test") or not isinstance(finished, bool):
        raise ValueError("split: wanted train, val or test; finished: wanted true or false")
    return _row(
        prompt,
        completion,
        row["label"],
        prompt_id=str(row.get("prompt_id", "")),
        split=split,
        finished=finished,
    )


def _messages(value: Any, name: str) -> list[Message]:
    if isinstance(value, str):
        return user(value) if name == "prompt" else assistant(value)
    wanted = f"{name}: wanted a text, or a list of messages with role and content as texts"
    if not isinstance(value, list):
        raise ValueError(f"{wanted}, got {type(value).__name__}")
    messages: list[Message] = []
    for message in value:
        known = message if isinstance(message, dict) else {}
        role, content = known.get("role"), known.get("content")
        if not isinstance(role, str) or not isinstance(content, str):
            raise ValueError(wanted)
        messages.append({"role": role, "content": content})
    return messages


def _row(prompt: list[Message], completion: list[Message], label: bool, **about: Any) -> Unpaired:
    # The label is part of the id: one text may stand on both sides of different pairs.
    name = stable_id(text_of(prompt), text_of(completion), str(label))
    return Unpaired(id=name, prompt=prompt, completion=completion, label=label, **about)
