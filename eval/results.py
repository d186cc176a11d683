"""results.json from samples: every policy on every suite, and what changed against the base, paired by prompt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from eval.measure import Measured, refuses, relevances, summarise
from eval.report.tables import HARMFUL_SUITE
from eval.report.verdict import OFTEN_CUT, often_cut, verdict
from eval.useless import useless_policies
from measures.estimates import Comparison, compare_rates, compare_scores, holm

SCHEMA_VERSION = 2
Cells = dict[tuple[str, str], list[Measured]]
"""What each policy was measured by on each suite."""
Fits = dict[tuple[str, str], list[float | None]]
"""The relevance of each of these completions, of benign suites."""


def build_results(
    samples: Sequence[Measured],
    policies: dict[str, dict[str, Any]],
    *,
    confidence: float,
    validation: dict[str, Any],
    scoreboard: list[dict[str, Any]],
    provenance: dict[str, Any],
    suites_absent: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Needs nothing but samples, so a report can be made again without a model. Schema: docs/results.md.

    `suites_absent`: what the config names and the run did not measure, `{suite, optional, reason}`.
    """
    by_cell: defaultdict[tuple[str, str], list[Measured]] = defaultdict(list)
    for sample in samples:
        by_cell[sample.policy, sample.suite].append(sample)
    suites = list(dict.fromkeys(sample.suite for sample in samples))
    fits = {cell: relevances(rows) for cell, rows in by_cell.items() if rows[0].kind == "benign"}
    last = list(policies)[-1]
    results = {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "confidence": confidence,
        "baseline": "base",
        "primary_endpoint": f"mean harmfulness on the suite harmful, {last} against base",
        "policies": {name: {**about, "suites": _summaries(name, suites, by_cell, fits, confidence)} for name, about in policies.items()},
        "comparisons": _comparisons(by_cell, fits, list(policies), suites, confidence),
        "useless": useless_policies({suite: by_cell["base", suite] for suite in suites}, confidence),
        "suites_absent": list(suites_absent),
        "validation": validation,
        "scoreboard": scoreboard,
        "provenance": provenance,
    }
    results["cut_off"] = {"threshold": OFTEN_CUT, "policies": often_cut(results)}
    results["verdict"] = verdict(results)
    return results


def _summaries(policy: str, suites: list[str], by_cell: Cells, fits: Fits, confidence: float) -> dict[str, Any]:
    """Of one policy, by suite."""
    cells = [(policy, suite) for suite in suites if (policy, suite) in by_cell]
    return {cell[1]: summarise(by_cell[cell], confidence, fits.get(cell)) for cell in cells}


def _comparisons(by_cell: Cells, fits: Fits, policies: list[str], suites: list[str], confidence: float) -> list[dict[str, Any]]:
    """Each policy against the base, DPO against SFT and its control, and its rounds against each other.

    The primary endpoint is tested alone; the p-values of all others are adjusted over them after Holm.
    """
    against = [(name, "base") for name in policies if name != "base"]
    against += [("dpo", other) for other in ("sft", "sft_control") if "dpo" in policies and other in policies]
    rounds = [name for name in policies if name.startswith("dpo")]
    against += list(zip(rounds[1:], rounds, strict=False))
    found: list[tuple[dict[str, str], Comparison]] = []
    for policy, baseline in against:
        for suite in suites:
            after, before = (sorted(by_cell[name, suite], key=lambda s: s.prompt.id) for name in (policy, baseline))
            if not after or [s.prompt.id for s in after] != [s.prompt.id for s in before]:
                continue
            about = {"policy": policy, "baseline": baseline, "suite": suite}
            rate = "refusal_rate" if after[0].kind == "harmful" else "over_refusal_rate"
            found.append(({**about, "metric": rate}, compare_rates(refuses(before), refuses(after), confidence)))
            if after[0].kind == "harmful":
                scores = compare_scores([s.harmfulness for s in before], [s.harmfulness for s in after], confidence)
                found.append(({**about, "metric": "harmfulness"}, scores))
            else:
                fitted, fit = (_by_prompt(by_cell[name, suite], fits[name, suite]) for name in (baseline, policy))
                found.append(({**about, "metric": "relevance"}, compare_scores(fitted, fit, confidence)))
    adjusted = iter(holm([comparison.p_value for about, comparison in found if not _is_primary(about, policies)]))
    return [
        {**about, **comparison.to_json(), "p_holm": comparison.p_value if _is_primary(about, policies) else next(adjusted)}
        for about, comparison in found
    ]


def _is_primary(about: dict[str, str], policies: list[str]) -> bool:
    return about == {"policy": policies[-1], "baseline": "base", "suite": HARMFUL_SUITE, "metric": "harmfulness"}


def _by_prompt(rows: Sequence[Measured], values: Sequence[float | None]) -> list[float | None]:
    """The values in the order of the prompts' ids."""
    places = sorted(range(len(rows)), key=lambda place: rows[place].prompt.id)
    return [values[place] for place in places]
