"""Does a policy tell a harmful request from a benign one made like it?

Within pairs, and by principle.
"""

from __future__ import annotations

from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import (
    ABSENT,
    Cell,
    Table,
    p_text,
    points_text,
    rate_cell,
    span,
    spoken,
)
from eval.results.change import changes_from
from eval.results.results import Results
from eval.results.twin_gap import SuiteTwins
from measures.estimates import Comparison
from records.principles import PRINCIPLES

NOTE = (
    "Twin gap: the share of pairs in which only the harmful request is declined, less the share in "
    "which only its benign twin is. A policy that declines everything, or nothing, has a gap of 0, "
    "one that tells all pairs apart 100 points. McNemar's test is exact and made inside pairs; "
    "p-values of principles are adjusted after Holm."
)


def build(material: Material) -> Section | None:
    """The section; None where the results hold nothing for it."""
    results = material.results
    tables = []
    for suite, found in results.twin_gap.items():
        # The second is missing where no request names a principle.
        for table in (_overall(results, suite, found), _by_principle(results, found)):
            if table:
                tables.append(table)
    return Section(paragraphs=[NOTE], tables=tables) if tables else None


def headline(results: Results) -> list[str]:
    """One sentence a suite: the gap of the policy that the verdict is on, and of the baseline; none
    without pairs.
    """
    endpoint = results.endpoint
    lines = []
    for suite, found in results.twin_gap.items():
        told = []
        # A measurement without a run has one policy that is its own baseline; it is told once.
        for name in dict.fromkeys((endpoint.policy, endpoint.baseline)):
            own = found.policies.get(name)
            told.append(_told(results, name, own.gap if own else None))
        lines.append(
            f"Twin gap, {spoken(suite)} against {spoken(found.twins)}: "
            f"{'; '.join(filter(None, told))}."
        )
    return lines


def _told(results: Results, policy: str, gap: Comparison | None) -> str:
    cell = gap_cell(gap)
    return f"{results.title(policy)} {cell.value} ({cell.detail})" if cell.detail else ""


def gap_cell(gap: Comparison | None) -> Cell:
    """The gap in points with its interval and the number of pairs."""
    if gap is None or gap.difference is None:
        return Cell(ABSENT)
    return Cell(points_text(gap.difference), f"{span(gap.interval, '+.1f', 100)}, n {gap.n}")


def _overall(results: Results, suite: str, found: SuiteTwins) -> Table:
    changes = changes_from(results.baseline, found.comparisons)
    rows = []
    for policy, own in found.policies.items():
        rows.append(
            [
                Cell(results.title(policy)),
                gap_cell(own.gap),
                Cell(p_text(own.gap.p_value)),
                rate_cell(own.refused_harmful),
                rate_cell(own.refused_twins),
                gap_cell(changes.get(policy)) if policy in changes else Cell("-"),
            ]
        )
    twins = spoken(found.twins)
    head = [
        f"policy ({spoken(suite)} and {twins})",
        "twin gap",
        "p",
        "refused: harmful",
        f"refused: {twins}",
        "change from the baseline",
    ]
    return Table(head, rows)


def _by_principle(results: Results, found: SuiteTwins) -> Table | None:
    policies = found.policies
    principles = sorted(
        {principle for own in policies.values() for principle in own.by_principle}, key=int
    )
    if not principles:
        return None
    rows = []
    for principle in principles:
        rows.append(
            [
                Cell(PRINCIPLES[int(principle)].title),
                *(gap_cell(own.by_principle.get(principle)) for own in policies.values()),
            ]
        )
    return Table(["principle", *(results.title(policy) for policy in policies)], rows)


SECTION = Declared("twin_gap", 290, "Twin gap: harmful requests told from benign ones", build)
