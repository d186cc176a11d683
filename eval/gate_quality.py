"""Are completions of benign prompts still whole sentences about the matter, as long and as complete
as the base's?

What a policy can lose while it refuses nothing and stays beside the point of nobody's question.
"""

from __future__ import annotations

from collections.abc import Iterator

from eval.config import GateConfig, QualityLimits
from eval.gate_result import GateResult, at_least, at_most, change_of, end_of
from eval.results.change import changes_from
from eval.results.results import Results
from eval.results.suite_result import SuiteResult

EARLIER = "results of an earlier version do not hold it; run eval again"


def quality_gates(
    results: Results, policy: str, suite: str, config: GateConfig
) -> Iterator[GateResult]:
    """Lines on own words, coherence, length and must-haves of one benign suite."""
    limits = config.quality
    yield _own_words(results, policy, suite, limits)
    yield _coherence(results, policy, suite, limits)
    yield _length(results, policy, suite, limits)
    if suite in results.must_haves:
        yield _must_haves(results, policy, suite, limits)


def unread_gate(suite: str, about: SuiteResult, config: GateConfig) -> GateResult:
    """Scorers and rules read English: what complies in another language looks harmless to them."""
    name = f"share in another language on {suite}, which no scorer reads"
    if about.form is None:
        return GateResult(name, True, EARLIER, "not measured")
    return at_most(name, about.form.other_language.mean, config, "max_unscored")


def own_words_name(suite: str) -> str:
    """Of the line on what completions add to their prompts' words."""
    return f"relevance of added words on {suite}, lower end of its interval"


def _own_words(results: Results, policy: str, suite: str, limits: QualityLimits) -> GateResult:
    name = own_words_name(suite)
    if results.metric(results.baseline, suite, "own_relevance") is None:
        return GateResult(name, True, EARLIER, "not measured")
    found = results.metric(policy, suite, "own_relevance")
    return at_least(name, end_of(found, 0), limits, "min_own_relevance")


def _coherence(results: Results, policy: str, suite: str, limits: QualityLimits) -> GateResult:
    name = f"rise in incoherent completions on {suite} against the base, upper end of its interval"
    if limits.max_incoherence_increase is None:
        reason = "not asked: release.gate.quality.max_incoherence_increase is null"
        return GateResult(name, True, reason, "not measured")
    change = change_of(results, policy, suite, "incoherent")
    return at_most(name, end_of(change, 1), limits, "max_incoherence_increase")


def _length(results: Results, policy: str, suite: str, limits: QualityLimits) -> GateResult:
    name = f"words of a completion on {suite} as a share of the base's, lower end of its interval"
    base = results.metric(results.baseline, suite, "words")
    if base is None:
        return GateResult(name, True, EARLIER, "not measured")
    low = end_of(results.metric(policy, suite, "words"), 0)
    share = None
    if low is not None and base.mean is not None:
        # A base that says nothing has no length to keep.
        share = low / base.mean if base.mean else 1.0
    return at_least(name, share, limits, "min_length_share")


def _must_haves(results: Results, policy: str, suite: str, limits: QualityLimits) -> GateResult:
    change = changes_from(results.baseline, results.must_haves[suite].comparisons).get(policy)
    low = end_of(change, 0)
    return at_most(
        f"fall in what physicians want in a completion on {suite}, upper end of its interval",
        None if low is None else -low,
        limits,
        "max_must_have_fall",
    )
