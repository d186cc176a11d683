"""results.json from samples: every policy on every suite, and what changed against the base, paired
by prompt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from eval import independent
from eval.endpoint import Endpoint
from eval.further import further
from eval.measure import is_known, relevances, summarise
from eval.measured import Measured
from eval.report.verdict import OFTEN_CUT, often_cut, verdict
from eval.summaries import refuses
from eval.useless import useless_policies
from measures.estimates import Comparison, compare_rates, compare_scores, holm
from records.contracts import BASE, Policy

SCHEMA_VERSION = 3
Cells = dict[tuple[str, str], list[Measured]]
"""What each policy was measured by on each suite."""
Fits = dict[tuple[str, str], list[float | None]]
"""The relevance of each of these completions, of benign suites."""


def build_results(
    samples: Sequence[Measured],
    policies: Mapping[Policy, dict[str, Any]],
    *,
    endpoint: Endpoint,
    confidence: float,
    validation: dict[str, Any],
    scoreboard: list[dict[str, Any]],
    provenance: dict[str, Any],
    suites_absent: Sequence[dict[str, Any]] = (),
    test_set: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Needs nothing but samples, so a report can be made again without a model.

    Schema: docs/results.md.

    `test_set`: how often these prompts were opened (eval/test_ledger.py).
    `suites_absent`: what the config names and the run did not measure, `{suite, optional, reason}`.
    """
    plain = [sample for sample in samples if not sample.completion.condition]
    by_cell: defaultdict[tuple[str, str], list[Measured]] = defaultdict(list)
    for sample in plain:
        by_cell[sample.policy, sample.suite].append(sample)
    suites = list(dict.fromkeys(sample.suite for sample in plain))
    against = compared(list(policies))
    fits = {cell: relevances(rows) for cell, rows in by_cell.items() if rows[0].kind == "benign"}
    results = {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "confidence": confidence,
        "baseline": endpoint.baseline,
        "primary_endpoint": endpoint.to_json(),
        "policies": {
            policy.name: {
                **_lineage(policy),
                **about,
                "suites": _summaries(policy.name, suites, by_cell, fits, confidence),
            }
            for policy, about in policies.items()
        },
        "comparisons": _comparisons(by_cell, fits, against, endpoint, confidence),
        **further(samples, against, confidence),
        "useless": useless_policies(
            {suite: by_cell[endpoint.baseline, suite] for suite in suites}, confidence
        ),
        "suites_absent": list(suites_absent),
        "test_set": test_set,
        "agreement": {
            policy.name: independent.agreement(_rows_of(policy.name, by_cell), confidence)
            for policy in policies
        },
        "validation": validation,
        "scoreboard": scoreboard,
        "provenance": provenance,
    }
    results["cut_off"] = {"threshold": OFTEN_CUT, "policies": often_cut(results)}
    results["verdict"] = verdict(results)
    return results


def _rows_of(policy: str, by_cell: Cells) -> list[Measured]:
    """On all suites."""
    made: list[Measured] = []
    for (name, _), rows in by_cell.items():
        if name == policy:
            made.extend(rows)
    return made


def _lineage(policy: Policy) -> dict[str, Any]:
    return {
        "title": policy.title,
        "starts_from": policy.starts_from,
        "control_of": policy.control_of,
        "round": policy.round,
    }


def compared(policies: Sequence[Policy]) -> list[tuple[str, str]]:
    """(policy, against what): each against the base; what was trained from another policy against
    that one, and against its control.
    """
    names = {policy.name for policy in policies}
    pairs = [(policy.name, BASE.name) for policy in policies if policy.name != BASE.name]
    for policy in policies:
        if policy.control_of is None and policy.starts_from in names - {BASE.name}:
            pairs.append((policy.name, str(policy.starts_from)))
        for control in policies:
            if control.control_of == policy.name:
                pairs.append((policy.name, control.name))
    return pairs


def _summaries(
    policy: str, suites: list[str], by_cell: Cells, fits: Fits, confidence: float
) -> dict[str, Any]:
    """Of one policy, by suite."""
    found = {}
    for cell in ((policy, suite) for suite in suites if (policy, suite) in by_cell):
        by_others = independent.summary(by_cell[cell], confidence)
        found[cell[1]] = {
            **summarise(by_cell[cell], confidence, fits.get(cell)),
            "independent": by_others,
        }
    return found


def _comparisons(
    by_cell: Cells,
    fits: Fits,
    against: list[tuple[str, str]],
    endpoint: Endpoint,
    confidence: float,
) -> list[dict[str, Any]]:
    """Of each (policy, baseline) on every suite that both were measured on.

    The primary endpoint is tested alone; the p-values of all others are adjusted over them after
    Holm.
    """
    suites = list(dict.fromkeys(suite for _, suite in by_cell))
    found: list[tuple[Endpoint, Comparison]] = []
    for policy, baseline in against:
        for suite in suites:
            after, before = (
                sorted(by_cell.get((name, suite), ()), key=lambda s: s.prompt.id)
                for name in (policy, baseline)
            )
            if not after or [s.prompt.id for s in after] != [s.prompt.id for s in before]:
                continue
            harmful = after[0].kind == "harmful"
            rate = "refusal_rate" if harmful else "over_refusal_rate"
            found.append(
                (
                    Endpoint(policy, baseline, suite, rate),
                    compare_rates(refuses(before), refuses(after), confidence),
                )
            )
            if not harmful:
                values = (_by_prompt(before, by_cell, fits), _by_prompt(after, by_cell, fits))
                found.append(
                    (
                        Endpoint(policy, baseline, suite, "relevance"),
                        compare_scores(values[0], values[1], confidence),
                    )
                )
            elif is_known(before) and is_known(after):
                values = ([s.harmfulness for s in before], [s.harmfulness for s in after])
                found.append(
                    (
                        Endpoint(policy, baseline, suite, "harmfulness"),
                        compare_scores(values[0], values[1], confidence),
                    )
                )
            if independent.is_known(before) and independent.is_known(after):
                found += _by_others(Endpoint(policy, baseline, suite), before, after, confidence)
    adjusted = iter(holm([comparison.p_value for about, comparison in found if about != endpoint]))
    kept: list[dict[str, Any]] = []
    for about, comparison in found:
        kept.append(
            {
                **about.to_json(),
                **comparison.to_json(),
                "p_holm": comparison.p_value if about == endpoint else next(adjusted),
            }
        )
    return kept


def _by_others(
    about: Endpoint, before: Sequence[Measured], after: Sequence[Measured], confidence: float
) -> Iterator[tuple[Endpoint, Comparison]]:
    """The changes that scorers see that no training touched."""
    for metric in independent.metrics_of(after[0].kind):
        yield replace(about, metric=metric), independent.change(before, after, metric, confidence)


def _by_prompt(rows: Sequence[Measured], by_cell: Cells, fits: Fits) -> list[float | None]:
    """The relevance of these completions, in their order."""
    cell = rows[0].policy, rows[0].suite
    known = {row.id: value for row, value in zip(by_cell[cell], fits[cell], strict=True)}
    return [known[row.id] for row in rows]
