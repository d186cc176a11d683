"""What the data card of the prompts and their demonstrations says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from data_prep.cards.card_parts import (
    EXCLUDED,
    citations_of,
    licence_of,
    licences_of,
    restriction_lines,
    shared_facts,
    source_names,
    split_table,
)
from data_prep.cards.data_card import DataCard, Facts, table
from data_prep.config import DataConfig, EmbeddingConfig, SourceConfig
from data_prep.lint.faults import FAULT_KINDS
from data_prep.lint.report import by_source
from data_prep.near_duplicates.duplicates import prompt_rows
from data_prep.splits.decontamination import NO_GUARANTEE
from data_prep.splits.splitting import Drop
from data_prep.wording import unit_name
from records.rows import Demonstration, Prompt, text_of

REASONS = {
    "duplicate": "with the same prompt as another row, and no other preference",
    "contradictory_kind": "with a prompt that another row labels the other way; one label was kept",
    "near_evaluation_row": "that nearly equal a row for evaluation only",
    "contaminated": "too close to a prompt of an evaluation suite",
    "mixed_out": "training rows beyond their source's weight in data.sources",
    "train_limit": "over data.split.train_limit, or the twin of such a row",
    "benign_train_limit": "over data.split.benign_train_limit",
    "val_limit": "over data.split.val_limit",
    "test_limit": "over data.split.test_limit",
    **{
        kind: f"dropped by the linter ({found.meaning})"
        for kind, found in FAULT_KINDS.items()
        if found.dropped
    },
}
INTENDED_PROMPTS = (
    "Training a medical language model to decline harmful requests and to answer benign ones, and "
    "measuring both."
)


def prompts_card(
    config: DataConfig,
    kept: Sequence[Demonstration],
    dropped: Sequence[Drop],
    *,
    rows_read: Mapping[str, int],
    seed: int,
    compared: Mapping[str, int],
    lint: Mapping[str, Any],
) -> DataCard:
    """Of the prompts and the demonstrations.

    `compared`: how many prompts each evaluation suite holds that rows were compared with.
    """
    prompts = prompt_rows(kept)
    # Counted here and not by file: demonstrations.*.jsonl leaves out rows without a completion.
    answered = sum(bool(text_of(row.completion).strip()) for row in prompts)
    further = (
        f", and {len(kept) - len(prompts)} further preferences of the same prompts"
        if len(kept) > len(prompts)
        else ""
    )
    return DataCard(
        name=f"prompts and demonstrations from {source_names(config.sources)}",
        summary=(
            f"{len(prompts)} prompts of {sum(rows_read.values())} rows read (prompts.*.jsonl), "
            f"{answered} of them with a completion to imitate (demonstrations.*.jsonl){further}, "
            f"one file a split. Split with seed {seed}. The same configuration and sources give "
            "the same bytes."
        ),
        licences=licences_of(config.sources, kept),
        sources="\n\n".join(
            [
                _prompt_sources(config.sources, kept, rows_read),
                *restriction_lines(config.sources, kept),
            ]
        ),
        decided=shared_facts(config.sources, "decided"),
        principles=shared_facts(config.sources, "principles"),
        written=shared_facts(config.sources, "written"),
        splits="\n\n".join(
            [split_table([(row.suite, row) for row in prompts], "suite"), _groups(config, prompts)]
        ),
        left_out=(*_losses(config.sources, kept, dropped, rows_read), ("", _compared(compared))),
        not_represented=shared_facts(config.sources, "not_represented"),
        limitations=(*_limits(lint), *_embedding_limits(config.embedding)),
        cost=shared_facts(config.sources, "cost"),
        personal=shared_facts(config.sources, "personal"),
        intended=INTENDED_PROMPTS,
        excluded=EXCLUDED,
        citations=citations_of(config.sources),
    )


def _prompt_sources(
    sources: Sequence[SourceConfig], kept: Sequence[Demonstration], rows_read: Mapping[str, int]
) -> str:
    lines = []
    for source in sources:
        rows = [row for row in kept if row.source == source.name]
        generators = ", ".join(sorted({row.generator for row in rows})) or "none kept"
        harmful = sum(row.kind == "harmful" for row in rows)
        lines.append(
            (
                source.name,
                source.format,
                licence_of(source, kept),
                generators,
                rows_read[source.name],
                len(rows),
                harmful,
                len(rows) - harmful,
            )
        )
    return table(
        ("source", "format", "licence", "generator", "rows read", "kept", "harmful", "benign"),
        lines,
    )


def _losses(
    sources: Sequence[SourceConfig],
    kept: Sequence[Demonstration],
    dropped: Sequence[Drop],
    rows_read: Mapping[str, int],
) -> Facts:
    """Rows read = rows kept + rows left out, for every source."""
    counts = Counter((drop.row.source, drop.reason) for drop in dropped)
    held = Counter(row.source for row in kept)
    facts = []
    for source in sources:
        lost = {}
        for (name, reason), count in sorted(counts.items()):
            if name == source.name:
                lost[reason] = count
        sentence = (
            f"{rows_read[source.name]} rows read = {held[source.name]} kept + {sum(lost.values())} "
            "left out"
        )
        # A reason without a sentence of its own is shown by its name; it must not break the sum.
        why = "; ".join(f"{count} {REASONS.get(reason, reason)}" for reason, count in lost.items())
        facts.append((source.name, f"{sentence}: {why}" if why else sentence))
    return tuple(facts)


def _compared(compared: Mapping[str, int]) -> str:
    if not compared:
        return "no evaluation suite was at hand, so no training row was compared with one"
    suites = ", ".join(f"{count} of {name}" for name, count in sorted(compared.items()))
    return (
        "every training and validation row was compared with the prompts of the evaluation suites: "
        f"{suites} (decontamination.json)"
    )


def _limits(lint: Mapping[str, Any]) -> Facts:
    found = []
    for kind in FAULT_KINDS:
        if lint["fault_counts"].get(kind):
            found.append(("", _fault(kind, lint)))
    facts = [
        *(found or [("", "the linter found nothing (lint.json)")]),
        ("", "a rate measured on a small count in the table of splits is uncertain"),
    ]
    if lint["openings"]:
        facts.insert(
            0,
            (
                "",
                (
                    f"{max(lint['openings'].values()):.0%} of the safe completions open with the "
                    "same three words"
                ),
            ),
        )
    return tuple(facts)


def _by_embedding(config: EmbeddingConfig) -> str:
    return f", or cosine of their embeddings at least {config.threshold}" if config.model else ""


def _embedding_limits(config: EmbeddingConfig) -> Facts:
    if not config.model:
        return ()
    model = (
        f"{config.name} "
        f"({f'revision {config.revision}' if config.revision else 'no revision stated'})"
    )
    return (
        (
            "",
            (
                f"near-duplicates were also sought by the cosine of embeddings of {model} at "
                f"{config.threshold}: {NO_GUARANTEE}"
            ),
        ),
    )


def _fault(kind: str, lint: Mapping[str, Any]) -> str:
    """What the linter found of one kind, of how many, and where."""
    # Of the rows that were looked at for this kind, which is not every row of the set.
    of, sources = f"{lint['checked'][kind]} {FAULT_KINDS[kind].of}", by_source(lint, kind)
    found = (
        f"in {sum(sources.values())} of {of}" if sources else f"{lint['sizes'][kind]:.2g} over {of}"
    )
    where = (
        " (" + ", ".join(f"{count} of {source}" for source, count in sources.items()) + ")"
        if sources
        else ""
    )
    return f"{kind} {found}{where}: {FAULT_KINDS[kind].meaning}"


def _groups(data: DataConfig, kept: Sequence[Prompt]) -> str:
    config = data.split
    sizes = Counter(row.group for row in kept)
    return (
        "Near-duplicates (Jaccard similarity of the sets of "
        f"{unit_name(config.near_duplicate_ngram)} at least "
        f"{config.near_duplicate}{_by_embedding(data.embedding)}, linked in chains) and twins are "
        f"always in one split. There are {len(sizes)} such groups; the largest holds "
        f"{max(sizes.values(), default=0)} of {len(kept)} rows."
    )
