"""What the data cards of the two built sets say: prompts with their demonstrations, and preference pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data_prep.cards.data_card import DataCard, Facts, table
from data_prep.cards.source_facts import GENERIC, facts_of
from data_prep.config import DataConfig, EmbeddingConfig, SourceConfig
from data_prep.lint.faults import FAULT_KINDS
from data_prep.lint.report import by_source
from data_prep.near_duplicates.duplicates import prompt_rows
from data_prep.splits.decontamination import NO_GUARANTEE
from data_prep.splits.splitting import Drop
from data_prep.terms import UNKNOWN_LICENCE
from data_prep.wording import unit_name
from records.escaping import markdown_text
from records.licences import is_non_commercial
from records.rows import Demonstration, Pair, Prompt, text_of
from records.run_files import SPLITS

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
INTENDED_PROMPTS = "Training a medical language model to decline harmful requests and to answer benign ones, and measuring both."
INTENDED_PAIRS = "Preference training (DPO and its kin) and reward models, for a medical language model that declines harm and helps otherwise."
EXCLUDED = (
    "Training a model to comply with the harmful requests; use of any answer as medical advice; the claim that a model which does well "
    "here is safe in clinical use."
)
EXCLUDED_PAIRS = f"Imitating or publishing the rejected side, which may be harmful text. {EXCLUDED}"


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
    """Of the prompts and the demonstrations. `compared`: how many prompts each evaluation suite holds that rows were compared with."""
    prompts = prompt_rows(kept)
    answered = sum(bool(text_of(row.completion).strip()) for row in prompts)
    further = (
        f", and {len(kept) - len(prompts)} further preferences of the same prompts"
        if len(kept) > len(prompts)
        else ""
    )
    return DataCard(
        name=f"prompts and demonstrations from {_names(config.sources)}",
        summary=f"{len(prompts)} prompts of {sum(rows_read.values())} rows read (prompts.*.jsonl), {answered} of them with an answer to imitate "
        f"(demonstrations.*.jsonl){further}, one file a split. Split with seed {seed}. The same configuration and sources give the same bytes.",
        licences=_licences(config.sources, kept),
        sources="\n\n".join(
            [_prompt_sources(config.sources, kept, rows_read), *_restrictions(config.sources, kept)]
        ),
        decided=_facts(config.sources, "decided"),
        principles=_facts(config.sources, "principles"),
        written=_facts(config.sources, "written"),
        splits=f"{_splits([(row.suite, row) for row in prompts], 'suite')}\n\n{_groups(config, prompts)}",
        left_out=(*_losses(config.sources, kept, dropped, rows_read), ("", _compared(compared))),
        not_represented=_facts(config.sources, "not_represented"),
        limitations=(*_limits(lint), *_embedding_limits(config.embedding)),
        cost=_facts(config.sources, "cost"),
        personal=_facts(config.sources, "personal"),
        intended=INTENDED_PROMPTS,
        excluded=EXCLUDED,
        citations=_citations(config.sources),
    )


def pairs_card(
    config: DataConfig,
    pairs: Sequence[Pair],
    prompts: Sequence[Prompt],
    *,
    dropped: Mapping[str, int],
    policy: str,
    scorers: Iterable[str],
    seed: int,
    raters: int = 0,
) -> DataCard:
    """Of the preference pairs; `prompts` are all that a pair's prompt or answer may come from, `raters` the experts whose ratings count."""
    sources = [
        source for source in config.sources if any(row.source == source.name for row in prompts)
    ]
    source_of = {row.id: row.source for row in prompts}
    counts = Counter(source_of[pair.prompt_id] for pair in pairs)
    rows = [(source.name, _licence(source, prompts), counts[source.name]) for source in sources]
    by_whom = (
        f"by the run, and by {raters} expert(s) for the answers that they rated"
        if raters
        else "by the run, not by a person"
    )
    decided = f"which of two answers is preferred was decided {by_whom}: scored by {', '.join(sorted(set(scorers)))}. Which requests are harmful was decided before that"
    read = (
        f"{raters} expert(s) have read a part of the sampled answers"
        if raters
        else "no clinician has read the sampled answers or confirmed a preference"
    )
    cost = (
        f"{raters} expert(s) were asked to read harmful answers; what that cost them is not known here"
        if raters
        else "no person was asked to read the sampled answers"
    )
    written = f"the policy ({policy}) wrote the sampled answers, the sources the others; by origin, {_origins(pairs)}"
    return DataCard(
        name=f"preference pairs from {_names(sources)}",
        summary=f"{len(pairs)} preference pairs for {len({pair.prompt_id for pair in pairs})} of {len(prompts)} prompts. "
        f"Built with seed {seed}; the same inputs and configuration give the same bytes. pairs.report.json has margins and shortcut probes.",
        licences=_licences(sources, prompts),
        sources="\n\n".join(
            [
                table(("source of the prompt", "licence", "pairs"), rows),
                *_restrictions(sources, prompts),
            ]
        ),
        decided=(("", decided), *_facts(sources, "decided")),
        principles=_facts(sources, "principles"),
        written=(("", written), *_facts(sources, "written")),
        splits=_splits([(pair.pair_type, pair) for pair in pairs], "pair type"),
        left_out=_pair_losses(dropped),
        not_represented=_facts(sources, "not_represented"),
        limitations=(("", f"scores are a model's; {read}"),),
        cost=(("", cost), *_facts(sources, "cost")),
        personal=_facts(sources, "personal"),
        intended=INTENDED_PAIRS,
        excluded=EXCLUDED_PAIRS,
        citations=_citations(sources),
    )


def _names(sources: Sequence[SourceConfig]) -> str:
    return ", ".join(source.name for source in sources)


def _facts(sources: Sequence[SourceConfig], name: str) -> Facts:
    """Each sentence once, after the names of all sources that it holds for."""
    about: dict[str, list[str]] = {}
    for source in sources:
        about.setdefault(getattr(facts_of(source), name), []).append(source.name)
    return tuple((", ".join(names), sentence) for sentence, names in about.items())


def _citations(sources: Sequence[SourceConfig]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(facts.citation for facts in map(facts_of, sources) if facts.citation)
    )


def _licence(source: SourceConfig, rows: Sequence[Prompt]) -> str:
    found = {row.licence or "unknown" for row in rows if row.source == source.name}
    return ", ".join(sorted(found)) or source.terms.licence


def _licences(sources: Sequence[SourceConfig], rows: Sequence[Prompt]) -> tuple[str, ...]:
    return tuple(sorted({row.licence or "unknown" for row in rows})) or tuple(
        sorted({source.terms.licence for source in sources})
    )


def _restrictions(sources: Sequence[SourceConfig], rows: Sequence[Prompt]) -> list[str]:
    """What a reader must heed before anything of the set, or trained on it, is passed on."""
    licences = {source.name: _licence(source, rows) for source in sources}
    closed = [
        name
        for name, licence in licences.items()
        if any(map(is_non_commercial, licence.split(", ")))
    ]
    unknown = [name for name, licence in licences.items() if UNKNOWN_LICENCE in licence]
    tested = [source.name for source in sources if source.is_for_evaluation]
    unnamed = [
        s.name
        for s in sources
        if s.format in GENERIC
        and any(row.source == s.name and row.generator == "human" for row in rows)
    ]
    notes = [
        (closed, "Not for commercial use, and a model trained on it is marked so: {}."),
        (
            unknown,
            "Licence not stated by the run's owner: {}. Settle it before passing on any of it.",
        ),
        (tested, "For evaluation only, all of it in the test split: {}."),
        (unnamed, "The generator `human` also stands where a row names none: {}."),
    ]
    asked = [
        markdown_text(f"{source.name}: {source.terms.note}.")
        for source in sources
        if source.terms.note
    ]
    found = [text.format(markdown_text(", ".join(names))) for names, text in notes if names]
    return ["Each row keeps the licence of its source.", *found, *asked]


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
                _licence(source, kept),
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
        lost = {
            reason: count for (name, reason), count in sorted(counts.items()) if name == source.name
        }
        sentence = f"{rows_read[source.name]} rows read = {held[source.name]} kept + {sum(lost.values())} left out"
        why = "; ".join(f"{count} {REASONS.get(reason, reason)}" for reason, count in lost.items())
        facts.append((source.name, f"{sentence}: {why}" if why else sentence))
    return tuple(facts)


def _pair_losses(dropped: Mapping[str, int]) -> Facts:
    """A reason names what it counts: prompts, sampled answers or pairs."""
    found = tuple(("", f"{count}: {reason}") for reason, count in sorted(dropped.items()) if count)
    return found or (("", "nothing was left out"),)


def _compared(compared: Mapping[str, int]) -> str:
    if not compared:
        return "no evaluation suite was at hand, so no training row was compared with one"
    suites = ", ".join(f"{count} of {name}" for name, count in sorted(compared.items()))
    return f"every training and validation row was compared with the prompts of the evaluation suites: {suites} (decontamination.json)"


def _limits(lint: Mapping[str, Any]) -> Facts:
    found = [("", _fault(kind, lint)) for kind in FAULT_KINDS if lint["fault_counts"].get(kind)]
    facts = [
        *(found or [("", "the linter found nothing (lint.json)")]),
        ("", "a rate measured on a small count in the table of splits is uncertain"),
    ]
    if lint["openings"]:
        facts.insert(
            0,
            (
                "",
                f"{max(lint['openings'].values()):.0%} of the safe answers open with the same three words",
            ),
        )
    return tuple(facts)


def _by_embedding(config: EmbeddingConfig) -> str:
    return f", or cosine of their embeddings at least {config.threshold}" if config.model else ""


def _embedding_limits(config: EmbeddingConfig) -> Facts:
    if not config.model:
        return ()
    model = f"{config.name} ({f'revision {config.revision}' if config.revision else 'no revision stated'})"
    return (
        (
            "",
            f"near-duplicates were also sought by the cosine of embeddings of {model} at {config.threshold}: {NO_GUARANTEE}",
        ),
    )


def _fault(kind: str, lint: Mapping[str, Any]) -> str:
    """What the linter found of one kind, of how many, and where."""
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
        f"Near-duplicates (Jaccard similarity of the sets of {unit_name(config.near_duplicate_ngram)} at least {config.near_duplicate}{_by_embedding(data.embedding)}, "
        f"linked in chains) and twins are always in one split. There are {len(sizes)} such groups; the largest holds "
        f"{max(sizes.values(), default=0)} of {len(kept)} rows."
    )


def _splits(rows: Sequence[tuple[str, Demonstration | Pair]], label: str) -> str:
    """One line a suite or pair type; under a principle its count in each split."""
    principles = sorted({row.principle for _, row in rows if row.principle is not None})
    present = [split for split in SPLITS if any(row.split == split for _, row in rows)]
    counts = Counter((name, row.split, row.principle) for name, row in rows)
    counts.update(("all", row.split, row.principle) for _, row in rows)
    lines: list[tuple[object, ...]] = []
    for name in (*sorted({name for name, _ in rows}), "all"):
        totals = [
            sum(counts[name, split, principle] for principle in (*principles, None))
            for split in present
        ]
        shares = [[counts[name, split, number] for split in present] for number in principles]
        lines.append(
            (name, *totals, *("/".join(map(str, share)) if any(share) else "-" for share in shares))
        )
    shown = table((label, *present, *(f"principle {number}" for number in principles)), lines)
    return f"{shown}\n\nUnder a principle: {', '.join(present)}." if principles else shown


def _origins(pairs: Sequence[Pair]) -> str:
    sides = {
        "chosen": Counter(pair.chosen_source for pair in pairs),
        "rejected": Counter(pair.rejected_source for pair in pairs),
    }
    return "; ".join(
        f"{side}: " + ", ".join(f"{n} {origin}" for origin, n in sorted(counts.items()))
        for side, counts in sides.items()
    )
