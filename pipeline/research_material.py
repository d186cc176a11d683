"""What stays in a run: the texts that policies and data sets hold for its harmful prompts.

Which files hold them is what the stages declare, so a new stage or round is known without a word
here.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.run.rounds import parsed
from pipeline.stages import STAGES, load_stage
from records.rows import Completion, Demonstration, Pair, Prompt, Record, text_of
from records.run_files import RunFile

LEAST = 40
"""Characters of a text from which its occurrence in a file is no accident."""


class ResearchMaterial:
    """Of one run, as its finished stages left it."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir

    def found_in(self, content: str) -> bool:
        """Whether a text for a harmful prompt stands there, as it is or as JSON or HTML spell it.

        A text that the run also holds for a benign prompt, as a common decline, does not count, nor
        does one that repeats a prompt.
        """
        anchors = self._anchors
        for start in range(len(content) - LEAST + 1):
            # One look-up a place: a run has ten thousands of texts, and a file millions of places.
            for spelled, text in anchors.get(content[start : start + LEAST], ()):
                if content.startswith(spelled, start) and text not in self._open:
                    return True
        return False

    @cached_property
    def _anchors(self) -> dict[str, list[tuple[str, str]]]:
        """(spelling, text) of every text for a harmful prompt, by the spelling's beginning."""
        found: dict[str, list[tuple[str, str]]] = {}
        for text in self._texts[0]:
            for spelled in {text, json.dumps(text)[1:-1], _in_json(text), html.escape(text)}:
                found.setdefault(spelled[:LEAST], []).append((spelled, text))
        return found

    @cached_property
    def _open(self) -> str:
        # A separator that no text holds, or two texts would make a third.
        return "\x00".join(sorted(self._texts[1]))

    @cached_property
    def _texts(self) -> tuple[set[str], set[str]]:
        """Texts for harmful prompts, long enough to be recognised, and texts that may be read: for
        benign prompts, and the prompts.
        """
        harmful: set[str] = set()
        may_be_read: set[str] = set()
        rows = list(self._rows())
        benign = {row.id for row in rows if isinstance(row, Prompt) and row.kind == "benign"}
        for row in rows:
            if isinstance(row, Prompt):
                may_be_read.add(text_of(row.prompt).strip())
            prompt, sides = _texts_of(row)
            for messages in sides:
                text = text_of(messages).strip()
                # A prompt that no file of the run knows any more may have been harmful.
                if prompt in benign:
                    may_be_read.add(text)
                elif len(text) >= LEAST:
                    harmful.add(text)
        return harmful, may_be_read

    def _rows(self) -> Iterator[Record]:
        """Of every file of rows that a stage of any round declares and has left."""
        if not self.run_dir.is_dir():
            return
        for folder in sorted(self.run_dir.iterdir()):
            if folder.is_dir() and parsed(folder.name)[0] in STAGES:
                for file in load_stage(folder.name).writes:
                    yield from _left(file, folder)


def _left(file: RunFile[Any], folder: Path) -> Iterator[Record]:
    if file.record is None:
        return
    for split in file.splits or (None,):
        part = file.of(split) if split else file
        # Optional files, and those of a stage that has not finished, are not there.
        if all(path.is_file() for path in part.paths(folder)):
            yield from part.read(folder)


def _texts_of(row: Record) -> tuple[str, list[list[Any]]]:
    """The prompt that a row is for, and what must not leave the run where it is harmful."""
    if isinstance(row, Completion):
        return row.prompt_id, [row.completion]
    if isinstance(row, Pair):
        return row.prompt_id, [row.rejected]
    # What a data set prefers on a harmful prompt is a decline, and its worse side is not.
    if isinstance(row, Demonstration):
        return row.asks, [row.rejected]
    return "", []


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
