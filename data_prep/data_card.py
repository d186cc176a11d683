"""One page that says what a run's data is: sources, labels, splits, what was left out, who is missing, what it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from data_prep.config import DataConfig, SourceConfig
from data_prep.lint.faults import FAULT_KINDS
from data_prep.records import Demonstration
from data_prep.splits import SPLITS, Drop

LABELS = {
    "builtin": "written as pairs: a request that breaks a named AMA principle, and a twin that asks for the legitimate thing; "
    "questions were written as benign",
    "medsafetybench": "by construction upstream, principle from the file name; in its authors' own check doctors called 9 % of sampled "
    "requests ethical, and near-identical requests stand under different principles",
}
LABELLED_BY_CONFIG = "as its rows say in a column `kind`, otherwise every row as `{kind}` because the config says so; not checked"
REASONS = {
    "duplicate": "the same prompt occurs in another row",
    "contradictory_kind": "the same prompt is labelled both harmful and benign; one label was kept",
    "near_evaluation_row": "in one near-duplicate group with a row that is for evaluation only",
    "contaminated": "too close to a text of an evaluation suite",
    "train_limit": "over data.split.train_limit, or the twin of such a row",
    "benign_train_limit": "over data.split.benign_train_limit",
    "val_limit": "over data.split.val_limit",
    "test_limit": "over data.split.test_limit",
    **{kind: found.meaning for kind, found in FAULT_KINDS.items() if found.dropped},
}


def data_card(
    config: DataConfig, kept: Sequence[Demonstration], dropped: Sequence[Drop], *, rows_read: Mapping[str, int], seed: int
) -> str:
    """Markdown; counts only, no text of any row."""
    parts = [
        "# Data card",
        f"{len(kept)} of {sum(rows_read.values())} rows, split with seed {seed}. A number here can be rebuilt with `primum prep`.",
        "## Sources",
        _sources(config.sources, kept, rows_read),
        "## How rows came to be called harmful or benign",
        "\n".join(f"- **{source.name}**: {_label(source)}" for source in config.sources),
        "## Splits",
        _splits(kept),
        f"Near-duplicates (word-set Jaccard of {config.split.near_duplicate} or more, linked in chains) and twins are always in one split.",
        "## Left out",
        _dropped(dropped),
        "## Who is not represented",
        "The built-in rows are English and single-turn, and the principles are those of one American association. Patients who write "
        "in other languages, in dialect or with little schooling, long conversations, and health systems unlike the North American "
        "and European ones are hardly there. Other sources were not examined for this; a small count in a table above is a reason "
        "to doubt a rate computed on it.",
        "## Use",
        "Intended: training a medical language model to decline harmful requests and to answer benign ones, and measuring both. "
        "Excluded: training a model to comply with the harmful requests, use of the answers as medical advice, and any claim that a "
        "model which does well here is safe in clinical use. "
        "Each source keeps its own licence.",
    ]
    return "\n\n".join(parts) + "\n"


def _label(source: SourceConfig) -> str:
    return LABELS.get(source.format, LABELLED_BY_CONFIG.format(kind=source.kind))


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _sources(sources: Sequence[SourceConfig], kept: Sequence[Demonstration], rows_read: Mapping[str, int]) -> str:
    lines = []
    for source in sources:
        rows = [row for row in kept if row.source == source.name]
        licences = ", ".join(sorted({row.licence for row in rows})) or source.licence
        generators = ", ".join(sorted({row.generator for row in rows}))
        harmful = sum(row.kind == "harmful" for row in rows)
        lines.append((source.name, source.format, licences, generators, rows_read[source.name], len(rows), harmful, len(rows) - harmful))
    return _table(("source", "format", "licence", "written by", "rows read", "rows kept", "harmful", "benign"), lines)


def _splits(kept: Sequence[Demonstration]) -> str:
    counts: dict[tuple[str, str], Counter[str]] = {}
    for row in kept:
        principle = "none" if row.principle is None else str(row.principle)
        counts.setdefault((row.suite, principle), Counter())[row.split] += 1
    lines = [(suite, principle, *(count[name] for name in SPLITS)) for (suite, principle), count in sorted(counts.items())]
    totals = Counter(row.split for row in kept)
    return _table(("suite", "principle", *SPLITS), [*lines, ("all", "", *(totals[name] for name in SPLITS))])


def _dropped(dropped: Sequence[Drop]) -> str:
    if not dropped:
        return "Nothing."
    counts = Counter((drop.row.source, drop.reason) for drop in dropped)
    return _table(("source", "rows", "why"), [(source, count, REASONS[reason]) for (source, reason), count in sorted(counts.items())])
