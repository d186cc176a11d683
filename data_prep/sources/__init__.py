"""Places that prompts are read from: one module a source, which declares itself as `SOURCE`
(docs/adding_a_source.md).
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from data_prep.config import SourceConfig
from data_prep.source_registry import source_kind
from data_prep.sources.rows import SourceRows
from data_prep.sources.twins import twin_faults
from records.errors import RecordError
from records.regular_files import odd_files
from records.rows import Demonstration, Message, shorten, stable_id, text_of


def read_source(config: SourceConfig, *, seed: int) -> list[Demonstration]:
    """Every row of one source, prompts that occur twice included, so that the caller can count
    them.

    A row that must not be trained on comes with split "test"; all others come with "train" and are
    free to be split.
    """
    return read_table(config, seed=seed).rows


def read_table(config: SourceConfig, *, seed: int) -> SourceRows:
    """The same rows, and the columns that nothing reads."""
    # Before any reader opens something: a FIFO would make it wait for ever.
    odd = odd_files(Path(config.path)) if config.path else []
    if odd:
        raise RecordError(shorten([f"source {config.name!r}: {fault}" for fault in odd]))
    found = source_kind(config.format).read(config)
    table = found if isinstance(found, SourceRows) else SourceRows(found, Counter())
    return table._replace(rows=_usable(table.rows, config, seed))


def _usable(rows: list[Demonstration], config: SourceConfig, seed: int) -> list[Demonstration]:
    if not rows:
        raise RecordError(
            f"source {config.name!r}: empty, no row found in {config.path or 'the package data'}; "
            "check data.sources.path"
        )
    # Ids and twins over the whole source: `only` would hide a fault in what it leaves out.
    faults = [*_reused_ids(rows, config.name), *twin_faults(rows, config.name)]
    if config.only and not faults:
        rows = _of_suites(rows, config)
    if faults:
        raise RecordError(shorten(faults))
    # Here and not in each reader, so that no reader can forget it.
    if config.is_for_evaluation:
        rows = [dataclasses.replace(row, split="test") for row in rows]
    return rows if config.limit is None else _limited(rows, config, seed)


def source_counts(rows: Sequence[Demonstration]) -> dict[str, dict[str, int]]:
    """Rows of each source, and how many of them hold a completion and a preference: the rest are
    prompts only.
    """
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        count = counts.setdefault(row.source, {"rows": 0, "answered": 0, "preferences": 0})
        answered = bool(text_of(row.completion).strip())
        count["rows"] += 1
        count["answered"] += answered
        count["preferences"] += answered and bool(row.rejected)
    return counts


def _of_suites(rows: list[Demonstration], config: SourceConfig) -> list[Demonstration]:
    """The rows of the suites that `only` names; a twin whose partner is not among them stands
    alone.
    """
    known = {row.suite for row in rows}
    unknown = sorted(set(config.only) - known)
    if unknown:
        raise RecordError(
            f"source {config.name!r}: no suite {', '.join(unknown)}; it has "
            f"{', '.join(sorted(known))}"
        )
    kept = [row for row in rows if row.suite in config.only]
    ids = {row.id for row in kept}
    found: list[Demonstration] = []
    for row in kept:
        # Its partner is not in this run, so it can neither follow it nor be dropped with it.
        found.append(row if row.twin_id in ids else dataclasses.replace(row, twin_id=None))
    return found


def _reused_ids(rows: list[Demonstration], name: str) -> list[str]:
    prompts: dict[str, list[Message]] = {}
    made: list[str] = []
    for row in rows:
        if prompts.setdefault(row.id, row.prompt) != row.prompt:
            made.append(
                f"source {name!r}: id {row.id!r} names two different prompts; make ids unique, or "
                "leave the column out to have them made"
            )
    return made


def _limited(rows: list[Demonstration], config: SourceConfig, seed: int) -> list[Demonstration]:
    """At most `limit` different prompts in an order that depends on the seed and the prompts alone;
    twins stay together.
    """
    # Costs a quarter of a second, and only a limit needs it.
    from networkx.utils import UnionFind  # noqa: PLC0415

    assert config.limit is not None
    texts = {row.id: text_of(row.prompt) for row in rows}
    union = UnionFind()
    # By text and not by id: several rows of one prompt count once against the limit.
    for row in rows:
        union.union(texts[row.id], texts.get(row.twin_id or "", texts[row.id]))
    units: dict[object, set[str]] = defaultdict(set)
    for text in texts.values():
        units[union[text]].add(text)
    chosen: set[str] = set()
    # In the order of a hash: adding rows to a source changes no other row's place in it.
    for unit in sorted(units.values(), key=lambda unit: stable_id(str(seed), min(unit))):
        # A pair that no longer fits is passed over, and a single row behind it may still fit.
        if len(chosen) + len(unit) <= config.limit:
            chosen |= unit
    if not chosen:
        raise RecordError(
            f"source {config.name!r}: limit {config.limit} holds no request together with its "
            "twin; set it to 2 or more"
        )
    return [row for row in rows if texts[row.id] in chosen]
