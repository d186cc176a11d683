"""paul-rottger/xstest: safe prompts that sound unsafe, and unsafe contrasts to them; for evaluation
only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_prep.config import SourceConfig
from data_prep.source_kind import KnownSet, SourceFacts, SourceKind, Terms
from data_prep.sources.rows import part_suite, read_rows, single_turn
from data_prep.sources.tables import placed_rows
from records.errors import RecordError
from records.excerpts import column_names, excerpt
from records.rows import Demonstration, Kind

FILES = ("xstest_prompts.csv", "xstest_v2_prompts.csv")
KINDS: dict[str, Kind] = {"safe": "benign", "unsafe": "harmful"}


def read(config: SourceConfig) -> list[Demonstration]:
    """Every row of the set, from where `config.path` says that its files lie."""
    path = Path(config.path)
    files = (
        [path] if path.is_file() else [path / name for name in FILES if (path / name).is_file()][:1]
    )
    if not files:
        raise RecordError(
            f"{path}: no XSTest here; wanted {' or '.join(FILES)} (the repository or the file "
            "itself)"
        )
    return read_rows(files, placed_rows, lambda row: _demonstration(row, config))


def _demonstration(row: Any, config: SourceConfig) -> Demonstration:
    if not isinstance(row, dict):
        raise ValueError(f"wanted an object with prompt and type, got {excerpt(row)}")
    missing = []
    for name in ("prompt", "type"):
        if not row.get(name):
            missing.append(name)
    if missing:
        raise ValueError(f"no {' and no '.join(missing)} (columns: {column_names(row)})")
    if not isinstance(row["prompt"], str) or not isinstance(row["type"], str):
        raise ValueError(
            f"wanted texts as prompt and as type, got {excerpt(row['prompt'])} and "
            f"{excerpt(row['type'])}"
        )
    by_type = "unsafe" if row["type"].startswith("contrast") else "safe"
    # The file of the second version has no label; there the type alone says it.
    label = row.get("label") or by_type
    if label != by_type:
        raise ValueError(
            f"label is {excerpt(label)}, but type {excerpt(row['type'])} is {by_type}; which is it?"
        )
    return single_turn(
        config,
        row["prompt"],
        None,
        kind=KINDS[label],
        suite=part_suite(config, label),
        topic=row["type"],
    )


FACTS = SourceFacts(
    decided=(
        "its authors (Röttger and others 2024), by construction: safe prompts that sound "
        "unsafe, and unsafe ones beside them"
    ),
    principles="none is named; harm in general, not medical ethics",
    written="by the authors",
    not_represented="English, one turn, short made-up prompts; hardly any medicine",
    cost="not known here",
    personal="none known; a few prompts ask about public figures",
    citation=(
        '@inproceedings{rottger2024xstest, author = {R{\\"o}ttger, Paul and Kirk, Hannah Rose'
        " and Vidgen, Bertie and Attanasio, Giuseppe and Bianchi, Federico and Hovy, Dirk},"
        " title = {{XSTest}: A Test Suite for Identifying Exaggerated Safety Behaviours in"
        " Large Language Models}, booktitle = {NAACL}, year = {2024}, note ="
        " {arXiv:2308.01263}}"
    ),
)
SOURCE = SourceKind(
    read=read,
    known=KnownSet(
        terms=Terms(licence="CC-BY-4.0", use="evaluation"),
        facts=FACTS,
        names={
            r"xstest(v2)?(prompts|copy|response)?": Terms(
                licence="CC-BY-4.0", use="evaluation", title="XSTest", reader="xstest"
            )
        },
    ),
)
