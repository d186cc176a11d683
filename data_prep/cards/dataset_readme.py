"""README.md of a folder of rows, with the header by which `datasets.load_dataset(folder)` finds its
files, splits and columns.

The columns are written out: a column that is null in a whole split has no type that could be
inferred from its rows.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import (
    Any,
    Literal,
    NamedTuple,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from data_prep.splits.split_files import split_files
from records.rows import Record, Split
from records.stage_folder import write_text

HUB_NAMES: Mapping[Split, str] = {"train": "train", "val": "validation", "test": "test"}
_TYPES = {str: "string", int: "int64", float: "float64", bool: "bool"}


class Table(NamedTuple):
    """Rows of one type in one or several files."""

    name: str
    record: type[Record]
    files: Mapping[Split, str]


def table(name: str, record: type[Record], splits: Sequence[Split]) -> Table:
    """A table with a file a split."""
    return Table(name, record, split_files(name, splits))


def write_readme(folder: Path, title: str, tables: Sequence[Table]) -> None:
    """Of the tables in `folder`; the first is what load_dataset gives when none is named. Files
    without rows are left out."""
    present = []
    for name, record, files in tables:
        present.append(Table(name, record, _with_rows(folder, files)))
    present = [found for found in present if found.files]
    write_text(folder / "README.md", f"{_header(present)}# {title}\n\n{_text(present)}")


def dataset_header(readme: str, lines: Sequence[str]) -> str:
    """The page with further lines of front matter before those that are there."""
    head = "\n".join(["---", *lines])
    return (
        f"{head}\n{readme.removeprefix('---' + chr(10))}"
        if readme.startswith("---\n")
        else f"{head}\n---\n\n{readme}"
    )


def _with_rows(folder: Path, files: Mapping[Split, str]) -> dict[Split, str]:
    made: dict[Split, str] = {}
    for split, file in files.items():
        if (folder / file).stat().st_size:
            made[split] = file
    return made


def _header(tables: Sequence[Table]) -> str:
    if not tables:
        return ""
    lines = ["---", "configs:"]
    for number, (name, _, files) in enumerate(tables):
        lines += [
            f"- config_name: {name}",
            # Without a default, load_dataset(folder) asks for the name of a configuration.
            *(["  default: true"] if number == 0 else []),
            "  data_files:",
        ]
        for split, file in files.items():
            lines += [f"  - split: {HUB_NAMES[split]}", f"    path: {file}"]
    lines.append("dataset_info:")
    for name, record, _ in tables:
        lines += [f"- config_name: {name}", "  features:"]
        for column, hint in get_type_hints(record).items():
            # The indent puts the features inside of their configuration; YAML has no other mark for
            # that.
            lines += [f"  {line}" for line in _feature(column, hint)]
    return "\n".join([*lines, "---", "", ""])


def _feature(name: str, hint: Any) -> list[str]:
    """Lines of YAML in the words of `datasets`."""
    lines = [f"- name: {name}"]
    if get_origin(hint) is not list:
        return [*lines, f"  dtype: {_type(hint)}"]
    (item,) = get_args(hint)
    if not is_typeddict(item):
        return [*lines, f"  list: {_type(item)}"]
    parts = [_feature(key, part) for key, part in get_type_hints(item).items()]
    return [*lines, "  list:", *(f"  {line}" for part in parts for line in part)]


def _type(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return _TYPES[type(get_args(hint)[0])]
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
        return _type(hint)
    return _TYPES[hint]


def _text(tables: Sequence[Table]) -> str:
    shown = ["| table | split | file |", "|---|---|---|"]
    for name, _, files in tables:
        for split, file in files.items():
            shown.append(f"| {name} | {HUB_NAMES[split]} | {file} |")
    use = ['from datasets import load_dataset\n\nrows = load_dataset("this folder")']
    for found in tables[1:]:
        use.append(f'{found.name} = load_dataset("this folder", "{found.name}")')
    code = "\n".join(use)
    rows = "\n".join(shown) if tables else "No rows."
    return (
        f"Each file holds one split. Some of the texts are harmful.\n\n{rows}\n\n```python\n"
        f"{code}\n```\n"
    )
