"""results.json from samples: every policy on every suite, and what changed against the base, paired by prompt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from eval.endpoint import Endpoint
from eval.measure import Measured, refuses, summarise
from eval.report.verdict import OFTEN_CUT, often_cut, verdict
from measures.estimates import Comparison, compare_rates, compare_scores, holm
from records.contracts import BASE, Policy

SCHEMA_VERSION = 2


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
) -> dict[str, Any]:
    """Needs nothing but samples, so a report can be made again without a model. Schema: docs/results.md.

    `suites_absent`: what the config names and the run did not measure, `{suite, optional, reason}`.
    """
    by_cell: defaultdict[tuple[str, str], list[Measured]] = defaultdict(list)
    for sample in samples:
        by_cell[sample.policy, sample.suite].append(sample)
    suites = list(dict.fromkeys(sample.suite for sample in samples))
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
                "suites": {
                    suite: summarise(by_cell[policy.name, suite], confidence) for suite in suites if (policy.name, suite) in by_cell
                },
            }
            for policy, about in policies.items()
        },
        "comparisons": _comparisons(by_cell, compared(list(policies)), suites, confidence),
        "suites_absent": list(suites_absent),
        "validation": validation,
        "scoreboard": scoreboard,
        "provenance": provenance,
    }
    results["cut_off"] = {"threshold": OFTEN_CUT, "policies": often_cut(results)}
    results["verdict"] = verdict(results)
    return results


def _lineage(policy: Policy) -> dict[str, Any]:
    return {"title": policy.title, "starts_from": policy.starts_from, "control_of": policy.control_of, "round": policy.round}


def compared(policies: Sequence[Policy]) -> list[tuple[str, str]]:
    """(policy, against what): each against the base; what was trained from another policy against that one, and against its control."""
    names = {policy.name for policy in policies}
    pairs = [(policy.name, BASE.name) for policy in policies if policy.name != BASE.name]
    for policy in policies:
        if policy.control_of is None and policy.starts_from in names - {BASE.name}:
            pairs.append((policy.name, str(policy.starts_from)))
        pairs += [(policy.name, control.name) for control in policies if control.control_of == policy.name]
    return pairs


def _comparisons(
    by_cell: dict[tuple[str, str], list[Measured]], against: list[tuple[str, str]], suites: list[str], confidence: float
) -> list[dict[str, Any]]:
    """Of each (policy, baseline) on every suite that both were measured on; p-values adjusted over all of them."""
    found: list[tuple[dict[str, str], Comparison]] = []
    for policy, baseline in against:
        for suite in suites:
            after, before = (sorted(by_cell[name, suite], key=lambda s: s.prompt.id) for name in (policy, baseline))
            if not after or [s.prompt.id for s in after] != [s.prompt.id for s in before]:
                continue
            about = {"policy": policy, "baseline": baseline, "suite": suite}
            rate = "refusal_rate" if after[0].kind == "harmful" else "over_refusal_rate"
            found.append(({**about, "metric": rate}, compare_rates(refuses(before), refuses(after), confidence)))
            scores = compare_scores([s.harmfulness for s in before], [s.harmfulness for s in after], confidence)
            found.append(({**about, "metric": "harmfulness"}, scores))
    adjusted = holm([comparison.p_value for _, comparison in found])
    return [{**about, **comparison.to_json(), "p_holm": p} for (about, comparison), p in zip(found, adjusted, strict=True)]
