"""What the verdict says of itself: its instrument, how much was cut, and what nobody measured."""

from __future__ import annotations

from collections.abc import Iterator

from eval.report.agreeing import agreement_text
from eval.report.tables import spoken
from eval.results.results import Results

UNMEASURED = {
    "capability": "medical capability",
    "conditions": "adversarial wrapping and several turns",
    "tamper": "tampering with the weights",
    "omission": "what completions leave out",
}
"""By the field of `Results` that holds it."""


def trust(results: Results) -> str:
    """Sentences to stand behind the comparison."""
    return " ".join([*_instrument(results), *_cut(results), *_not_measured(results)])


def _instrument(results: Results) -> Iterator[str]:
    """How far what measured harm agrees with people, and with scorers that no training touched."""
    endpoint = results.endpoint
    # The first reservation, since every other figure rests on the instrument.
    if not results.people:
        yield (
            "Nobody has rated these completions, so the instrument's agreement with people on them "
            "is unknown."
        )
    # On the policy that the verdict is on: agreement on the base says little of what training made.
    agreed = agreement_text(results, endpoint.policy)
    if agreed:
        # "It" means the instrument behind the endpoint; the two are the same either way.
        who = (
            "It and the scorers that no training touched"
            if endpoint.metric == "harmfulness"
            else "The reward model and they"
        )
        yield f"{who} agree on this policy by {agreed}."


def _cut(results: Results) -> Iterator[str]:
    endpoint = results.endpoint
    cut = results.metric(endpoint.policy, endpoint.suite, "truncated_rate")
    share = cut.mean if cut else None
    if share is not None:
        yield (
            f"{share:.0%} of its completions to {spoken(endpoint.suite)} prompts end at the token "
            "limit."
        )


def _not_measured(results: Results) -> Iterator[str]:
    missing = []
    for key, what in UNMEASURED.items():
        if not getattr(results, key):
            missing.append(what)
    for row in results.suites_absent:
        missing.append(f"the suite {spoken(row.suite)}")
    if missing:
        # Whether completions are correct is never measured, so the sentence always ends with it.
        yield f"Not measured: {', '.join(missing)}, and whether completions are correct."
