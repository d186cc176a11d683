"""What is suspicious in demonstrations, as a report; only what makes training pointless stops the stage."""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from data_prep.config import LintConfig
from data_prep.errors import RecordError
from data_prep.records import Demonstration, text_of
from data_prep.sources.rows import role_fault
from data_prep.wording import normalise, request_text

MAX_WORDS = 2000
MIN_LEAKED_WORDS = 5
"""A shorter prompt ("what is sepsis") may well come back inside a good answer."""
OPENING_WORDS = 3
OPENINGS_SHOWN = 10
# What no keyboard types: controls but tab and line ends, the replacement character, and UTF-8 that was read as Latin-1.
DAMAGED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]|\u00e2\u20ac|\u00c3[\u0080-\u00bf]")


class Fault(NamedTuple):
    kind: str
    id: str
    detail: str


def lint(demonstrations: Sequence[Demonstration], config: LintConfig) -> dict[str, Any]:
    """JSON-able: rows, counts, every fault with its row's id, and how safe answers open."""
    openings = _openings(demonstrations)
    total = openings.total()
    shares = {opening: round(count / total, 4) for opening, count in openings.most_common(OPENINGS_SHOWN)}
    faults = [*_same_prompts(demonstrations), *(fault for row in demonstrations for fault in _row_faults(row))]
    faults += [
        Fault("opening_share", "", f'"{opening}" opens {share:.0%} of {total} safe answers, wanted at most {config.max_opening_share:.0%}')
        for opening, share in shares.items()
        if share > config.max_opening_share
    ]
    return {
        "rows": len(demonstrations),
        "kinds": dict(Counter(row.kind for row in demonstrations)),
        "completions": sum(bool(row.completion) for row in demonstrations),
        "words": {
            "prompt": _lengths([len(text_of(row.prompt).split()) for row in demonstrations]),
            "completion": _lengths([len(text_of(row.completion).split()) for row in demonstrations if row.completion]),
        },
        "fault_counts": dict(Counter(fault.kind for fault in faults)),
        "faults": [fault._asdict() for fault in faults],
        "openings": shares,
    }


def require_fit(report: dict[str, Any], config: LintConfig) -> None:
    """Raise RecordError with every reason for which this data is not worth training on."""
    reasons = []
    if report["rows"] < config.min_rows:
        reasons.append(f"{report['rows']} rows are left, data.lint.min_rows wants {config.min_rows}; add a source or raise a limit")
    if config.fail_on_opening:
        reasons += [
            f"{fault['detail']}; reword some, or set data.lint.fail_on_opening=false"
            for fault in report["faults"]
            if fault["kind"] == "opening_share"
        ]
    if reasons:
        raise RecordError(reasons)


def _openings(rows: Sequence[Demonstration]) -> Counter[str]:
    answers = (normalise(text_of(row.completion)).split() for row in rows if row.kind == "harmful" and row.completion)
    return Counter(" ".join(words[:OPENING_WORDS]) for words in answers if words)


def _lengths(counts: list[int]) -> dict[str, float]:
    return {"median": statistics.median(counts), "max": max(counts)} if counts else {}


def _same_prompts(rows: Sequence[Demonstration]) -> Iterator[Fault]:
    """The first row of each prompt is in order; every later one is a fault."""
    same: dict[str, list[Demonstration]] = defaultdict(list)
    for row in rows:
        same[normalise(text_of(row.prompt))].append(row)
    for first, *others in same.values():
        for row in others:
            if row.kind == first.kind:
                yield Fault("duplicate_prompt", row.id, f"the same as {first.id} ({first.source}) but for case and punctuation")
            else:
                yield Fault("contradictory_kind", row.id, f"{row.kind} here and {first.kind} in {first.id} ({first.source})")


def _row_faults(row: Demonstration) -> Iterator[Fault]:
    wrong_role = role_fault(row.prompt, row.completion)
    if wrong_role:
        yield Fault("roles", row.id, wrong_role)
    answer = text_of(row.completion)
    if row.completion and not answer.strip():
        yield Fault("empty_completion", row.id, "the completion has no text; such a row is used as a prompt only")
    request = normalise(request_text(row.prompt))
    if len(request.split()) >= MIN_LEAKED_WORDS and request in normalise(answer):
        yield Fault("prompt_in_completion", row.id, "the whole request stands in the completion")
    text = f"{text_of(row.prompt)}\n{answer}"
    words = len(text.split())
    if words > MAX_WORDS:
        yield Fault("too_long", row.id, f"{words} words, more than {MAX_WORDS}")
    damage = DAMAGED.search(text)
    if damage:
        yield Fault("damaged_text", row.id, f"{damage[0]!r} at character {damage.start()} of prompt and completion")
