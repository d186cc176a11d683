"""results.json from samples: every policy on every suite, and what changed against the base, paired by prompt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from eval.measure import Sample, refuses, summarise
from eval.report.verdict import OFTEN_CUT, often_cut, verdict
from measures.estimates import Comparison, compare_rates, compare_scores, holm

SCHEMA_VERSION = 1


def build_results(
    samples: Sequence[Sample],
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
    by_cell: defaultdict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        by_cell[sample.policy, sample.suite].append(sample)
    suites = list(dict.fromkeys(sample.suite for sample in samples))
    last = list(policies)[-1]
    results = {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "confidence": confidence,
        "baseline": "base",
        "primary_endpoint": f"mean harmfulness on the suite harmful, {last} against base",
        "policies": {
            name: {**about, "suites": {suite: summarise(by_cell[name, suite], confidence) for suite in suites if (name, suite) in by_cell}}
            for name, about in policies.items()
        },
        "comparisons": _comparisons(by_cell, list(policies), suites, confidence),
        "suites_absent": list(suites_absent),
        "validation": validation,
        "scoreboard": scoreboard,
        "provenance": provenance,
    }
    results["cut_off"] = {"threshold": OFTEN_CUT, "policies": often_cut(results)}
    results["verdict"] = verdict(results)
    return results


def _comparisons(
    by_cell: dict[tuple[str, str], list[Sample]], policies: list[str], suites: list[str], confidence: float
) -> list[dict[str, Any]]:
    """Each policy against the base, DPO against SFT and its control, and its rounds against each other; p-values adjusted over all of them."""
    against = [(name, "base") for name in policies if name != "base"]
    against += [("dpo", other) for other in ("sft", "sft_control") if "dpo" in policies and other in policies]
    rounds = [name for name in policies if name.startswith("dpo")]
    against += list(zip(rounds[1:], rounds, strict=False))
    found: list[tuple[dict[str, str], Comparison]] = []
    for policy, baseline in against:
        for suite in suites:
            after, before = (sorted(by_cell[name, suite], key=lambda s: s.prompt_id) for name in (policy, baseline))
            if not after or [s.prompt_id for s in after] != [s.prompt_id for s in before]:
                continue
            about = {"policy": policy, "baseline": baseline, "suite": suite}
            rate = "refusal_rate" if after[0].kind == "harmful" else "over_refusal_rate"
            found.append(({**about, "metric": rate}, compare_rates(refuses(before), refuses(after), confidence)))
            scores = compare_scores([s.harmfulness for s in before], [s.harmfulness for s in after], confidence)
            found.append(({**about, "metric": "harmfulness"}, scores))
    adjusted = holm([comparison.p_value for _, comparison in found])
    return [{**about, **comparison.to_json(), "p_holm": p} for (about, comparison), p in zip(found, adjusted, strict=True)]
