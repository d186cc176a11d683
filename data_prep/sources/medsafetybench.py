"""A checkout of AI4LIFE-GROUP/med-safety-bench, in its layout of today, its first one (V1), or its
Llama-3 folder alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from data_prep.config import SourceConfig
from data_prep.source_kind import AMA, KnownSet, SourceFacts, SourceKind, Terms
from data_prep.sources.rows import default_suite, single_turn
from data_prep.sources.text_files import read_csv, read_utf8
from records.errors import RecordError
from records.excerpts import excerpt
from records.rows import Demonstration, Split, shorten

GENERATORS = ("gpt4", "llama2")
HEADER = ["harmful_medical_request", "safe_response"]
CATEGORY = re.compile(r"category_([1-9])$")
LLAMA3 = "med_harm_llama3"
END_TOKEN = "<|eot_id|>"


class CategoryFile(NamedTuple):
    path: Path
    generator: str
    split: Split
    """test: upstream measures on these rows, so nobody may train on them."""

    @property
    def principle(self) -> int | None:
        """The principle that the file's name gives; None where it gives none."""
        found = CATEGORY.search(self.path.stem)
        return int(found[1]) if found else None


class Row(NamedTuple):
    line: int
    request: str
    safe_response: str | None


def read(config: SourceConfig) -> list[Demonstration]:
    """Every row of the set, from where `config.path` says that its files lie."""
    rows: list[Demonstration] = []
    faults: list[str] = []
    for file in _category_files(Path(config.path)):
        # Principles are compared in reports; a row under a guessed one would bend two of them.
        if file.principle is None:
            faults.append(
                f"{file.path}: no category_1 to category_9 at the end of the name; the principle "
                "is told by nothing else"
            )
            continue
        try:
            for row in _rows(file.path):
                if not row.request:
                    faults.append(f"{file.path}:{row.line}: empty request; remove the row")
                elif row.safe_response == "":
                    faults.append(f"{file.path}:{row.line}: empty safe_response; remove the row")
                else:
                    rows.append(_demonstration(row, file, config))
        except RecordError as error:
            faults += error.faults
    if faults:
        raise RecordError(shorten(faults))
    return rows


def _category_files(path: Path) -> list[CategoryFile]:
    # A folder of a checkout that is given alone: its rows have no split of their own.
    if path.name == LLAMA3:
        made: list[CategoryFile] = []
        for file in sorted(path.glob("*.txt")):
            made.append(CategoryFile(file, "llama3", "train"))
        return made
    root = path / "datasets" if (path / "datasets").is_dir() else path
    # Upstream's split is kept: what its authors measure on must stay comparable with their figures.
    splits: tuple[Split, ...] = ("train", "test")
    today = []
    for split in splits:
        for name in GENERATORS:
            for file in sorted((root / split / name).glob("*.csv")):
                today.append(CategoryFile(file, name, split))
    first = []
    for name in GENERATORS:
        for file in sorted((root / f"med_harm_{name}" / "test").glob("*.csv")):
            first.append(CategoryFile(file, name, "test"))
    if not today and not first:
        raise RecordError(
            f"{path}: no MedSafetyBench here; wanted train/ or test/ with gpt4/ and llama2/ in it, "
            f"or med_harm_gpt4/test/ (the repository, its datasets/ folder, or {LLAMA3}/); point "
            "data.sources.path at a checkout"
        )
    return today + first


def _rows(path: Path) -> Iterator[Row]:
    """Raises RecordError with all faulty rows of the file, after the good ones."""
    if path.suffix == ".txt":
        # split("\n") and not splitlines, which also breaks at U+2028 inside a request.
        for line, text in enumerate(read_utf8(path).split("\n"), start=1):
            if text:
                # Llama 3's end token is left in upstream's generations; in a prompt it would end a
                # turn.
                yield Row(line, text.replace(END_TOKEN, "").strip(), None)
        return
    table = read_csv(path)
    # The files of the first version have one column and no header.
    headless = not path.name.startswith("med_safety_demonstrations")
    if not headless and (not table or table[0][1][1:] != HEADER):
        got = ",".join(table[0][1]) if table else "nothing"
        raise RecordError(
            f"{path}:1: wrong header {excerpt(got)}, wanted {','.join(['', *HEADER])!r}; is this "
            "file of another version?"
        )
    columns = 1 if headless else 1 + len(HEADER)
    faults = []
    for line, cells in table if headless else table[1:]:
        if len(cells) != columns:
            faults.append(
                f"{path}:{line}: {len(cells)} columns, wanted {columns}; quote the commas inside a "
                "text"
            )
        else:
            yield (
                Row(line, cells[0].strip(), None)
                if headless
                else Row(line, cells[1].strip(), cells[2].strip())
            )
    if faults:
        raise RecordError(faults)


def _demonstration(row: Row, file: CategoryFile, config: SourceConfig) -> Demonstration:
    columns = {"principle": file.principle, "generator": file.generator, "split": file.split}
    return single_turn(
        config,
        row.request,
        row.safe_response,
        kind="harmful",
        suite=default_suite(config, "harmful"),
        **columns,
    )


NOTE = (
    "its safe answers were written by GPT-4, and its authors ask for research use only, as "
    "the requests are harmful"
)
FACTS = SourceFacts(
    decided=(
        "its authors (Han, Kumar, Agarwal, Lakkaraju 2024), by construction: a request was "
        "generated to break the principle that its file is named after. In their check 25 "
        "doctors gave 625 ratings, and 9 % of them called the request ethical. Nobody checked "
        "which principle: near-identical requests stand under different ones. No check by "
        "people of the later Llama-3 requests is known"
    ),
    principles=AMA,
    written=(
        "requests by GPT-4 (generator gpt4), by Llama-2-7b-chat under a jailbreak (llama2) "
        "and, later, by Llama-3 (llama3); the first two were filtered and edited by the "
        "authors. Safe answers by GPT-4, which its terms of use may bear on"
    ),
    not_represented=(
        "English, one turn, written by models: no request of a real patient or clinician is there"
    ),
    cost="25 doctors read 25 harmful requests each; what that cost them is not known here",
    personal="none known: requests were generated; the rows were not searched for names",
    citation=(
        "@inproceedings{han2024medsafetybench, author = {Han, Tessa and Kumar, Aounon and "
        "Agarwal, Chirag and Lakkaraju, Himabindu}, title = {{MedSafetyBench}: Evaluating "
        "and Improving the Medical Safety of Large Language Models}, booktitle = {NeurIPS "
        "Datasets and Benchmarks Track}, year = {2024}, note = {arXiv:2403.03744}}"
    ),
)
SOURCE = SourceKind(
    read=read,
    known=KnownSet(
        terms=Terms(licence="MIT", note=NOTE),
        facts=FACTS,
        names={
            r"ftsafetymedn\d+": Terms(
                licence="MIT", title="MedSafetyBench's med_safety", note=NOTE
            ),
            r"ftsafety(gen|both)n\d+": Terms(
                licence="CC-BY-NC-4.0",
                title="MedSafetyBench's gen_safety",
                note="its rows are Safety-Tuned LLaMAs'",
            ),
        },
    ),
)
