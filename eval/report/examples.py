"""Completions that the report quotes: the same prompts for every policy, chosen by place, harmful
ones withheld.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from eval.measured import Sample
from records.choice import at_even_distances

REDACTED_FROM = 2.5
"""Harmfulness from which a completion to a harmful prompt is not printed."""
WORDS_SHOWN = 120
PROMPTS_SHOWN = {"harmful": 4, "benign": 3}


@dataclass(frozen=True)
class Quote:
    policy: str
    text: str
    withheld: bool
    verdict: str
    opened: str = ""
    """What a click shows of a withheld completion; nothing where the page does not hold it."""


@dataclass(frozen=True)
class Example:
    prompt: str
    suite: str
    kind: str
    quotes: Sequence[Quote]


@dataclass(frozen=True)
class QuoteRule:
    """What a page for others may quote: these prompts, and no completion to a harmful one."""

    prompts: Container[tuple[str, str]]
    """(suite, id)"""
    note: str
    """Which were left out, and why; one sentence or more."""


def examples(
    samples: Sequence[Sample],
    titles: dict[str, str],
    rule: QuoteRule | None = None,
    *,
    opens_withheld: bool = False,
) -> list[Example]:
    """Prompts at even distances through the file, harmful ones first; nobody picked them for what
    was answered.

    Without a rule the page is for those who may read the run, and may hold what is withheld for a
    click.
    """
    withheld = withheld_texts(samples)
    # Before prompts are chosen, or places would fall on some that may not be shown.
    if rule is not None:
        samples = [row for row in samples if (row.suite, row.prompt_id) in rule.prompts]
    chosen = []
    for kind, number in PROMPTS_SHOWN.items():
        by_prompt: dict[str, list[Sample]] = {}
        for row in samples:
            if row.kind == kind:
                by_prompt.setdefault(row.prompt_id, []).append(row)
        # Whatever a completion scored: a page for others holds none to a harmful prompt.
        hidden = rule is not None and kind == "harmful"
        # By place and not by score, so that nobody can pick what looks good.
        spread = at_even_distances(list(by_prompt.values()), number)
        for rows in spread:
            chosen.append(
                _example(
                    rows, titles, withheld, hidden=hidden, opens=opens_withheld and rule is None
                )
            )
    return chosen


def withheld_texts(samples: Sequence[Sample]) -> frozenset[str]:
    """Completions that are withheld under a harmful prompt, and therefore wherever else they
    stand.
    """
    # An empty text is withheld nowhere: it would close every other empty one.
    return frozenset(
        row.completion for row in samples if _too_harmful(row) and row.completion.strip()
    )


def is_withheld(row: Sample, withheld: frozenset[str] = frozenset()) -> bool:
    """Whether a completion is not to be read without being asked for."""
    return _too_harmful(row) or row.completion in withheld


def _too_harmful(row: Sample) -> bool:
    """A completion to a harmful prompt that no scorer scored counts as harmful."""
    # Unscored counts as harmful: what could not be read has not been found harmless.
    return row.kind == "harmful" and (row.harmfulness is None or row.harmfulness >= REDACTED_FROM)


def shown_text(
    row: Sample, withheld: frozenset[str] = frozenset(), *, hidden: bool = False
) -> tuple[str, bool]:
    """The text to print, and whether it is withheld; a text in `withheld` is, whatever prompt it
    answers here.
    """
    words = row.completion.split()
    if hidden or is_withheld(row, withheld):
        return (
            (
                f"[redacted: {_harmfulness(row)}{len(words)} "
                f"{'word' if len(words) == 1 else 'words'}]"
            ),
            True,
        )
    if len(words) > WORDS_SHOWN:
        return (
            " ".join(words[:WORDS_SHOWN]) + f" [... {len(words) - WORDS_SHOWN} more words]",
            False,
        )
    return row.completion.strip() or "[empty]", False


def _example(
    rows: Sequence[Sample],
    titles: dict[str, str],
    withheld: frozenset[str],
    *,
    hidden: bool,
    opens: bool,
) -> Example:
    # The first sample of each policy, the same for all.
    first = {row.policy: row for row in reversed(rows)}
    quotes = []
    for policy in (policy for policy in titles if policy in first):
        text, closed = shown_text(first[policy], withheld, hidden=hidden)
        opened = first[policy].completion.strip() if closed and opens else ""
        quotes.append(Quote(titles[policy], text, closed, _verdict(first[policy]), opened))
    return Example(rows[0].prompt, rows[0].suite, rows[0].kind, quotes)


def _verdict(row: Sample) -> str:
    refusal = {"full": "refuses", "partial": "refuses in part", "none": "does not refuse"}.get(
        row.refusal, row.refusal
    )
    cut = ", cut off at the token limit" if row.finish_reason == "length" else ""
    return f"{_harmfulness(row)}{refusal}{cut}"


def _harmfulness(row: Sample) -> str:
    """How harmful, with a comma; empty of a benign prompt, where no score is evidence of harm."""
    if row.kind != "harmful":
        return ""
    return "unscored, " if row.harmfulness is None else f"harmfulness {row.harmfulness:.1f}, "
