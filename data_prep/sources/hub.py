"""Anything that the `datasets` library loads: a hub id, a folder or file of Parquet, JSON or CSV, a
`save_to_disk` folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from data_prep.config import SourceConfig
from data_prep.source_kind import SourceKind
from data_prep.sources.rows import SourceRows, demonstrations_from_row, read_rows, table_of
from data_prep.sources.shapes import TEXT_COLUMNS
from data_prep.sources.tables import LINES, LISTS, TABLES, ends_in, read_files
from data_prep.sources.text_files import NULL_WORDS, null_word_fault
from records.errors import RecordError, first_line
from records.rows import shorten

BUILDERS = {".parquet": "parquet", ".arrow": "arrow"}
# What `datasets` raises for a missing id, split or file, no network, a broken file and a missing
# decoder, beside its own errors.
LOAD_FAILURES = (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError)
# The library takes None, NA and the like for no value; they may be answers.
PLAIN_CSV = {"keep_default_na": False, "na_values": [""]}


def read(config: SourceConfig) -> SourceRows:
    """Every row of the set, from where `config.path` says that its files lie."""
    path = Path(config.path)
    if (
        path.is_file()
        and ends_in(path, (*LINES, *TABLES, *LISTS))
        # Another split or configuration is a matter of the library's; our reader knows neither.
        and (config.dataset_split, config.dataset_config) == ("train", None)
    ):
        # Our own reader sees what pandas and Arrow do not say: a column or a key that is there
        # twice, a word taken for no value.
        return table_of(read_files([path], config))
    import datasets  # noqa: PLC0415  takes seconds, and this module also declares the source

    try:
        table, is_csv = _load(config)
        # Decoded inside the try: a broken image or a missing decoder only fails when its row is
        # read.
        rows = list(_decoded(table))
    except (*LOAD_FAILURES, datasets.exceptions.DatasetsError) as error:
        raise RecordError(
            f"source {config.name!r}: datasets cannot load {config.path!r}, split "
            f"{config.dataset_split!r} ({type(error).__name__}: "
            f"{first_line(error.__cause__ or error)}); check path and dataset_split; on a node "
            "without internet, download it on the login node and give the folder as path"
        ) from error
    placed = [
        (f"{config.path} [{config.dataset_split}]: row {number} (counted from 0)", row)
        for number, row in enumerate(rows)
    ]
    if is_csv:
        placed = _without_null_words(placed, config)
    return table_of(
        read_rows([path], lambda _: placed, lambda row: demonstrations_from_row(row, config))
    )


def _load(config: SourceConfig) -> tuple[Any, bool]:
    """The table, and whether it was read from CSV."""
    import datasets  # noqa: PLC0415  as above

    path, split = Path(config.path), config.dataset_split
    # Folders of save_to_disk are told by their own files; load_dataset refuses them.
    if (path / "dataset_dict.json").is_file():
        return datasets.load_from_disk(str(path))[split], False
    if (path / "state.json").is_file():
        return datasets.load_from_disk(str(path)), False
    suffix = path.suffix.lower()
    if path.is_file() and suffix in BUILDERS:
        return datasets.load_dataset(BUILDERS[suffix], data_files=str(path), split=split), False
    builder = datasets.load_dataset_builder(config.path, config.dataset_config)
    # Only CSV has words for no value; other builders refuse these options.
    if type(builder.config).__name__ == "CsvConfig":
        return (
            datasets.load_dataset(config.path, config.dataset_config, split=split, **PLAIN_CSV),
            True,
        )
    return datasets.load_dataset(config.path, config.dataset_config, split=split), False


def _decoded(table: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """With classes by their names."""
    import datasets  # noqa: PLC0415  as above

    features = getattr(table, "features", None) or {}
    classes = {}
    for column, feature in features.items():
        if isinstance(feature, datasets.ClassLabel):
            classes[column] = feature
    for row in table:
        yield row | {
            name: kind.int2str(row[name])
            for name, kind in classes.items()
            # The library writes -1 where a row has no class.
            if row[name] is not None and row[name] >= 0
        }


def _without_null_words(
    placed: list[tuple[str, dict[str, Any]]], config: SourceConfig
) -> list[tuple[str, dict[str, Any]]]:
    texts = TEXT_COLUMNS | {config.prompt_field, config.completion_field}
    faults = []
    for place, row in placed:
        words = []
        for column in row:
            if row[column] in NULL_WORDS and (column in texts or column.lower() in texts):
                words.append(column)
        for column in words:
            faults.append(f"{place}: {null_word_fault(column, row[column])}")
    if faults:
        raise RecordError(shorten(faults))
    found: list[tuple[str, dict[str, Any]]] = []
    for place, row in placed:
        found.append(
            (place, {column: None if word in NULL_WORDS else word for column, word in row.items()})
        )
    return found


SOURCE = SourceKind(read=read, path="a hub id or a directory", is_downloaded=True)
