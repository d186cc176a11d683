"""The prep stage: sources in, and out come prompts and demonstrations that are split, checked and
accounted for.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.cards.croissant import write_card
from data_prep.cards.dataset_readme import table, write_readme
from data_prep.cards.prompts_card import prompts_card
from data_prep.config import DataConfig, SourceConfig
from data_prep.lint.faults import encodable
from data_prep.lint.linter import lint, require_fit, usable
from data_prep.lint.report import LeftOut, Refuses
from data_prep.lint.rows import Renders
from data_prep.near_duplicates.duplicates import drop_duplicates, prompt_rows, with_their_prompts
from data_prep.near_duplicates.embeddings import Embed, Embeddings, embeddings_of
from data_prep.sources import read_table, source_counts
from data_prep.sources.rows import is_rejected_alone
from data_prep.splits.decontamination import Decontamination, Removal, decontaminate
from data_prep.splits.mixing import Mixture, mixed
from data_prep.splits.split_files import write_splits
from data_prep.splits.splitting import NEAR_EVALUATION, Drop, split, without_lost_twins
from data_prep.wording import request_text
from records.errors import RecordError
from records.licences import restrictions_of
from records.rows import Demonstration, Prompt, Split, text_of
from records.run_files import SPLITS
from records.stage_folder import write_json


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

    The same config, seed and sources give the same bytes. `embed` is data.embedding.model, where
    one is named; `renders` asks the chat template of the model that the data are for.
    """
    rows, unread = read_tables(config.sources, seed)
    made = _divided(config, rows, evaluation_texts, seed=seed, embed=embed, renders=renders)
    mixture_counts = {name: share.to_json() for name, share in made.mixture.shares.items()}
    report = lint(made.kept, config.lint, refuses=refuses, left_out=made.left_out) | {
        "unread_columns": unread,
        "mixture": mixture_counts,
    }
    # Before the check, so that the user can read what made it fail.
    write_json(folder / "lint.json", report)
    require_fit(report, config.lint)
    write_json(folder / "decontamination.json", {**made.clean.report(), **_near(made.dropped)})
    answered = [row for row in made.kept if text_of(row.completion).strip()]
    write_splits(folder, "prompts", map(_prompt, made.asked), _split_of)
    write_splits(folder, "demonstrations", answered, _split_of)
    card = prompts_card(
        config,
        made.kept,
        made.dropped,
        rows_read=Counter(row.source for row in rows),
        seed=seed,
        compared={name: len(texts) for name, texts in evaluation_texts.items()},
        lint=report,
    )
    tables = [table("demonstrations", Demonstration, SPLITS), table("prompts", Prompt, SPLITS)]
    record_of = {}
    for each in tables:
        for file in each.files.values():
            record_of[file] = each.record
    write_card(folder, card, record_of, config.publication)
    write_readme(folder, "Prompts and demonstrations", tables)
    return {
        "rows_read": len(rows),
        "rows_kept": len(made.kept),
        "rows_dropped": len(made.dropped),
        "prompts": len(made.asked),
        "sources": source_counts(rows),
        "rejected_alone": dict(Counter(row.source for row in rows if is_rejected_alone(row))),
        "unread_columns": unread,
        "mixture": mixture_counts,
        "dropped": dict(Counter(drop.reason for drop in made.dropped)),
        "splits": _suites_by_split(made.asked),
        "demonstrations": len(answered),
        "lint": report["fault_counts"],
        "restrictions": restrictions_of(made.kept),
    }


class _Divided(NamedTuple):
    """The rows read, each in its split or dropped with a reason."""

    asked: list[Demonstration]
    """One row a prompt."""
    kept: list[Demonstration]
    """Those, and further preferences of the same prompts."""
    dropped: list[Drop]
    clean: Decontamination
    mixture: Mixture
    left_out: LeftOut
    """By the linter, before anything else."""


def _divided(
    config: DataConfig,
    rows: Sequence[Demonstration],
    evaluation_texts: dict[str, list[str]],
    *,
    seed: int,
    embed: Embed | None,
    renders: Renders | None,
) -> _Divided:
    # What cannot be rendered goes first, or it could win over a sound duplicate.
    whole = usable(rows, renders=renders)
    distinct, dropped = drop_duplicates(whole.rows)
    dropped += [Drop(rows[place], fault.kind, fault.detail) for place, fault in whole.why.items()]
    unique = prompt_rows(distinct)
    embeddings = _embedded(config, unique, evaluation_texts, embed)
    result = split(unique, config.split, seed, embeddings=embeddings)
    # After the split: only train and val rows are compared, as test rows are measured on
    # themselves.
    clean = decontaminate(
        result.kept, evaluation_texts, config.decontamination, embeddings=embeddings
    )
    # After every loss: the weights are of what is left to train on.
    mixture = mixed(clean.kept, config.sources, seed)
    # Last of the cuts, as any of them may have taken one of two twins.
    asked = without_lost_twins(mixture.kept)
    gone = [
        *result.dropped,
        *(Drop(found.row, "contaminated", _nearness(found)) for found in clean.removed),
        *mixture.dropped,
    ]
    # Once the splits stand: a further preference goes where its prompt went.
    further = with_their_prompts((row for row in distinct if row.prompt_id), asked, gone)
    kept = [*asked, *further.kept]
    dropped += [*gone, *further.dropped]
    assert len(rows) == len(kept) + len(dropped), "a row is neither kept nor accounted for"
    return _Divided(asked, kept, dropped, clean, mixture, whole.left_out)


def _near(dropped: Sequence[Drop]) -> dict[str, list[dict[str, str]]]:
    """Training rows that nearly equal a row for evaluation only."""
    found = []
    for drop in dropped:
        if drop.reason == NEAR_EVALUATION:
            found.append({"id": drop.row.id, "source": drop.row.source, "why": drop.detail})
    return {NEAR_EVALUATION: found}


def _suites_by_split(rows: Sequence[Prompt]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for name in SPLITS:
        suites = Counter(row.suite for row in rows if row.split == name)
        counts[name] = dict(sorted(suites.items()))
    return counts


def _embedded(
    config: DataConfig,
    rows: Sequence[Demonstration],
    evaluation_texts: dict[str, list[str]],
    embed: Embed | None,
) -> Embeddings | None:
    assert bool(config.embedding.model) == bool(embed), (
        "data.embedding.model says whether there is an embed function"
    )
    if embed is None:
        return None
    evaluation = []
    for texts in evaluation_texts.values():
        evaluation.extend(texts)
    # Rows and suites in one call: `embed` is asked once for a text that is in both.
    return embeddings_of(
        [*(request_text(row.prompt) for row in rows), *evaluation], embed, config.embedding
    )


def read_sources(sources: Sequence[SourceConfig], seed: int) -> list[Demonstration]:
    """Rows of every source, in order; the faults of all sources are raised together."""
    return read_tables(sources, seed)[0]


def read_tables(
    sources: Sequence[SourceConfig], seed: int
) -> tuple[list[Demonstration], dict[str, dict[str, int]]]:
    """The same rows, and how many rows of each source carry a column that nothing reads."""
    rows: list[Demonstration] = []
    unread: dict[str, dict[str, int]] = {}
    faults: list[str] = []
    for source in sources:
        try:
            table = read_table(source, seed=seed)
        # The other sources are read all the same, so that the user mends all of them at once.
        except RecordError as error:
            faults += error.faults
            continue
        rows += table.rows
        if table.unread:
            unread[source.name] = {
                encodable(column): count for column, count in sorted(table.unread.items())
            }
    if faults:
        raise RecordError(faults)
    return rows, unread


def _nearness(found: Removal) -> str:
    return f"{found.similarity:.2f} by {found.by} to {found.suite}"


def _split_of(row: Prompt) -> Split:
    return row.split


def _prompt(row: Demonstration) -> Prompt:
    return Prompt(**{field.name: getattr(row, field.name) for field in dataclasses.fields(Prompt)})
