"""Every file of a run that a later stage reads, named once: which stage leaves it, where, and what
its rows are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic

from records.rows import (
    Completion,
    Demonstration,
    Pair,
    Prompt,
    Record,
    RecordT,
    Revision,
    Score,
    Split,
    SuitePrompt,
    read_records,
)

SPLITS: tuple[Split, ...] = ("train", "val", "test")
LEARNED_FROM: tuple[Split, ...] = ("train", "val")
"""Splits that training, and what is chosen before the test, may see."""
BEFORE = "before"
"""Stands for the stage that left the policy which a training, or a later round, begins with."""
FIRST = "first"
"""Stands for the training on the way to a policy that began with the base; the base is the first
row of its scoreboard."""


def split_file(name: str, split: Split) -> str:
    """
    >>> split_file("prompts", "train")
    'prompts.train.jsonl'
    """
    return f"{name}.{split}.jsonl"


@dataclass(frozen=True)
class RunFile(Generic[RecordT]):
    """A file of a stage, a folder, a table with a file a split, or with an empty name all that the
    stage leaves.
    """

    stage: str
    """The stage that leaves it, in the first round; `BEFORE` or `FIRST`; empty for what every
    training leaves, see `left_by`."""
    name: str = ""
    record: type[RecordT] | None = None
    """Of a row; None for files that are no JSON Lines."""
    splits: tuple[Split, ...] = ()
    optional: bool = False
    """Its stage leaves it under some settings only."""

    def of(self, *splits: Split) -> RunFile[RecordT]:
        """Of these splits alone."""
        return replace(self, splits=splits)

    def left_by(self, stage: str) -> RunFile[RecordT]:
        """The same file as another stage leaves it."""
        return replace(self, stage=stage)

    @property
    def parts(self) -> tuple[str, ...]:
        """Its files or its folder, in the stage's own folder.

        >>> PROMPTS.of("test").parts
        ('prompts.test.jsonl',)
        """
        return tuple(split_file(self.name, split) for split in self.splits) or (self.name,)

    def paths(self, folder: Path) -> Iterator[Path]:
        """Where it is, for the folder of the stage that leaves it."""
        return (folder / part for part in self.parts)

    def read(self, folder: Path) -> list[RecordT]:
        """Its rows, one split after the other.

        Raises RecordError where a file is not there or a row is none of its record.
        """
        if self.record is None:
            # A mistake in our own code and not the user's, hence no PrimumError.
            raise TypeError(f"{self.name} holds no rows")
        found: list[RecordT] = []
        for path in self.paths(folder):
            found.extend(read_records(path, self.record))
        return found


def whole(stage: str) -> RunFile[Record]:
    """All that a stage leaves."""
    return RunFile(stage)


PROMPTS = RunFile("prep", "prompts", Prompt, SPLITS)
DEMONSTRATIONS = RunFile("prep", "demonstrations", Demonstration, SPLITS)
DATA_CARD: RunFile[Record] = RunFile("prep", "data_card.md")

COMPLETIONS = RunFile("sample", "completions", Completion, LEARNED_FROM)
REFUSALS = RunFile("sample", "refusals", Completion, LEARNED_FROM)
"""How the base policy goes on from a decline."""
REVISIONS = RunFile("sample", "revisions", Revision, LEARNED_FROM, optional=True)

REWARD_MODEL: RunFile[Record] = RunFile("reward", "reward_model")
VALIDATION: RunFile[Record] = RunFile("reward", "validation.json")

SCORES = RunFile("score", "scores.jsonl", Score)

PAIRS = RunFile("pairs", "pairs", Pair, LEARNED_FROM)
PAIRS_REPORT: RunFile[Record] = RunFile("pairs", "pairs.report.json")
PAIRS_CARD: RunFile[Record] = RunFile("pairs", "data_card.md")

POLICY: RunFile[Record] = RunFile("", "policy")
ADAPTER: RunFile[Record] = RunFile("", "adapter", optional=True)
SCOREBOARD: RunFile[Record] = RunFile("", "scoreboard.jsonl")
SELECTION: RunFile[Record] = RunFile("", "selection.json")
TRAINED = (POLICY, ADAPTER, SCOREBOARD, SELECTION)
"""What every training of a policy leaves."""

MEASURED_PROMPTS = RunFile("eval", "prompts.jsonl", SuitePrompt)
MEASURED_COMPLETIONS = RunFile("eval", "completions.jsonl", Completion)
MEASURED_SCORES = RunFile("eval", "scores.jsonl", Score)
RESULTS: RunFile[Record] = RunFile("eval", "results.json")
REPORT: RunFile[Record] = RunFile("eval", "report.html")

CAPABILITY: RunFile[Record] = RunFile("capability", "capability.json")
CAPABILITY_ANSWERS: RunFile[Record] = RunFile("capability", "answers.jsonl")
CAPABILITY_TEXTS: RunFile[Record] = RunFile("capability", "texts.jsonl")

TAMPER: RunFile[Record] = RunFile("tamper", "tamper.json")
TAMPER_COMPLETIONS = RunFile("tamper", "completions.jsonl", Completion)
TAMPER_SCORES = RunFile("tamper", "scores.jsonl", Score)
