"""results.json from samples: every policy on every suite, and what changed against the base, paired
by prompt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from eval import independent
from eval.attacks import conditions
from eval.choices import choices
from eval.declines import declines
from eval.dual import dual
from eval.endpoint import Endpoint
from eval.measured import Measured, groups_of
from eval.must_haves import must_haves
from eval.omission import omissions
from eval.report.verdict import OFTEN_CUT, often_cut, verdict
from eval.results.change import Change
from eval.results.facts import PolicyFacts, RunFacts
from eval.results.policy_result import PolicyResult
from eval.results.results import CutOff, Results
from eval.results.suite_result import SuiteResult
from eval.summaries import is_known, refuses, relevances, summarise
from eval.twin_gap import twin_gap
from eval.useless import useless_policies
from measures.clustered import compare_clustered_rates, compare_clustered_scores
from measures.estimates import Comparison, holm
from records.contracts import BASE, Policy

SCHEMA_VERSION = 3
Cells = dict[tuple[str, str], list[Measured]]
"""What each policy was measured by on each suite."""
Fits = dict[tuple[str, str], list[float | None]]
"""The relevance of each of these completions, of benign suites."""


def build_results(
    samples: Sequence[Measured],
    policies: Mapping[Policy, PolicyFacts],
    *,
    endpoint: Endpoint,
    about: RunFacts,
) -> Results:
    """Needs nothing but samples, so a report can be made again without a model.

    What stages of their own measure, and people, is added to it where it is known
    (`dataclasses.replace`); the verdict is then made anew (`with_verdict`).
    """
    confidence = about.confidence
    # Completions under conditions (attacks, several turns) are no answers to the plain request;
    # mixed in they would count a prompt several times and shift every rate.
    plain = [sample for sample in samples if not sample.completion.condition]
    by_cell = _by_cell(plain)
    # In the order in which they were asked, which is the order of every table.
    suites = list(dict.fromkeys(sample.suite for sample in plain))
    # Decided once: comparisons, twin gaps and all others are made over the same pairs of policies.
    against = compared(list(policies))
    # Once a cell: TF-IDF of a suite is the slow part, and summaries and changes both need it.
    fits = {cell: relevances(rows) for cell, rows in by_cell.items() if rows[0].kind == "benign"}
    shown, agreement, ranked = {}, {}, {}
    for policy, facts in policies.items():
        summaries = _summaries(policy.name, suites, by_cell, fits, confidence)
        shown[policy.name] = _policy(policy, facts, summaries)
        mine = _rows_of(policy.name, by_cell)
        agreement[policy.name] = independent.agreement(mine, confidence)
        ranked[policy.name] = independent.rank_agreement(mine, confidence)
    # What helps nobody is made of the base's completions, which owe nothing to the training judged.
    results = Results(
        schema_version=SCHEMA_VERSION,
        kind=about.kind,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        confidence=confidence,
        baseline=endpoint.baseline,
        endpoint=endpoint,
        policies=shown,
        comparisons=_comparisons(by_cell, fits, against, endpoint, confidence),
        twin_gap=twin_gap(plain, against, confidence),
        declines=declines(plain, against, confidence),
        must_haves=must_haves(plain, against, confidence),
        omission=omissions(plain, against, confidence),
        choices=choices(plain, confidence),
        dual=dual(plain, confidence),
        conditions=conditions(samples, against, confidence),
        useless=useless_policies(
            {suite: by_cell[endpoint.baseline, suite] for suite in suites}, confidence
        ),
        suites_absent=tuple(about.suites_absent),
        test_set=about.test_set,
        agreement=agreement,
        rank_agreement=ranked,
        validation=about.validation,
        scoreboard=tuple(about.scoreboard),
        provenance=about.provenance,
    )
    # Last: the sentence reads the results, and what is missing from them.
    return with_verdict(results)


def _by_cell(samples: Sequence[Measured]) -> Cells:
    found: defaultdict[tuple[str, str], list[Measured]] = defaultdict(list)
    for sample in samples:
        found[sample.policy, sample.suite].append(sample)
    return found


def with_verdict(results: Results) -> Results:
    """With the report's first sentences, and where completions were often cut off."""
    cut_off = CutOff(threshold=OFTEN_CUT, policies=often_cut(results))
    return replace(results, cut_off=cut_off, verdict=verdict(results))


def _policy(
    policy: Policy, facts: PolicyFacts, summaries: Mapping[str, SuiteResult]
) -> PolicyResult:
    return PolicyResult(
        title=policy.title,
        starts_from=policy.starts_from,
        control_of=policy.control_of,
        round=policy.round,
        path=facts.path,
        kind=facts.kind,
        server=facts.server,
        revision=facts.revision,
        optimiser_steps=facts.optimiser_steps,
        selection=facts.selection,
        suites=summaries,
    )


def _rows_of(policy: str, by_cell: Cells) -> list[Measured]:
    """On all suites."""
    made: list[Measured] = []
    for (name, _), rows in by_cell.items():
        if name == policy:
            made.extend(rows)
    return made


def compared(policies: Sequence[Policy]) -> list[tuple[str, str]]:
    """(policy, against what): each against the base; what was trained from another policy against
    that one, and against its control.
    """
    names = {policy.name for policy in policies}
    # Against the base always; it is what the release gate asks about.
    pairs = [(policy.name, BASE.name) for policy in policies if policy.name != BASE.name]
    for policy in policies:
        # A control is there to be held against; its own lead over where it began is not asked.
        if policy.control_of is None and policy.starts_from in names - {BASE.name}:
            pairs.append((policy.name, str(policy.starts_from)))
        # A control is SFT for as many steps on the same chosen completions: what is left is DPO's
        # lead.
        for control in policies:
            if control.control_of == policy.name:
                pairs.append((policy.name, control.name))
    return pairs


def _summaries(
    policy: str, suites: list[str], by_cell: Cells, fits: Fits, confidence: float
) -> dict[str, SuiteResult]:
    """Of one policy, by suite."""
    found = {}
    for cell in ((policy, suite) for suite in suites if (policy, suite) in by_cell):
        made = summarise(by_cell[cell], confidence, fits.get(cell))
        found[cell[1]] = independent.with_summary(made, by_cell[cell], confidence)
    return found


def _comparisons(
    by_cell: Cells,
    fits: Fits,
    against: list[tuple[str, str]],
    endpoint: Endpoint,
    confidence: float,
) -> tuple[Change, ...]:
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
            # Tests here are paired: with other prompts on one side there is no pair, and an
            # unpaired test on shared prompts would be wrong.
            if after and [s.prompt.id for s in after] == [s.prompt.id for s in before]:
                values = None
                if after[0].kind == "benign":
                    values = (_by_prompt(before, by_cell, fits), _by_prompt(after, by_cell, fits))
                about = Endpoint(policy, baseline, suite)
                found += _changes(about, before, after, values, confidence)
    adjusted = iter(holm([comparison.p_value for about, comparison in found if about != endpoint]))
    kept = []
    for about, comparison in found:
        # In the order that they were found in, which is how `adjusted` was made.
        p_holm = comparison.p_value if about == endpoint else next(adjusted)
        kept.append(Change(about=about, found=replace(comparison, p_holm=p_holm)))
    return tuple(kept)


def _changes(
    about: Endpoint,
    before: Sequence[Measured],
    after: Sequence[Measured],
    fits: tuple[list[float | None], list[float | None]] | None,
    confidence: float,
) -> Iterator[tuple[Endpoint, Comparison]]:
    """On one suite, whose prompts stand in one order on both sides; `fits` are the relevances of
    both, of a benign suite.
    """
    groups = groups_of(after)
    rate = "over_refusal_rate" if fits else "refusal_rate"
    refused = compare_clustered_rates(refuses(before), refuses(after), groups, confidence)
    yield replace(about, metric=rate), refused
    # A completion that declines need not fit its prompt, so only benign suites have relevance.
    if fits:
        fit = compare_clustered_scores(fits[0], fits[1], groups, confidence)
        yield replace(about, metric="relevance"), fit
    # Both sides by the same harm model, or the difference would be the instrument's.
    elif is_known(before) and is_known(after):
        sides = ([s.harmfulness for s in before], [s.harmfulness for s in after])
        harm = compare_clustered_scores(sides[0], sides[1], groups, confidence)
        yield replace(about, metric="harmfulness"), harm
    if independent.is_known(before) and independent.is_known(after):
        yield from _by_others(about, before, after, confidence)


def _by_others(
    about: Endpoint, before: Sequence[Measured], after: Sequence[Measured], confidence: float
) -> Iterator[tuple[Endpoint, Comparison]]:
    """The changes that scorers see that no training touched."""
    for metric in independent.metrics_of(after[0].kind):
        yield replace(about, metric=metric), independent.change(before, after, metric, confidence)


def _by_prompt(rows: Sequence[Measured], by_cell: Cells, fits: Fits) -> list[float | None]:
    """The relevance of these completions, in their order."""
    cell = rows[0].policy, rows[0].suite
    # By id: comparisons sort their rows by prompt, relevances are in the order of the samples.
    known = {row.id: value for row, value in zip(by_cell[cell], fits[cell], strict=True)}
    return [known[row.id] for row in rows]
