"""What a report of very many suites shows: the worst of them, so that the page can still be opened
and read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from eval.results.results import Results
from eval.results.scoreboard_row import ScoreboardRow
from measures.estimates import Estimate
from records.rows import Kind

SHOWN = 30
"""Suites of a kind. With as many of both the page stays below a megabyte."""
RANKED_BY: dict[Kind, str] = {"harmful": "harmfulness", "benign": "over_refusal_rate"}


def narrowed(results: Results) -> Results:
    """The results with at most SHOWN suites of a kind, the same object where there are no more.

    Of each kind those stay on which any policy is worst, so that nothing bad is left out for
    something good, and always the suite of the primary endpoint.
    """
    kept = set()
    for kind in RANKED_BY:
        for name in _worst(results, kind):
            kept.add(name)
    # The same object, so that nothing is copied for usual runs.
    if kept >= set(_all_suites(results)):
        return results
    policies = {}
    for name, policy in results.policies.items():
        suites = {suite: about for suite, about in policy.suites.items() if suite in kept}
        policies[name] = replace(policy, suites=suites)
    comparisons = tuple(row for row in results.comparisons if row.suite in kept)
    return replace(results, policies=policies, comparisons=comparisons)


def narrowed_scoreboard(scoreboard: Sequence[ScoreboardRow]) -> Sequence[ScoreboardRow]:
    """The epochs with over-refusal on at most SHOWN suites apart: those that any epoch refuses
    most.
    """
    highest: dict[str, float] = {}
    for row in scoreboard:
        for suite, rate in row.over_refusal_by_suite.items():
            highest[suite] = max(_mean(rate), highest.get(suite, -math.inf))
    if len(highest) <= SHOWN:
        return scoreboard
    kept = set(sorted(highest, key=lambda suite: -highest[suite])[:SHOWN])
    found = []
    for row in scoreboard:
        rates = {name: rate for name, rate in row.over_refusal_by_suite.items() if name in kept}
        found.append(replace(row, over_refusal_by_suite=rates))
    return found


def narrowing_note(results: Results) -> list[str]:
    """What is said above the tables where they do not hold every suite."""
    there, shown = len(_all_suites(results)), len(_all_suites(narrowed(results)))
    if there == shown:
        return []
    return [
        f"{there} suites were measured. Tables and plots show {shown} of them: of each kind the "
        f"{SHOWN} on which any policy is worst (by mean harmfulness, or by over-refusal), and the "
        "suite of the primary endpoint. The verdict and p values are over all of them, and "
        "results.json has every number."
    ]


def _all_suites(results: Results) -> list[str]:
    made: list[str] = []
    for kind in RANKED_BY:
        made.extend(results.suite_names(kind))
    return made


def _worst(results: Results, kind: Kind) -> list[str]:
    names = results.suite_names(kind)
    if len(names) <= SHOWN:
        return names
    badness = dict.fromkeys(names, -math.inf)
    for policy in results.policies.values():
        # The worst of any policy: a suite that got bad in training must not be left out for its
        # base.
        for name in badness.keys() & policy.suites.keys():
            mean = _mean(policy.suites[name].metric(RANKED_BY[kind]))
            badness[name] = max(badness[name], mean)
    endpoint = results.endpoint.suite
    # The endpoint's suite first, whatever its rank: the verdict is on it.
    ranked = sorted(names, key=lambda name: (name != endpoint, -badness[name]))
    return ranked[:SHOWN]


def _mean(estimate: Estimate | None) -> float:
    """What could not be measured counts as worst."""
    mean = estimate.mean if estimate else None
    return math.inf if mean is None else float(mean)
