"""What `primum measure` is asked for: models, suites, settings and files of completions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.measuring.completion_files import Answered, read_completions
from pipeline.measuring.prompts import is_suite
from pipeline.measuring.subjects import Subject, distinct, plain_name, subjects_of
from records.contracts import BASE
from records.rows import Kind

Key = tuple[str, str]
"""(suite, id of the prompt)"""
_SETTING = re.compile(r"[a-z][a-z_]*(\.[a-z0-9_]+)*=")


def _is_setting(word: str) -> bool:
    """`eval.confidence=0.9`; `xstest=PATH` is a suite."""
    # xstest=PATH has the form of a setting; suites have the first claim.
    return bool(_SETTING.match(word)) and not is_suite(word)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line asks for."""

    model: str
    words: Sequence[str] = ()
    """Suites, and `key=value` settings of eval, model.base and trainer."""
    against: Sequence[str] = ()
    scorers: Sequence[str] = ()
    output: Path | None = None
    gate: bool = False
    limit: int | None = None
    kind: Kind | None = None
    """Of a file's prompts that nothing else says harmful or benign."""
    api_key_env: str = ""

    @property
    def settings(self) -> list[str]:
        """Those that stand behind --against too, whose models are words as they are."""
        made: list[str] = []
        for word in (*self.words, *self.against):
            if _is_setting(word):
                made.append(word)
        return made

    @property
    def suites(self) -> list[str]:
        """Those of the words that name suites."""
        return [word for word in self.words if not _is_setting(word)]

    @property
    def models(self) -> list[str]:
        """The baseline first."""
        return [self.model, *(word for word in self.against if not _is_setting(word))]

    def to_json(self) -> dict[str, Any]:
        """Everything that the result depends on, so that a folder is gone on with by the same
        request alone.
        """
        named = {
            "model": self.model,
            "words": list(self.words),
            "against": list(self.against),
            "scorers": list(self.scorers),
        }
        # Neither output nor gate: the same measurement may be gone on with for another of them.
        return {**named, "limit": self.limit, "kind": self.kind}


@dataclass(frozen=True)
class Filed:
    """A policy of a file of completions."""

    name: str
    title: str
    path: str
    rows: dict[Key, Answered]


@dataclass(frozen=True)
class Subjects:
    """What is measured, in order, the baseline first."""

    order: list[Subject | Filed]
    files: list[Filed] = field(default_factory=list)

    @property
    def asked(self) -> list[Subject]:
        """Models and servers, whose completions are not there already."""
        return [one for one in self.order if isinstance(one, Subject)]

    @classmethod
    def of(cls, words: Sequence[str], kind: Kind | None) -> Subjects:
        """The models and files that the words name."""
        order: list[Subject | Filed] = []
        taken: set[str] = set()
        for subject in subjects_of(words):
            if subject.kind != "file":
                taken.add(subject.name)
                order.append(subject)
                continue
            for policy, rows in read_completions(Path(subject.where), kind).items():
                name = (
                    # The first policy of the first word is the baseline, whoever wrote it.
                    BASE.name
                    if not order
                    # A policy of a file that happens to be called base must not pass for the
                    # baseline.
                    else distinct(plain_name(policy or subject.title), taken | {BASE.name})
                )
                taken.add(name)
                found = {(row.prompt.suite, row.prompt.id): row for row in rows}
                order.append(Filed(name, policy or subject.title, subject.where, found))
        return cls(order, [entry for entry in order if isinstance(entry, Filed)])
