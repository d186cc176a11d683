"""The prompts a policy is measured on: the run's held-out split, and the user's own sets beside
it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from data_prep.config import SourceConfig
from data_prep.sources.rows import demonstrations_from_row
from data_prep.sources.text_files import csv_cells
from eval.config import SuiteConfig
from eval.results.described import AbsentSuite
from eval.suites.registry import load
from records.choice import at_even_distances
from records.errors import RecordError
from records.excerpts import column_names
from records.rows import Prompt, Split, read_json_lines, shorten


def held_out_suites(
    prompts: list[Prompt], split: Split, limit: int | None = None
) -> dict[str, list[Prompt]]:
    """Suite name to prompts; of more than `limit`, twins of those chosen before, then some at even
    distances.
    """
    suites: dict[str, list[Prompt]] = {}
    # Harmful suites first and twins behind them: which twins are kept depends on the requests kept.
    # Then by id, so that a limit takes the same prompts whatever order the rows have.
    for prompt in sorted(
        (p for p in prompts if p.split == split),
        key=lambda p: (p.kind != "harmful", p.suite != "twins", p.suite, p.id),
    ):
        suites.setdefault(prompt.suite, []).append(prompt)
    if limit is None:
        return suites
    kept: set[str] = set()
    for name, rows in suites.items():  # harmful ones come first, so their twins follow them
        # Twins of what was kept before all others: a twin without its request is in no pair.
        twins = [p for p in rows if p.twin_id in kept][:limit]
        suites[name] = [
            *twins,
            # Evenly over the sorted ids, which are hashes: as good as at random, and the same in
            # every run.
            *at_even_distances([p for p in rows if p.twin_id not in kept], limit - len(twins)),
        ]
        kept |= {p.id for p in suites[name]}
    return suites


def scoreboard_prompts(prompts: list[Prompt], harmful: int, benign: int) -> list[Prompt]:
    """A fixed validation sample: harmful prompts spread over the principles, and benign ones, half
    of them their twins.
    """
    val = sorted((p for p in prompts if p.split == "val"), key=lambda p: p.id)
    # From sorted ids, and fixed for the training: epochs are compared on the same prompts.
    chosen = at_even_distances([p for p in val if p.kind == "harmful"], harmful)
    twin_ids = {p.twin_id for p in chosen}
    twins = [p for p in val if p.kind == "benign" and p.id in twin_ids]
    others = [p for p in val if p.kind == "benign" and p.twin_id is None]
    # Half are twins; more only where there are too few other benign prompts.
    half = min(len(twins), max(benign - benign // 2, benign - len(others)))
    return [*chosen, *twins[:half], *at_even_distances(others, benign - half)]


class HasSuites(Protocol):
    """The block `eval`, or as much of it."""

    @property
    def suites(self) -> list[SuiteConfig]: ...


def own_suites(config: HasSuites) -> tuple[dict[str, list[Prompt]], list[AbsentSuite]]:
    """The suites that the config names by path, and the optional ones that are not there.

    All faults at once.
    """
    suites: dict[str, list[Prompt]] = {}
    names = Counter(suite.called for suite in config.suites)
    absent = []
    faults = []
    for name, count in names.items():
        if count > 1:
            faults.append(f"eval.suites: {count} are named {name!r}; names must differ")
    for suite in config.suites:
        # A packaged suite has no path and is always there.
        if suite.optional and suite.path and not is_there(suite):
            absent.append(
                AbsentSuite(suite=suite.called, optional=True, reason=f"{suite.path} is not there")
            )
            continue
        try:
            for prompt in read_suite(suite):
                suites.setdefault(prompt.suite, []).append(prompt)
        # All suites are read before anything is raised: a run takes hours, a config is mended once.
        except RecordError as error:
            faults += error.faults
    if faults:
        raise RecordError(faults)
    return suites, absent


def is_there(config: SuiteConfig) -> bool:
    """Whether its path is what it must be: a file, or for a described suite a folder too."""
    path = Path(config.path)
    return path.is_file() or (bool(config.suite) and path.is_dir())


def read_suite(config: SuiteConfig) -> Sequence[Prompt]:
    """The requests of one described suite, by part, or of one file, each once: texts, or messages
    as TRL writes them.
    """
    if config.suite:
        return load(config.suite, config.path, limit=config.limit, called=config.called)
    path = Path(config.path)
    if not path.is_file():
        raise RecordError(f"{path}: no such file")
    rows = (
        csv_cells(path, known={config.field})
        if path.suffix.lower() in (".csv", ".tsv")
        else read_json_lines(path)
    )
    prompts: dict[str, Prompt] = {}
    faults = []
    for number, row in rows:
        try:
            prompt = _prompt(row, config)
        except ValueError as error:
            faults.append(f"{path}:{number}: {error}")
        else:
            # A request that stands twice would count twice, and its interval would be too narrow.
            prompts.setdefault(prompt.id, prompt)
    if faults:
        raise RecordError(shorten(faults))
    if not prompts:
        raise RecordError(f"{path}: suite {config.name!r} has no rows")
    return (
        # By id, a hash: the first rows of a file are often of one topic.
        sorted(prompts.values(), key=lambda p: p.id)[: config.limit]
        if config.limit
        else list(prompts.values())
    )


def _prompt(row: dict[str, Any], config: SuiteConfig) -> Prompt:
    request = row.get(config.field)
    # An empty request has nothing to refuse, and would dilute every rate.
    if request is None or not str(request).strip():
        raise ValueError(f"no text in field {config.field!r}; it has {column_names(sorted(row))}")
    # Through the reader of training data, so that texts and messages of TRL mean the same here.
    source = SourceConfig(
        name=config.name,
        format="jsonl",
        path=config.path,
        kind=config.kind,
        prompt_field=config.field,
        evaluation_only=True,
    )
    (read,) = demonstrations_from_row({config.field: request}, source).rows
    return Prompt(
        id=read.id,
        prompt=read.prompt,
        kind=config.kind,
        suite=config.name,
        source=Path(config.path).name,
        # The file states no licence, so that none of its prompts may be passed on.
        licence="evaluation only",
        split="test",
    )
