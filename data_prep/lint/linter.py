"""The linter: rows and pairs in, those worth keeping and lint.json out.

No text of any row is in the report.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from data_prep.config import LintConfig
from data_prep.lint.faults import FAULT_KINDS, Fault
from data_prep.lint.items import Item, of_demonstration, of_pair
from data_prep.lint.labels import MIN_ROWS_A_KIND, can_compare_words, lookalikes, same_prompts
from data_prep.lint.pairs import Cut, cut_fault, preference_faults
from data_prep.lint.report import NO_DETECTOR, LeftOut, Refuses, Report, by_source, units
from data_prep.lint.rows import Renders, template_fault, unusable_faults
from data_prep.near_duplicates.duplicates import prompt_rows
from records.errors import RecordError
from records.rows import Demonstration, Pair, text_of

CUT_KINDS = ("no_room", "identical_after_cut", "cut_pair")
PROMPT_KINDS = ("duplicate_prompt", "contradictory_kind", "benign_lookalike")
UNRENDERED = "no chat template was given"


class Usable(NamedTuple):
    """rows, and as many more as `why` has keys, are the rows that came in."""

    rows: list[Demonstration]
    why: dict[int, Fault]
    """The first reason for each row that is left out, by its place among those that came in."""
    left_out: LeftOut


class LintedPairs(NamedTuple):
    pairs: list[Pair]
    dropped: Counter[str]
    """By kind of fault; its total and `pairs` are the pairs that came in."""
    report: dict[str, Any]


def usable(rows: Sequence[Demonstration], *, renders: Renders | None = None) -> Usable:
    """Leave out what cannot be written, rendered or believed; `renders` asks the run's own chat
    template of each row.
    """
    items = [of_demonstration(row) for row in rows]
    # Which of several equal rows to keep is for `prepare` to say: the one that is for evaluation
    # only.
    why, faults = _dropped(items, besides=("duplicate_pair",), renders=renders)
    kept = []
    for place, row in enumerate(rows):
        if place not in why:
            kept.append(row)
    return Usable(
        kept, why, LeftOut(faults, units(items), {} if renders else {"chat_template": UNRENDERED})
    )


def lint(
    rows: Sequence[Demonstration],
    config: LintConfig,
    *,
    refuses: Refuses | None = None,
    left_out: LeftOut | None = None,
) -> dict[str, Any]:
    """Of usable rows, and of what was left out before."""
    report = Report([of_demonstration(row) for row in rows], config, left_out)
    # Named as not checked: an absent kind in lint.json would read as "none found".
    report.skip(CUT_KINDS, "there is no tokenizer here; the pairs stage checks it")
    prompts = prompt_rows(rows)
    report.add(same_prompts(prompts))
    report.inspect(refuses)
    # After the completions were looked at: which of them do not decline is half of the evidence.
    report.add(
        lookalikes(prompts, {fault.id for fault in report.faults if fault.kind == "no_refusal"})
    )
    if refuses is None or not can_compare_words(prompts):
        why = (
            NO_DETECTOR
            if refuses is None
            else f"wants {MIN_ROWS_A_KIND} harmful and as many benign rows"
        )
        report.not_checked["benign_lookalike, by the words of all rows"] = why
    words = {
        "prompt": _lengths([len(text_of(row.prompt).split()) for row in prompts]),
        "completion": _lengths(
            [len(text_of(row.completion).split()) for row in rows if row.completion]
        ),
    }
    return {
        "rows": len(rows),
        "kinds": dict(Counter(row.kind for row in rows)),
        "words": words,
        **report.to_json(),
    }


def lint_pairs(
    pairs: Sequence[Pair],
    config: LintConfig,
    *,
    refuses: Refuses | None = None,
    cut: Callable[[Pair], Cut] | None = None,
) -> LintedPairs:
    """Leave out the pairs that teach nothing or the wrong thing, and report on the others."""
    items = [of_pair(pair) for pair in pairs]
    # In two steps, since the tokenizer costs most: pairs that are dropped anyway are not encoded.
    why, faults = _dropped(items)
    reported: list[Fault] = []
    for place, pair in enumerate(pairs if cut is not None else ()):
        fault = cut_fault(pair, cut) if cut is not None and place not in why else None
        if fault and FAULT_KINDS[fault.kind].dropped:
            why[place] = fault
            faults.append(fault)
        elif fault:
            reported.append(fault)
    kept = []
    for place, pair in enumerate(pairs):
        if place not in why:
            kept.append(pair)
    report = Report(
        [item for place, item in enumerate(items) if place not in why],
        config,
        LeftOut(faults, units(items)),
    )
    report.skip(CUT_KINDS if cut is None else (), "no tokenizer was given")
    report.skip((*PROMPT_KINDS, "chat_template"), "a matter of prompts; prep checks it")
    report.add(reported)
    report.inspect(refuses)
    dropped = Counter(fault.kind for fault in why.values())
    return LintedPairs(
        kept, dropped, {"pairs": len(kept), "dropped": dict(dropped), **report.to_json()}
    )


def require_fit(report: dict[str, Any], config: LintConfig) -> None:
    """Raise RecordError with every reason for which this data is not worth training on."""
    reasons = []
    if "rows" in report and report["rows"] < config.min_rows:
        reasons.append(
            f"{report['rows']} rows are left, data.lint.min_rows wants {config.min_rows}; add a "
            "source or raise a limit"
        )
    for kind, limit in config.fail_above.items():
        # A kind that was not found has no size and passes.
        size = report["sizes"].get(kind, 0.0)
        if size > limit:
            where = ", ".join(
                f"{count} of {source}" for source, count in by_source(report, kind).items()
            )
            reasons.append(
                f"{kind}: {size:.3g} over {report['checked'][kind]} "
                f"{FAULT_KINDS[kind].of}{where and f' ({where})'}, data.lint.fail_above.{kind} "
                f"allows {limit:.3g} ({FAULT_KINDS[kind].meaning}); lint.json has the ids: mend "
                "those rows or leave them out, or raise the limit"
            )
    if reasons:
        raise RecordError(reasons)


def _dropped(
    items: Sequence[Item], besides: Sequence[str] = (), renders: Renders | None = None
) -> tuple[dict[int, Fault], list[Fault]]:
    """The first reason by place, and all reasons.

    By place, since rows as they were read may share an id.
    """
    placed = [(place, fault) for place, item in enumerate(items) for fault in unusable_faults(item)]
    if renders is not None:
        broken = {place for place, _ in placed}  # a template would only say the same again
        sound = []
        for place, item in enumerate(items):
            if place not in broken:
                sound.append((place, item))
        placed += [
            (place, fault) for place, item in sound if (fault := template_fault(item, renders))
        ]
    placed += [
        (place, fault)
        for place, fault in preference_faults(items)
        if FAULT_KINDS[fault.kind].dropped and fault.kind not in besides
    ]
    placed = [(place, fault._replace(source=items[place].source)) for place, fault in placed]
    why: dict[int, Fault] = {}
    for place, fault in placed:
        # The first reason counts a row once; all reasons stand in the report.
        why.setdefault(place, fault)
    return why, [fault for _, fault in placed]


def _lengths(counts: list[int]) -> dict[str, float]:
    return {"median": statistics.median(counts), "max": max(counts)} if counts else {}
