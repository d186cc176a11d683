"""A policy's completions of all prompts, as they stand and under conditions, kept as they are
written: a kill loses one block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from eval.conditions.asking import Asked
from eval.dual import dual_scores, score_name
from eval.measure import completion_id
from models.config import GenerationConfig
from models.engines.generate import Generated, generate
from records.own_files import Object, entry, read_rows, sealed_line
from records.rows import Completion, Message, Prompt, Record, Score, assistant, text_of, user
from reward.refusal.rule import refusal

Policy = Callable[[], tuple[Any, Any]]
"""Loads the model and its tokenizer when first called."""
Write = Callable[[list[list[Message]], str], list[Generated]]
"""A completion of each conversation; the text is what a progress bar says."""


class Wanted(NamedTuple):
    """One completion to write."""

    id: str
    prompt: Prompt
    condition: str
    messages: list[Message]


RecordT = TypeVar("RecordT", bound=Record)


class Journal(Generic[RecordT]):
    """The records of one rank, appended block by block to a file of sealed lines."""

    def __init__(self, record: type[RecordT], path: Path, others: Sequence[Path] = ()) -> None:
        """`others` are those of other ranks and of earlier starts with other ranks; what they hold
        is not written again.
        """
        self.path = path
        self.done: dict[str, RecordT] = {}
        self.faults: list[str] = []
        """What is wrong with lines that are made again."""
        # Its own file first, which alone may be cut at a half line.
        for file in (path, *others):
            rows, faults = read_rows(file, partial(_record, record), own=file == path)
            self.done |= {row.id: row for row in rows}
            self.faults += faults

    def add(self, rows: Sequence[RecordT]) -> None:
        """Note rows as done, in the file too where there is one."""
        # Appended and closed block by block, so that a kill loses no block that was written.
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(sealed_line(row.to_json()) for row in rows)
        self.done |= {row.id: row for row in rows}


def _record(record: type[RecordT], row: Object) -> RecordT:
    entry(row, "id", str)
    return record.from_json(row)


class Writer(NamedTuple):
    """What completions are written with."""

    name: str
    """Of the policy."""
    write: Write
    block: int
    """Completions that are kept together."""
    journal: Journal[Completion]


def complete_all(asked: Sequence[Asked], writer: Writer) -> list[Completion]:
    """One completion of each, in their order; what the journal holds is not written again.

    A prompt that is asked in several turns must be asked as it stands too: its first completion is
    what may decline.
    """
    # First, since turns of pressure follow the plain completion.
    plain = [one for one in asked if not one.turns]
    _write(
        [Wanted(_id(one, writer), one.prompt, one.condition, one.messages) for one in plain], writer
    )
    pressed = _pressed([one for one in asked if one.turns], writer)
    found: list[Completion] = []
    for one in asked:
        found.append(
            pressed[_id(one, writer)] if one.turns else writer.journal.done[_id(one, writer)]
        )
    return found


def _id(one: Asked, writer: Writer) -> str:
    return completion_id(one.prompt, writer.name, one.condition)


def _pressed(asked: Sequence[Asked], writer: Writer) -> dict[str, Completion]:
    """The last completion of each: the user goes on while the policy declines, and stops where it
    no longer does.
    """
    last = {}
    for one in asked:
        last[_id(one, writer)] = writer.journal.done[completion_id(one.prompt, writer.name)]
    for turn in range(max((len(one.turns) for one in asked), default=0)):
        declining = []
        for one in asked:
            # Pressing a policy that has complied already would only add words.
            if turn < len(one.turns) and _declines(last[_id(one, writer)]):
                declining.append(one)
        wanted = []
        for one in declining:
            wanted.append(_next_turn(one, last[_id(one, writer)], turn, writer))
        _write(wanted, writer)
        for one, next_one in zip(declining, wanted, strict=True):
            last[_id(one, writer)] = writer.journal.done[next_one.id]
    kept: dict[str, Completion] = {}
    for one in asked:
        # Under the condition's own id: which turn was the last one differs from prompt to prompt.
        kept[_id(one, writer)] = replace(
            last[_id(one, writer)], id=_id(one, writer), condition=one.condition
        )
    return kept


def _next_turn(one: Asked, before: Completion, turn: int, writer: Writer) -> Wanted:
    messages = [*before.prompt, *before.completion, *user(one.turns[turn])]
    return Wanted(f"{_id(one, writer)}/{turn + 1}", one.prompt, one.condition, messages)


def _declines(completion: Completion) -> bool:
    return refusal(text_of(completion.completion)) == "full"


def _write(wanted: Sequence[Wanted], writer: Writer) -> None:
    """Those that are missing, the short ones first, so that a block holds prompts of like
    lengths.
    """
    missing = sorted(
        (one for one in wanted if one.id not in writer.journal.done),
        key=lambda one: (len(text_of(one.messages)), one.id),
    )
    for begin in range(0, len(missing), writer.block):
        block = missing[begin : begin + writer.block]
        made = writer.write(
            [one.messages for one in block], f"{writer.name} completions {begin}/{len(missing)}"
        )
        writer.journal.add(
            [
                Completion(
                    id=one.id,
                    prompt_id=one.prompt.id,
                    prompt=one.messages,
                    completion=assistant(text.text),
                    policy=writer.name,
                    sample=0,
                    seed=0,
                    num_tokens=text.num_tokens,
                    finish_reason=text.finish_reason,
                    suite=one.prompt.suite,
                    condition=one.condition,
                )
                for one, text in zip(block, made, strict=True)
            ]
        )


def as_asked_plainly(
    completions: Sequence[Completion], prompts: Sequence[Prompt]
) -> list[Completion]:
    """What scorers judge: the completion beside the request itself, whatever it was wrapped in or
    followed by.
    """
    # By suite and id: suites of the user's own may use the same ids.
    known = {(prompt.suite, prompt.id): prompt.prompt for prompt in prompts}
    found: list[Completion] = []
    for row in completions:
        found.append(replace(row, prompt=known[row.suite, row.prompt_id]) if row.condition else row)
    return found


def written_by(policy: Policy, generation: GenerationConfig) -> Write:
    """By a model in this process or by vLLM."""
    return lambda conversations, label: generate(*policy(), conversations, generation, label=label)


def dual_all(
    asked: Sequence[Asked],
    policy: Policy,
    block: int,
    journal: Journal[Score],
    labels: Mapping[str, Mapping[str, str]],
    *,
    name: str,
) -> list[Score]:
    """The log-probability scores of prompts as they stand, in their order; what the journal holds
    is not made again.

    `name` is the policy's, `labels` as `dual_scores` takes them.
    """
    wanted = [(completion_id(one.prompt, name), one.prompt) for one in asked]
    missing = []
    for one in wanted:
        if score_name(one[0]) not in journal.done:
            missing.append(one)
    for begin in range(0, len(missing), block):
        journal.add(
            dual_scores(*policy(), missing[begin : begin + block], labels, batch_size=block)
        )
    return [journal.done[score_name(one)] for one, _ in wanted]
