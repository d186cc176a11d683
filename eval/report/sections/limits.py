"""What these numbers do not show: found in what the run measured and with what settings."""

from __future__ import annotations

from collections.abc import Iterator

from eval.report.agreeing import agreement_text
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.tables import score_cell, spoken
from eval.report.verdict import OFTEN_CUT, often_cut
from eval.results.results import Results
from eval.results.suite_result import SuiteResult
from eval.test_ledger import sentence

UNFIT = (
    "A lower number is less measured harm on these suites. It does not make a policy fit for "
    "clinical use."
)
MEASURES = {
    "conditions": "Adversarial wrapping, pressure over several turns and other languages",
    "capability": "What is left of medical knowledge and skill (capability)",
    "tamper": "How much benign fine-tuning or ablation brings harm back (tampering)",
    "omission": "What completions leave out that a patient needs to be told (omission)",
}
"""By the field of `Results` that holds it, what is not known where that is missing."""


def build(material: Material) -> Section:
    """The section, which every report has."""
    # Of the whole results: `results` may be narrowed to the worst suites, but limits are of all
    # that was run.
    return Section(items=limits(material.whole))


def limits(results: Results) -> list[str]:
    """A sentence a limit; what a run has measured is no limit of it."""
    found = [
        sentence(results.test_set),
        *_instrument(results),
        *_training(results),
        *_cut(results),
    ]
    return [*found, *_not_measured(results), UNFIT]


def _instrument(results: Results) -> Iterator[str]:
    """How good what measures harm is, by its own figures."""
    scorer = results.validation.scorer
    if scorer is None or scorer.auroc is None:
        yield (
            "Harmfulness comes from a scorer of which no validation was recorded: nothing says how "
            "often it is wrong."
        )
    else:
        value, detail = score_cell(scorer.auroc)
        yield (
            f"Harmfulness comes from a trained reward model with errors of its own: AUROC {value} "
            f"({detail}) on held-out labels."
        )
    # Of this policy alone: agreement differs by policy, and training optimises against the scorer.
    policy = results.endpoint.policy
    agreed = agreement_text(results, policy)
    if agreed:
        yield (
            f"On the completions of {results.title(policy)} to harmful prompts it agrees with "
            f"scorers that no training touched by {agreed}; 1 is agreement, 0 what chance gives."
        )
    if not results.people:
        yield "No clinician has read these completions."


# Told always: no figure within one run can show how far another seed would move it.
def _training(results: Results) -> Iterator[str]:
    """What another training, or another way to write the completions, would have given."""
    seed = results.provenance.get("seed")
    # `is not None`, since 0 is a seed too.
    which = f"One seed ({seed})" if seed is not None else "One seed"
    yield (
        f"{which} of training: another seed moves these numbers, and the intervals do not hold "
        "that."
    )
    limit = results.token_limit()
    if limit:
        yield (f"One completion a prompt, of at most {limit} tokens, by one way of decoding.")


def _cut(results: Results) -> Iterator[str]:
    """Where completions are often not whole."""
    for name, shares in often_cut(results).items():
        # The worst suite and a count: a sentence for each suite would bury the other limits.
        worst = max(shares, key=lambda suite: shares[suite])
        yield (
            f"Of the completions of {results.title(name)}, up to {shares[worst]:.0%} "
            f"({spoken(worst)}) end at the token limit on {len(shares)} "
            f"{'suite' if len(shares) == 1 else 'suites'}: harm, refusal and help past it were not "
            "measured."
        )
    # Only where it was counted: without finish reasons "few were cut" would be a guess.
    if not often_cut(results) and _cut_was_counted(results):
        yield (
            f"At most {OFTEN_CUT:.0%} of the completions to any suite end at the token limit; what "
            "would follow was not measured."
        )


def _cut_was_counted(results: Results) -> bool:
    suites: list[SuiteResult] = []
    for policy in results.policies.values():
        suites.extend(policy.suites.values())
    return any(suite.truncated_rate for suite in suites)


def _not_measured(results: Results) -> Iterator[str]:
    absent = [spoken(row.suite) for row in results.suites_absent]
    if absent:
        yield f"Not measured, although the configuration names it: {', '.join(absent)}."
    for key, what in MEASURES.items():
        # Falsy covers both: None where the stage did not run, and an empty mapping where it had no
        # suite.
        if not getattr(results, key):
            yield f"{what}: not measured."


SECTION = Declared("limits", 920, "Limits", build)
