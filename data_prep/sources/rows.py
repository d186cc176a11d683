"""Rows of a table become Demonstrations, whatever shape they have."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from data_prep.config import SourceConfig
from data_prep.sources.columns import is_given, named, only_one, text
from data_prep.sources.preferences import grades
from data_prep.sources.shapes import KNOWN, shape_of, unread
from data_prep.sources.sides import Sides
from records.errors import RecordError
from records.excerpts import excerpt
from records.licences import licence_fault
from records.principles import PRINCIPLES
from records.roles import role_fault
from records.rows import (
    Demonstration,
    Kind,
    Message,
    Split,
    assistant,
    json_line,
    shorten,
    stable_id,
    text_of,
    user,
)

KINDS: tuple[Kind, ...] = ("harmful", "benign")
RowT = TypeVar("RowT")
BuiltT = TypeVar("BuiltT")


class ReadRow(NamedTuple):
    """What one row of a file holds."""

    rows: list[Demonstration]
    grades: tuple[float, ...] | None
    """Of its one completion, to be compared with those of its prompt's other rows; higher is
    better."""
    unread: list[str]
    """Columns that nothing reads."""


class SourceRows(NamedTuple):
    rows: list[Demonstration]
    unread: Counter[str]
    """How many rows carry each column that nothing reads."""


def read_rows(
    files: Iterable[Path],
    rows_of: Callable[[Path], Iterable[tuple[str, RowT]]],
    build: Callable[[RowT], BuiltT],
) -> list[BuiltT]:
    """Every row of every file, built; the faults of all files are raised together.

    `rows_of` yields (place, row) and may raise RecordError; `build` raises ValueError that says
    what is wrong with its row.
    """
    built: list[BuiltT] = []
    faults: list[str] = []
    for file in files:
        try:
            for place, row in rows_of(file):
                try:
                    built.append(build(row))
                except ValueError as error:
                    # The reading goes on: a user with a broken file needs all its lines at once.
                    faults.append(f"{place}: {error}")
        except RecordError as error:
            faults += error.faults
    if faults:
        raise RecordError(shorten(faults))
    return built


def default_suite(config: SourceConfig, kind: Kind) -> str:
    """The suite of rows whose source names none."""
    return config.suite or ("harmful" if kind == "harmful" else config.name)


def own_suite(config: SourceConfig) -> str:
    """For a set that is not about medicine: pooled with the others in `harmful`, its requests would
    change what is measured there.
    """
    return config.suite or config.name


def part_suite(config: SourceConfig, part: str) -> str:
    """The suite of one part of a set that holds several, which differ in kind."""
    return f"{own_suite(config)}_{part}"


def request_id(config: SourceConfig, prompt: Sequence[Message]) -> str:
    """The id of a prompt in its source: the same for the same messages."""
    if len(prompt) == 1:
        return stable_id(config.name, prompt[0]["content"])
    return stable_id(
        config.name, *(part for message in prompt for part in (message["role"], message["content"]))
    )


def require_order(
    prompt: Sequence[Message], completion: Sequence[Message], rejected: Sequence[Message] = ()
) -> None:
    """Raises ValueError for a conversation that nobody can be trained or measured on."""
    fault = role_fault(prompt, completion)
    # The rejected side is held to the same order, as it is rendered by the same template.
    if not fault and role_fault(prompt, rejected):
        fault = f"rejected: {role_fault(prompt, rejected)}"
    if fault:
        raise ValueError(fault)
    if not prompt[-1]["content"]:
        raise ValueError("empty request")


def single_turn(
    config: SourceConfig,
    request: str,
    answer: str | None,
    *,
    kind: Kind,
    suite: str,
    **columns: Any,
) -> Demonstration:
    """One request of a set with a format of its own; without a completion, a prompt only.

    Raises ValueError for an empty request.
    """
    prompt = user(request.strip())
    require_order(prompt, [])
    return Demonstration(
        id=request_id(config, prompt),
        prompt=prompt,
        completion=assistant(answer.strip()) if answer and answer.strip() else [],
        kind=kind,
        suite=suite,
        source=config.name,
        licence=config.terms.licence,
        **columns,
    )


def demonstrations_from_row(row: Any, config: SourceConfig) -> ReadRow:
    """A row of any shape that is known.

    Raises ValueError that says what is wrong with it; the caller knows which row it is.
    """
    # Names first: what shape a row has is told by its columns.
    fields = named(row, config, KNOWN)
    shape = shape_of(fields)
    rows = []
    for sides in shape.sides(fields, config):
        rows.append(_demonstration(sides, fields, config))
    return ReadRow(rows, grades(fields), list(unread(fields, shape, config)))


def table_of(read: Sequence[ReadRow]) -> SourceRows:
    """The rows of one source, each completion that is only known to be worse set beside a better
    one of its prompt.

    Of completions with grades the best of each prompt stay, and the others are rejected. A
    completion that is known to be bad, with no better one to its prompt, leaves the row a prompt
    alone.
    """
    columns = Counter(column for found in read for column in found.unread)
    best: dict[str, tuple[float, ...]] = {}
    for found in read:
        for row in found.rows if found.grades is not None else ():
            # Over all rows of a prompt, wherever they stand in the files.
            best[_asked(row)] = max(best.get(_asked(row), found.grades or ()), found.grades or ())
    rows = []
    for found in read:
        for row in found.rows:
            rows.append(
                _below(row)
                if found.grades is not None and found.grades < best[_asked(row)]
                else row
            )
    return SourceRows(_with_better(rows), columns)


def _with_better(rows: list[Demonstration]) -> list[Demonstration]:
    better: defaultdict[str, list[list[Message]]] = defaultdict(list)
    alone = [is_rejected_alone(row) for row in rows]
    if not any(alone):
        # Most sets know both sides of every row; they are handed on as they are.
        return rows
    for row in rows:
        if text_of(row.completion).strip():
            better[_asked(row)].append(row.completion)
    joined: Counter[str] = Counter()
    for place, row in enumerate(rows):
        prompt = _asked(row) if alone[place] else ""
        if prompt in better:
            # In turn, so that where there are several of both each is used.
            rows[place] = replace(
                row, completion=better[prompt][joined[prompt] % len(better[prompt])]
            )
            joined[prompt] += 1
    return rows


def _asked(row: Demonstration) -> str:
    return json_line({"prompt": row.prompt})


def is_rejected_alone(row: Demonstration) -> bool:
    """Only what not to say is known."""
    return bool(text_of(row.rejected).strip()) and not text_of(row.completion).strip()


def _below(row: Demonstration) -> Demonstration:
    return replace(row, completion=[], rejected=row.completion)


def _demonstration(sides: Sides, row: Mapping[str, Any], config: SourceConfig) -> Demonstration:
    prompt, completion, rejected = sides
    require_order(prompt, completion, rejected)
    kind = _kind(row.get("kind") or config.kind)
    return Demonstration(
        id=text(row, "id") or request_id(config, prompt),
        prompt=prompt,
        completion=completion,
        rejected=rejected,
        kind=kind,
        suite=text(row, "suite") or default_suite(config, kind),
        source=config.name,
        # A row's own licence stands before the source's: sets are put together from others.
        licence=_licence(row) or config.terms.licence,
        principle=_principle(row.get("principle")),
        generator=text(row, "generator") or "human",
        topic=text(row, "topic"),
        twin_id=text(row, "twin_id") or None,
        split=_split(row.get("split")),
    )


def _licence(row: Mapping[str, Any]) -> str:
    said = text(row, only_one(row, ("licence", "license"), "licence", "leave one of them in") or "")
    wrong = licence_fault(said) if said else ""
    if wrong:
        raise ValueError(wrong)
    return said


def _split(value: Any) -> Split:
    """A row that says it is of a test set may not be trained on."""
    word = str(value).strip().lower() if is_given(value) else "train"
    if word in ("train", "training"):
        return "train"
    if word in ("test", "testing", "eval", "evaluation"):
        return "test"
    raise ValueError(
        f"'split' is {excerpt(word)}, and only train and test can be kept (data.split deals out "
        "validation rows); take such rows into a source of their own, or name the column in the "
        "source's ignore"
    )


def _kind(value: Any) -> Kind:
    for kind in KINDS:
        if value == kind:
            return kind
    raise ValueError(f"kind must be harmful or benign, got {excerpt(value)}")


def _principle(value: Any) -> int | None:
    if value is None or value == "":
        return None
    # A table in which some rows name none holds the others as 3.0.
    word = str(value).strip().removesuffix(".0")
    if word in map(str, PRINCIPLES):
        return int(word)
    raise ValueError(f"principle must be 1 to 9 or absent, got {excerpt(value)}")
