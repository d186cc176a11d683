"""The rows that stages hand to each other: one frozen dataclass a file type, in TRL's
conversational formats.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TextIO, TypedDict, TypeVar

from records.errors import RecordError
from records.escaping import json_text
from records.file_kinds import HEAD, not_text
from records.regular_files import lines_of, unpacked
from records.strict_json import strict_loads

Split = Literal["train", "val", "test"]
Kind = Literal["harmful", "benign"]
FAULTS_SHOWN = 20


class Message(TypedDict):
    role: str
    content: str


def user(text: str) -> list[Message]:
    """The text as a conversation of one message of the user."""
    return [{"role": "user", "content": text}]


def assistant(text: str) -> list[Message]:
    """The text as a completion of one message."""
    return [{"role": "assistant", "content": text}]


def text_of(messages: list[Message]) -> str:
    """The contents of the messages, one a paragraph."""
    return "\n\n".join(message["content"] for message in messages)


def stable_id(*parts: str) -> str:
    """Twelve hex digits that depend on nothing but the parts."""
    # A lone surrogate must not stop the reading of a file; the linter names and drops its row.
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class Record:
    id: str

    def to_json(self) -> dict[str, Any]:
        """The row as plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        """Raises ValueError that names unknown and missing fields."""
        fields = {f.name: f for f in dataclasses.fields(cls)}
        unknown = sorted(set(row) - set(fields))
        required = set()
        for n, f in fields.items():
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
                required.add(n)
        missing = sorted(required - set(row))
        # Unknown fields are refused and not dropped: a column with a typing error would vanish
        # otherwise.
        if unknown or missing:
            raise ValueError(
                f"fields do not fit {cls.__name__}: unknown {unknown}, missing {missing}"
            )
        return cls(**row)


@dataclass(frozen=True, kw_only=True)
class Prompt(Record):
    """One request.

    `suite` is the set it is measured in; `group` is its near-duplicate group, shared with its twin.
    """

    prompt: list[Message]
    kind: Kind
    suite: str
    source: str
    licence: str
    principle: int | None = None
    """AMA principle 1-9; None where the source has none."""
    generator: str = "human"
    topic: str = ""
    register: str = ""
    """How it is written (a forum post, a nurse's note); empty where the source does not say."""
    twin_id: str | None = None
    group: str = ""
    split: Split = "train"


@dataclass(frozen=True, kw_only=True)
class SuitePrompt(Prompt):
    """A prompt of an evaluation, with what its suite says of a good completion."""

    expected: str = ""
    """What the completion must hold (acts, divided by spaces) or choose (an option's name); empty
    where nothing is asked for."""


@dataclass(frozen=True, kw_only=True)
class Demonstration(Prompt):
    """A prompt with the completion to imitate: a safe completion where harmful, a helpful one where
    benign.
    """

    completion: list[Message] = field(default_factory=list)
    rejected: list[Message] = field(default_factory=list)
    """The worse completion, where the source holds preferences."""
    prompt_id: str = ""
    """Of a further preference: the id of its prompt's own row, which alone is among the prompts;
    empty in that row."""

    @property
    def asks(self) -> str:
        """The id of its prompt."""
        return self.prompt_id or self.id


@dataclass(frozen=True, kw_only=True)
class Completion(Record):
    """One completion of one policy; `id` is prompt id, policy and sample number."""

    prompt_id: str
    prompt: list[Message]
    completion: list[Message]
    policy: str
    sample: int
    seed: int
    num_tokens: int
    finish_reason: Literal["stop", "length"]
    suite: str = ""
    """The set that its prompt is measured in."""
    condition: str = ""
    """What was done to the prompt before it was asked (a wrapper, a translation); empty where it
    was asked as it stands."""


@dataclass(frozen=True, kw_only=True)
class Revision(Completion):
    """What a policy made of its own completion after it had found fault with it."""

    answer_id: str
    principle: int
    critique: str


@dataclass(frozen=True, kw_only=True)
class Score(Record):
    """One scorer's verdict on one completion; value None means unscored, and then `reason` says
    why.
    """

    completion_id: str
    scorer: str
    value: float | None = None
    label: str = ""
    reason: str = ""
    uncertainty: float | None = None
    """How little the scorer trusts its own verdict, in its own unit (an entropy in nats, a spread);
    None where it does not say."""


@dataclass(frozen=True, kw_only=True)
class Pair(Record):
    """A preference in TRL's format with where both sides came from; scores are harmfulness 1-5,
    lower is better.
    """

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    prompt_id: str
    pair_type: str
    kind: Kind
    split: Split
    chosen_source: str
    rejected_source: str
    chosen_score: float
    rejected_score: float
    margin: float
    principle: int | None = None
    chosen_finished: bool = True
    rejected_finished: bool = True
    """False for a sampled side that the token limit cut: it has no end token to learn from."""


RecordT = TypeVar("RecordT", bound=Record)
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of every line that holds one, `.gz` unpacked; then all others are
    reported at once as a RecordError.
    """
    if not path.is_file():
        raise RecordError(f"{path}: no such file")
    faults = []
    # Faults are collected while good rows go on: the user sees every broken line after one reading.
    with _opened(path) as file:
        try:
            for number, line in enumerate(lines_of(path, file), start=1):
                if not line.strip():
                    continue
                try:
                    row = strict_loads(line)
                    if not isinstance(row, dict):
                        raise ValueError(f"wanted a JSON object, got {type(row).__name__}")
                except ValueError as error:
                    faults.append(
                        f"{path}:{number}: not a JSON object ({error}); mend or remove the line"
                    )
                    continue
                yield number, row
        except UnicodeDecodeError as error:
            faults.append(f"{path}: not UTF-8 ({error}); re-encode the file")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            faults.append(f"{path}: not a whole gzip file ({error}); copy it again")
        except RecordError as error:
            faults += error.faults
    if faults:
        raise RecordError(shorten(faults))


def _opened(path: Path) -> TextIO:
    """The file as text, without a byte order mark.

    Raises RecordError where its first bytes say that it is none.
    """
    try:
        file = unpacked(path)
        # The first bytes of a .gz are those of the archive; its own end marks tell whether it is
        # whole.
        if path.suffix.lower() != ".gz":
            wrong = not_text(file.read(HEAD))
            file.seek(0)
            if wrong:
                file.close()
                raise RecordError(f"{path}: {wrong}")
        # Spreadsheets write a byte order mark, which plain utf-8 would make part of the first key.
        return io.TextIOWrapper(file, encoding="utf-8-sig")
    except OSError as error:
        raise RecordError(
            f"{path}: cannot be read ({error.strerror}); check its permissions"
        ) from error


def read_records(path: Path, kind: type[RecordT]) -> list[RecordT]:
    """Every row of a JSON Lines file. Raises RecordError with the faults of all rows."""
    records, faults = [], []
    for number, row in read_json_lines(path):
        try:
            records.append(kind.from_json(row))
        except (TypeError, ValueError) as error:
            faults.append(f"{path}:{number}: {error}")
    if faults:
        raise RecordError(shorten(faults))
    return records


def shorten(faults: list[str]) -> list[str]:
    """The first faults and a count of the rest, so that a broken file of a million lines stays
    readable.
    """
    rest = len(faults) - FAULTS_SHOWN
    return faults if rest <= 0 else [*faults[:FAULTS_SHOWN], f"... and {rest} more"]


def json_line(record: Record | dict[str, Any]) -> str:
    """The characters as they are: ids are made from it."""
    return _ENCODER.encode(_row(record)) + "\n"


def file_line(record: Record | dict[str, Any]) -> str:
    """One line of a file."""
    return f"{json_text(_row(record))}\n"


def json_lines(records: Iterable[Record | dict[str, Any]]) -> str:
    """The lines of a file."""
    return "".join(map(file_line, records))


def _row(record: Record | dict[str, Any]) -> dict[str, Any]:
    # vars are the fields in their order, and none holds another dataclass; to_json would copy every
    # text's messages first.
    return vars(record) if isinstance(record, Record) else record
