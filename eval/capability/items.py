"""Multiple-choice items with the prompts that lm-evaluation-harness gives them, from the user's
files.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.capability.config import CapabilityTaskConfig
from eval.results.capability import AbsentTask
from records.choice import at_even_distances
from records.errors import RecordError
from records.rows import Record, read_json_lines, shorten, stable_id

LETTERS = ("A", "B", "C", "D")
TRUTH = "test_ground_truth.json"
SUBJECT_FILE = "_test.csv"


@dataclass(frozen=True, kw_only=True)
class Item(Record):
    """One question: what comes before the options' text, the options, and which of them is
    right.
    """

    task: str
    context: str
    choices: list[str]
    """As they follow `context` after one space."""
    gold: int
    topic: str = ""


def read_tasks(
    tasks: list[CapabilityTaskConfig],
) -> tuple[dict[str, list[Item]], list[AbsentTask]]:
    """Every task's items by its name, and the optional ones that are not there.

    All faults at once.
    """
    names = Counter(task.name for task in tasks)
    faults = []
    for name, count in names.items():
        if count > 1:
            faults.append(f"eval.capability.tasks: {count} are named {name!r}; names must differ")
    found: dict[str, list[Item]] = {}
    absent = []
    for task in tasks:
        # Before it is read: a path that is not there is no fault of an optional task.
        if task.optional and not Path(task.path).exists():
            absent.append(AbsentTask(task=task.name, reason=f"{task.path} is not there"))
            continue
        try:
            found[task.name] = read_task(task)
        except RecordError as error:
            faults += error.faults
    if faults:
        raise RecordError(faults)
    return found, absent


def read_task(task: CapabilityTaskConfig) -> list[Item]:
    """The items of one task. Raises RecordError with what is wrong, where, and what was wanted."""
    path = Path(task.path)
    where = f"eval.capability.tasks {task.name!r}: {path}"
    if not path.exists():
        raise RecordError(f"{where}: no such file; name where the set lies, or set optional: true")
    items: dict[str, Item] = {}
    faults: list[str] = []
    try:
        for place, row in _ROWS[task.format](path):
            try:
                item = _FORMATS[task.format](row, task.name)
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                faults.append(f"{where}: {place}: {_said(error)}; wanted a row of {task.format}")
            else:
                # Sets repeat questions; a repeat would count twice and narrow the interval.
                items.setdefault(item.id, item)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordError(f"{where}: cannot be read as {task.format} ({error})") from error
    if faults:
        raise RecordError(shorten(faults))
    if not items:
        raise RecordError(f"{where}: holds no item of {task.format}; wanted at least two")
    rows = list(items.values())
    return at_even_distances(rows, task.limit) if task.limit else rows


def _said(error: Exception) -> str:
    return f"no field {error}" if isinstance(error, KeyError) else str(error)


def _json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    return ((f"line {number}", row) for number, row in read_json_lines(path))


def _pubmedqa_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Of the official 500 test ids where their file lies beside it, else all."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    truth = path.parent / TRUTH
    # The official ids, so that figures compare with published ones.
    wanted = json.loads(truth.read_text(encoding="utf-8")) if truth.is_file() else rows
    return ((f"item {key}", {**rows[key], "id": key}) for key in wanted if key in rows)


def _mmlu_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Of every SUBJECT_test.csv in a folder, which have no header."""
    files = sorted(path.glob(f"*{SUBJECT_FILE}")) if path.is_dir() else [path]
    for file in files:
        subject = file.name.removesuffix(SUBJECT_FILE)
        # newline="": the csv module must see line ends inside quotes itself.
        with file.open(encoding="utf-8", newline="") as lines:
            for number, cells in enumerate(csv.reader(lines), 1):
                yield f"{file.name}:{number}", [subject, *cells]


def _lettered(question: str, options: list[str], *, head: str = "") -> str:
    # strict: a question with another number of options would get wrong letters.
    listed = "".join(
        f"{letter}. {option}\n" for letter, option in zip(LETTERS, options, strict=True)
    )
    return f"{question}\n{head}{listed}Answer:"


def _medqa(row: Any, task: str) -> Item:
    options = [row["options"][letter] for letter in LETTERS]
    context = _lettered(f"Question: {row['question']}", options)
    return _item(task, context, LETTERS, LETTERS.index(row["answer_idx"]))


def _medmcqa(row: Any, task: str) -> Item:
    options = [row["options"][letter] for letter in LETTERS]
    context = _lettered(f"Question: {row['question']}", options, head="Choices:\n")
    return _item(task, context, LETTERS, LETTERS.index(row["answer_idx"]))


def _pubmedqa(row: Any, task: str) -> Item:
    abstract = "\n".join(row["CONTEXTS"])
    context = f"Abstract: {abstract}\nQuestion: {row['QUESTION']}\nAnswer:"
    choices = ("yes", "no", "maybe")
    return _item(task, context, choices, choices.index(row["final_decision"]))


def _mmlu(row: Any, task: str) -> Item:
    if len(row) != 7:
        raise ValueError(f"got {len(row) - 1} cells, wanted 6")
    subject, question, *options, answer = row
    about = subject.replace("_", " ")
    head = f"The following are multiple choice questions (with answers) about {about}.\n\n"
    context = _lettered(head + question.strip(), options)
    return _item(task, context, LETTERS, LETTERS.index(answer), topic=subject)


def _choices(row: Any, task: str) -> Item:
    choices, gold = row["choices"], row["gold"]
    if len(choices) < 2 or not all(isinstance(choice, str) and choice for choice in choices):
        raise ValueError("choices must be two texts or more")
    # type and not isinstance: True is an int, and would be option 1.
    if type(gold) is not int or not 0 <= gold < len(choices):
        raise ValueError(f"gold is {gold!r}, wanted a place from 0 to {len(choices) - 1}")
    return _item(task, row["context"], choices, gold)


def _item(task: str, context: str, choices: Any, gold: int, topic: str = "") -> Item:
    if not isinstance(context, str) or not context.strip():
        raise ValueError("its question is empty")
    # By the texts, so that an item keeps its id when the file is cut or reordered.
    identity = stable_id(task, context, *choices)
    kept = [str(choice) for choice in choices]
    return Item(id=identity, task=task, context=context, choices=kept, gold=gold, topic=topic)


_ROWS: dict[str, Callable[[Path], Iterator[tuple[str, Any]]]] = {
    "medqa": _json_lines,
    "medmcqa": _json_lines,
    "pubmedqa": _pubmedqa_rows,
    "mmlu": _mmlu_rows,
    "choices": _json_lines,
}
_FORMATS: dict[str, Callable[[Any, str], Item]] = {
    "medqa": _medqa,
    "medmcqa": _medmcqa,
    "pubmedqa": _pubmedqa,
    "mmlu": _mmlu,
    "choices": _choices,
}
