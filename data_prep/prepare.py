"""The prep stage: sources in, and out come prompts and demonstrations that are split, checked and accounted for."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_prep.artifacts import write_json
from data_prep.card_contents import prompts_card
from data_prep.config import DataConfig, SourceConfig
from data_prep.croissant import write_card
from data_prep.dataset_readme import table, write_readme
from data_prep.decontamination import decontaminate
from data_prep.embeddings import Embed, Embeddings, embeddings_of
from data_prep.errors import RecordError
from data_prep.licences import restrictions_of
from data_prep.lint.linter import lint, require_fit, usable
from data_prep.lint.report import Refuses
from data_prep.lint.rows import Renders
from data_prep.records import Demonstration, Prompt, Split, json_line, text_of
from data_prep.sources import read_source, source_counts
from data_prep.split_files import write_splits
from data_prep.splits import NEAR_EVALUATION, SPLITS, Drop, split, without_lost_twins
from data_prep.wording import request_text


def prepare(
    config: DataConfig,
    folder: Path,
    *,
    seed: int,
    evaluation_texts: dict[str, list[str]],
    refuses: Refuses | None = None,
    embed: Embed | None = None,
    renders: Renders | None = None,
) -> dict[str, Any]:
    """Write the stage's files into `folder`; rows read = rows kept + rows dropped with a reason.

    The same config, seed and sources give the same bytes. `embed` is data.embedding.model, where one is named; `renders` asks the chat
    template of the model that the data are for.
    """
    rows = read_sources(config.sources, seed)
    whole = usable(rows, renders=renders)
    unique, dropped = drop_duplicates(whole.rows)
    dropped += [Drop(rows[place], fault.kind, fault.detail) for place, fault in whole.why.items()]
    embeddings = _embedded(config, unique, evaluation_texts, embed)
    result = split(unique, config.split, seed, embeddings=embeddings)
    clean = decontaminate(result.kept, evaluation_texts, config.decontamination, embeddings=embeddings)
    kept = without_lost_twins(clean.kept)
    dropped += result.dropped
    dropped += [Drop(found.row, "contaminated", f"{found.similarity:.2f} by {found.by} to {found.suite}") for found in clean.removed]
    assert len(rows) == len(kept) + len(dropped), "a row is neither kept nor accounted for"
    report = lint(kept, config.lint, refuses=refuses, left_out=whole.left_out)
    write_json(folder / "lint.json", report)
    require_fit(report, config.lint)
    near = [{"id": drop.row.id, "source": drop.row.source, "why": drop.detail} for drop in dropped if drop.reason == NEAR_EVALUATION]
    write_json(folder / "decontamination.json", {**clean.report(), NEAR_EVALUATION: near})
    answered = [row for row in kept if text_of(row.completion).strip()]
    write_splits(folder, "prompts", map(_prompt, kept), _split_of)
    write_splits(folder, "demonstrations", answered, _split_of)
    tables = [table("demonstrations", Demonstration, SPLITS), table("prompts", Prompt, SPLITS)]
    rows_read = Counter(row.source for row in rows)
    compared = {name: len(texts) for name, texts in evaluation_texts.items()}
    card = prompts_card(config, kept, dropped, rows_read=rows_read, seed=seed, compared=compared, lint=report)
    write_card(folder, card, {file: each.record for each in tables for file in each.files.values()}, config.publication)
    write_readme(folder, "Prompts and demonstrations", tables)
    return {
        "rows_read": len(rows),
        "rows_kept": len(kept),
        "rows_dropped": len(dropped),
        "sources": source_counts(rows),
        "dropped": dict(Counter(drop.reason for drop in dropped)),
        "splits": {name: dict(sorted(Counter(row.suite for row in kept if row.split == name).items())) for name in SPLITS},
        "demonstrations": len(answered),
        "lint": report["fault_counts"],
        "restrictions": restrictions_of(kept),
    }


def _embedded(
    config: DataConfig, rows: Sequence[Demonstration], evaluation_texts: dict[str, list[str]], embed: Embed | None
) -> Embeddings | None:
    assert bool(config.embedding.model) == bool(embed), "data.embedding.model says whether there is an embed function"
    if embed is None:
        return None
    evaluation = [text for texts in evaluation_texts.values() for text in texts]
    return embeddings_of([*(request_text(row.prompt) for row in rows), *evaluation], embed, config.embedding)


def read_sources(sources: Sequence[SourceConfig], seed: int) -> list[Demonstration]:
    """Rows of every source, in order; the faults of all sources are raised together."""
    rows: list[Demonstration] = []
    faults: list[str] = []
    for source in sources:
        try:
            rows += read_source(source, seed=seed)
        except RecordError as error:
            faults += error.faults
    if faults:
        raise RecordError(faults)
    return rows


def drop_duplicates(rows: Sequence[Demonstration]) -> tuple[list[Demonstration], list[Drop]]:
    """Each prompt once and each id once, in the order of `rows`.

    Of equal prompts the one for evaluation only is kept, so that nobody trains on it, then one with a completion, then the first.
    An id that an earlier source used already gets its source's name in front.
    """
    best: dict[str, tuple[bool, bool, int]] = {}
    ranks = [(row.split != "test", not row.completion, number) for number, row in enumerate(rows)]
    texts = [json_line({"prompt": row.prompt}) for row in rows]
    for text, rank in zip(texts, ranks, strict=True):
        best[text] = min(rank, best.get(text, rank))
    kept: list[Demonstration] = []
    dropped: list[Drop] = []
    for row, text, rank in zip(rows, texts, ranks, strict=True):
        first = rows[best[text][2]]
        if rank == best[text]:
            kept.append(row)
        else:
            reason = "duplicate" if row.kind == first.kind else "contradictory_kind"
            dropped.append(Drop(row, reason, f"kept as {first.kind} {first.id} of {first.source}"))
    return _with_own_ids(kept), dropped


def _with_own_ids(rows: Sequence[Demonstration]) -> list[Demonstration]:
    owner: dict[str, str] = {}
    for row in rows:
        owner.setdefault(row.id, row.source)

    def named(row: Demonstration, name: str) -> str:
        return name if owner.get(name, row.source) == row.source else f"{row.source}/{name}"

    return [dataclasses.replace(row, id=named(row, row.id), twin_id=named(row, row.twin_id) if row.twin_id else None) for row in rows]


def _split_of(row: Prompt) -> Split:
    return row.split


def _prompt(row: Demonstration) -> Prompt:
    return Prompt(**{field.name: getattr(row, field.name) for field in dataclasses.fields(Prompt)})
