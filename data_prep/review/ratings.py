"""Ratings read back from Label Studio's exports (JSON, CSV) and from filled-in copies of our own
spreadsheet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.review.review_files import REFUSALS
from data_prep.review.spreadsheet_cells import from_cell
from data_prep.sources.text_files import csv_table, read_json_file
from records.errors import RecordError
from records.excerpts import excerpt
from records.rows import shorten
from records.strict_json import strict_loads

LEVELS = range(1, 6)
SKIPPED, EMPTY, REPEATED = "skipped by the rater", "not rated", "repeats of the same rating"
_LABEL_STUDIO_COLUMNS = {"annotator", "annotation_id"}
_CONTROLS = {"harmfulness": "rating", "refusal": "choices", "comment": "text"}
"""Under which key Label Studio holds the value of each control of our config."""
ID_LENGTH = 14
"""Of an item and of a batch; a longer text in their columns is none."""
_COLUMNS = ("item", "batch", "rater", "annotator", *_CONTROLS)
CHECK_FILE = "name the files that the raters have left"


class Rating(NamedTuple):
    """One rater's word on one item; None and empty are what the rater did not say."""

    item: str
    rater: str
    harmfulness: int | None
    refusal: str
    """full, partial or none."""
    comment: str = ""
    drawn: str = ""
    """How the item came into its batch."""


class Ratings(NamedTuple):
    ratings: list[Rating]
    left_out: Counter[str]


class _Row(NamedTuple):
    """A rating as a file has it."""

    where: str
    item: str
    batch: str
    rater: str
    said: Mapping[str, str]
    """By control."""
    skipped: bool = False


def read_ratings(paths: Iterable[Path], *, batch: str, items: Container[str]) -> Ratings:
    """All ratings of all files, or a RecordError with every fault in them: another batch, an
    unknown item, no rater, an impossible value, one rater who says two things of one item."""
    faults: list[str] = []
    left_out: Counter[str] = Counter({SKIPPED: 0, EMPTY: 0, REPEATED: 0})
    found: dict[tuple[str, str], tuple[Rating, str]] = {}
    # The same file twice would count as a rater who repeats everything.
    for path in dict.fromkeys(paths):
        try:
            rows = list(_read(path))
        except RecordError as error:
            faults += error.faults
            continue
        # Told as a count: rows of another batch are a wrong file, and each row would be a fault.
        others = Counter(row.batch for row in rows if row.batch != batch)
        for name, count in others.items():
            faults.append(
                f"{path}: {count} rows are of batch {name[:ID_LENGTH] or '(none named)'}, wanted "
                f"{batch}"
            )
        for row in rows:
            if row.batch != batch:
                continue
            # Harm or refusal alone is a rating; a comment alone is none.
            if row.skipped or not (row.said.get("harmfulness") or row.said.get("refusal")):
                left_out[SKIPPED if row.skipped else EMPTY] += 1
                continue
            rating, wrong = _rating(row, items)
            faults += wrong
            if wrong:
                continue
            known, where = found.get((row.item, row.rater), (None, ""))
            if known is None:
                found[row.item, row.rater] = rating, row.where
            # The first four fields are what was said; comments of the same rating may differ.
            elif known[:4] == rating[:4]:
                left_out[REPEATED] += 1
            else:
                faults.append(
                    f"{row.where}: {row.rater} has rated {row.item} otherwise in {where}; leave "
                    "one of the two"
                )
    if faults:
        raise RecordError(shorten(faults))
    return Ratings([rating for rating, _ in found.values()], left_out)


def _rating(row: _Row, items: Container[str]) -> tuple[Rating, list[str]]:
    """The rating, and what is wrong with it."""
    faults = []
    harmfulness, refusal = row.said["harmfulness"], row.said["refusal"]
    level = _level(harmfulness)
    if row.item not in items:
        faults.append(
            f"{row.where}: item {excerpt(row.item)} is not in the batch; leave the column `item` "
            "as it was exported"
        )
    if not row.rater:
        faults.append(f"{row.where}: rated, but no rater is named; fill in who rated")
    if harmfulness and level is None:
        faults.append(
            f"{row.where}: harmfulness {excerpt(harmfulness)}, wanted a whole number from "
            f"{LEVELS[0]} to {LEVELS[-1]}"
        )
    # Spreadsheets may put a capital on the first letter of a cell.
    word = refusal.lower()
    if word and word not in REFUSALS:
        faults.append(f"{row.where}: refusal {excerpt(refusal)}, wanted {', '.join(REFUSALS)}")
    return Rating(row.item, row.rater, level, REFUSALS.get(word, ""), row.said["comment"]), faults


def _level(text: str) -> int | None:
    """A spreadsheet may write 3 as 3.0."""
    try:
        value = float(text)
    except ValueError:
        return None
    # `in` a range is true for 3.0 and false for 3.5.
    return int(value) if value in LEVELS else None


def _read(path: Path) -> Iterator[_Row]:
    if path.suffix.lower() == ".json":
        return _label_studio_json(path)
    if path.suffix.lower() == ".csv":
        return _csv(path)
    raise RecordError(
        f"{path}: wanted .json (Label Studio's export) or .csv (Label Studio's, or a filled-in "
        "batch.csv)"
    )


def _label_studio_json(path: Path) -> Iterator[_Row]:
    """Tasks with all their annotations. The converter nests the lists of several files in one."""
    content = read_json_file(path, wanted="Label Studio's export as JSON", remedy=CHECK_FILE)
    parts = content if isinstance(content, list) else [content]
    tasks = []
    for part in parts:
        tasks.extend(part if isinstance(part, list) else [part])
    for number, task in enumerate(tasks, 1):
        where = f"{path}: task {task.get('id', number) if isinstance(task, dict) else number}"
        if (
            not _has(task, "data", dict)
            or not _has(task, "annotations", list)
            or not all(map(_is_annotation, task["annotations"]))
        ):
            raise RecordError(
                f"{where}: has no data or no annotations; export as JSON, not as JSON-MIN"
            )
        item, batch = str(task["data"].get("item", "")), str(task["data"].get("batch", ""))
        if not task["annotations"]:
            yield _Row(where, item, batch, "", {})
        for annotation in task["annotations"]:
            yield _annotated(f"{where}, annotation {annotation.get('id')}", item, batch, annotation)


def _has(task: Any, name: str, kind: type) -> bool:
    return isinstance(task, dict) and isinstance(task.get(name), kind)


def _is_annotation(found: Any) -> bool:
    results = found.get("result") or [] if isinstance(found, dict) else None
    return isinstance(results, list) and all(
        isinstance(r, dict) and isinstance(r.get("from_name"), str | None) for r in results
    )


def _annotated(where: str, item: str, batch: str, annotation: dict[str, Any]) -> _Row:
    rater = annotation.get("completed_by")
    if isinstance(rater, dict):
        # As the converter names raters in its CSV.
        rater = rater.get("email") or rater.get("id")
    said: dict[str, list[Any]] = {}
    for result in annotation.get("result") or []:
        # A control may give several results; they are kept, so that the contradiction can be shown.
        said.setdefault(result.get("from_name"), []).append(result.get("value"))
    return _Row(
        where,
        item,
        batch,
        "" if rater is None else str(rater),
        {name: _said(said.get(name), key) for name, key in _CONTROLS.items()},
        skipped=bool(annotation.get("was_cancelled") or annotation.get("skipped")),
    )


def _csv(path: Path) -> Iterator[_Row]:
    columns, rows = csv_table(path, known=_COLUMNS, remedy=CHECK_FILE)
    # Told by columns that only the converter writes; a filled-in batch.csv has neither.
    exported = set(columns) >= _LABEL_STUDIO_COLUMNS
    wanted = {
        "item",
        "batch",
        *(_LABEL_STUDIO_COLUMNS if exported else ("rater", "harmfulness", "refusal")),
    }
    missing = sorted(wanted - set(columns))
    if missing:
        raise RecordError(
            f"{path}: has no column {', '.join(missing)}; wanted a filled-in batch.csv or Label "
            "Studio's CSV"
        )
    for line, row in rows:
        # Label Studio writes no marks of ours.
        written = row if exported else {name: from_cell(cell) for name, cell in row.items()}
        cells = {name: written.get(name, "").strip() for name in _COLUMNS}
        where = f"{path}: row of {cells['item'][:ID_LENGTH] or '(no item)'}, line {line}"
        rater = cells["annotator"] if exported else cells["rater"]
        said = {name: cells[name] for name in _CONTROLS}
        if exported:
            rater = "" if rater == "None" else rater  # how the converter writes that there is none
            said = {}
            for name, key in _CONTROLS.items():
                said[name] = _said(_json_or_text(cells[name]), key)
        yield _Row(where, cells["item"], cells["batch"], rater, said)


def _json_or_text(cell: str) -> Any:
    """The converter writes a single choice as it is and everything else as JSON."""
    try:
        return strict_loads(cell) if cell.startswith(("[", "{")) else cell
    except ValueError:
        return cell


def _said(values: Any, key: str) -> str:
    """What one control holds: [{key: 3}], [{key: [word]}] or a word; several are shown as they are,
    so that the fault can be seen.
    """
    parts = values if isinstance(values, list) else [values] if values else []
    words: list[str] = []
    for part in parts:
        value = part.get(key, part) if isinstance(part, dict) else part
        words += map(str, value if isinstance(value, list) else [value])
    return ", ".join(words)
