"""vinid/safety-tuned-llamas: demonstrations in training/, prompts in evaluation/, which nobody may
train on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.config import SourceConfig
from data_prep.source_kind import KnownSet, SourceFacts, SourceKind, Terms
from data_prep.sources.rows import own_suite, part_suite, read_rows, single_turn
from data_prep.sources.text_files import json_rows, read_json_file
from records.errors import RecordError
from records.excerpts import excerpt
from records.rows import Demonstration, Kind

PROMPT_KINDS: dict[str, Kind] = {
    "I-Alpaca": "benign",
    "I-CoNa": "harmful",
    "I-Controversial": "harmful",
    "I-MaliciousInstructions": "harmful",
    "I-PhysicalSafetySafe": "benign",
    "I-PhysicalSafetyUnsafe": "harmful",
    "Q-Harm": "harmful",
}
MIXTURES = ("saferpaca", "alpaca")
"""Training files that pour the same safety rows into benign ones without saying which is which."""


class Row(NamedTuple):
    request: Any
    answer: Any
    prompt_set: str
    """Name of the evaluation file; empty for a demonstration."""


def read(config: SourceConfig) -> list[Demonstration]:
    """Every row of the set, from where `config.path` says that its files lie."""
    return read_rows(_files(Path(config.path)), _rows, lambda row: _demonstration(row, config))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    root = path / "data" if (path / "data").is_dir() else path
    folders = [
        folder for folder in (root / "training", root / "evaluation") if folder.is_dir()
    ] or [root]
    files = []
    for folder in folders:
        for file in sorted(folder.glob("*.json")):
            # The same safety rows again, in mixtures of several sizes: they would be read several
            # times.
            if not file.name.startswith(MIXTURES):
                files.append(file)
    if not files:
        raise RecordError(
            f"{path}: no Safety-Tuned LLaMAs here; wanted training/ or evaluation/ with .json "
            "files (the repository or its data/)"
        )
    return files


def _rows(file: Path) -> Iterator[tuple[str, Row]]:
    if file.stem in PROMPT_KINDS:
        yield from _prompts(file)
    # A new evaluation file may not slip into training because its name is not known here.
    elif file.parent.name == "evaluation":
        raise RecordError(
            f"{file}: unknown evaluation file; wanted one of {', '.join(PROMPT_KINDS)}, whose kind "
            "is known"
        )
    elif file.name.startswith(MIXTURES):
        raise RecordError(
            f"{file}: mixes harmful and benign rows without saying which; take "
            "safety_only_data_Instructions.json"
        )
    else:
        for place, row in json_rows(file, wanted="a list of {instruction, input, output}"):
            fields = row if isinstance(row, dict) else {}
            yield place, Row(fields.get("instruction"), fields.get("output"), "")


def _prompts(file: Path) -> Iterator[tuple[str, Row]]:
    table = read_json_file(file, wanted="an object with a list 'instructions'")
    if not isinstance(table, dict) or not isinstance(table.get("instructions"), list):
        raise RecordError(
            f"{file}: wanted an object with a list 'instructions', got {type(table).__name__}"
        )
    for number, text in enumerate(table["instructions"]):
        yield f"{file}: instructions[{number}] (counted from 0)", Row(text, None, file.stem)


def _demonstration(row: Row, config: SourceConfig) -> Demonstration:
    if not isinstance(row.request, str) or not isinstance(row.answer, str | None):
        raise ValueError(
            f"wanted a text as instruction and as output, got {excerpt(row.request)} and "
            f"{excerpt(row.answer)}"
        )
    if not row.prompt_set:
        return single_turn(
            config,
            row.request,
            row.answer,
            kind="harmful",
            suite=own_suite(config),
            generator="gpt-3.5",
        )
    suite = part_suite(config, row.prompt_set.lower().replace("-", "_"))
    return single_turn(
        config,
        row.request,
        row.answer,
        kind=PROMPT_KINDS[row.prompt_set],
        suite=suite,
        split="test",
    )


FACTS = SourceFacts(
    decided=(
        "its authors (Bianchi and others 2024): the training requests are red-team questions "
        "of Anthropic's crowdworkers, taken as harmful; the evaluation sets were put together "
        "by the authors"
    ),
    principles="none is named; harm in general, not medical ethics",
    written=(
        "requests by crowdworkers, rewritten as instructions by a model; answers by GPT-3.5, "
        "which its terms of use may bear on"
    ),
    not_represented="English, one turn, hardly any medicine; no patient or clinician",
    cost=(
        "the red-team questions were written by paid crowdworkers; what that cost them is not "
        "known here"
    ),
    personal="none known; the rows were not searched for names",
    citation=(
        "@inproceedings{bianchi2024safetytuned, author = {Bianchi, Federico and Suzgun, "
        "Mirac and Attanasio, Giuseppe and Rottger, Paul and Jurafsky, Dan and Hashimoto, "
        "Tatsunori and Zou, James}, title = {Safety-Tuned {LLaMAs}: Lessons From "
        "Improving the Safety of Large Language Models that Follow Instructions}, booktitle "
        "= {ICLR}, year = {2024}, note = {arXiv:2309.07875}}"
    ),
)
SOURCE = SourceKind(
    read=read,
    known=KnownSet(
        terms=Terms(
            licence="CC-BY-NC-4.0", use="parts", note="its answers were written by GPT-3.5"
        ),
        facts=FACTS,
    ),
)
