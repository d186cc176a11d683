"""anthropics/hh-rlhf: preferences as pairs of transcripts, in a file, a folder of files, or a
checkout with its helpful-* and harmless-* folders.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.config import SourceConfig
from data_prep.source_kind import KnownSet, SourceFacts, SourceKind, Terms
from data_prep.sources.rows import own_suite, part_suite, read_rows, request_id, require_order
from data_prep.sources.transcript_sides import transcript_sides
from records.errors import RecordError
from records.excerpts import column_names
from records.rows import Demonstration, Kind, Split, read_json_lines

SUFFIXES = (".jsonl", ".jsonl.gz")
KINDS: dict[str, Kind] = {"harmless": "harmful", "helpful": "benign"}
"""What the requests are, by what their completions were compared for."""


class Row(NamedTuple):
    fields: dict[str, Any]
    part: str
    """harmless, helpful, or empty where neither file nor folder says."""
    split: Split


def read(config: SourceConfig) -> list[Demonstration]:
    """Every row of the set, from where `config.path` says that its files lie."""
    path = Path(config.path)
    # The repository also holds red-team-attempts, whose rows are no preferences.
    collections = sorted(
        folder for name in KINDS for folder in path.glob(f"{name}-*") if folder.is_dir()
    )
    files = [path] if not path.is_dir() else _files(collections or [path])
    if not files:
        raise RecordError(
            f"{path}: no hh-rlhf here; wanted .jsonl or .jsonl.gz files, or harmless-base/ and its "
            "like with them in it"
        )
    return read_rows(
        files,
        lambda file: _rows(file, in_checkout=bool(collections)),
        lambda row: _demonstration(row, config),
    )


def _files(folders: list[Path]) -> list[Path]:
    found: list[Path] = []
    for folder in folders:
        for file in sorted(folder.iterdir()):
            if file.name.lower().endswith(SUFFIXES):
                found.append(file)
    return found


def _rows(file: Path, *, in_checkout: bool) -> Iterator[tuple[str, Row]]:
    place = f"{file.parent.name}/{file.name}"
    # By folder or file: single files that were copied out of the folders keep the name in theirs.
    part = next((name for name in KINDS if f"{name}-" in place), "")
    # In a checkout, where train stands beside it, upstream's test file is what others report on.
    split: Split = "test" if in_checkout and file.name.startswith("test.") else "train"
    for line, fields in read_json_lines(file):
        yield f"{file}:{line}", Row(fields, part, split)


def _demonstration(row: Row, config: SourceConfig) -> Demonstration:
    chosen, rejected = row.fields.get("chosen"), row.fields.get("rejected")
    if not isinstance(chosen, str) or not isinstance(rejected, str):
        raise ValueError(
            f"wanted the texts 'chosen' and 'rejected', got columns {column_names(row.fields)}"
        )
    prompt, completion, worse = transcript_sides(chosen, rejected)
    require_order(prompt, completion, worse)
    return Demonstration(
        id=request_id(config, prompt),
        prompt=prompt,
        completion=completion,
        rejected=worse,
        kind=KINDS.get(row.part, config.kind),
        suite=part_suite(config, row.part) if row.part else own_suite(config),
        source=config.name,
        licence=config.terms.licence,
        generator="anthropic-lm",
        split=row.split,
    )


FACTS = SourceFacts(
    decided=(
        "crowdworkers hired by Anthropic: each chose the better of two answers in a dialogue "
        "that they held themselves. Researchers agreed with about 63 % of their choices"
    ),
    principles=(
        "none is named: the workers' own sense of help and harm; who they were is in appendix "
        "D of arXiv 2204.05862"
    ),
    written="requests by the crowdworkers, both answers by Anthropic's models",
    not_represented=(
        "English; dialogues of paid workers who tried to provoke harm. Hardly any medicine, no "
        "patient or clinician"
    ),
    cost=(
        "workers read and provoked offensive and upsetting text, as its authors warn; what "
        "that cost them is not known here"
    ),
    personal=(
        "not searched for names; dialogues may hold private matters that a worker or the model "
        "made up or told"
    ),
    citation=(
        "@misc{bai2022helpful, author = {Bai, Yuntao and others}, title = {Training a "
        "Helpful and Harmless Assistant with Reinforcement Learning from Human Feedback}, "
        "year = {2022}, note = {arXiv:2204.05862}}"
    ),
)
SOURCE = SourceKind(
    read=read,
    known=KnownSet(
        terms=Terms(
            licence="MIT",
            note=(
                "its authors mean it for preference models, not for supervised training of a "
                "dialogue"
            ),
        ),
        facts=FACTS,
    ),
)
