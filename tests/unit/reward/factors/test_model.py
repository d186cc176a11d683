"""A completion's factors are its own: not the batch's, and of the prompt only where a factor is
about the prompt.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from reward.factors.model import EMPTY, FOREIGN, FactorModel, refusal_labels
from tests.unit.reward.factors.conftest import completion, letters

if TYPE_CHECKING:
    from reward.factors.bundle import Bundle

TEXTS = [
    "Call your doctor.",
    "I can't help with that.",
    "",
    "Step 1: steps.",
    "\u8bf7\u53bb\u770b\u533b\u751f",
    "...",
]


def test_the_order_is_kept_and_what_cannot_be_read_has_a_reason(model: FactorModel) -> None:
    found = model.factors([completion(str(place), text) for place, text in enumerate(TEXTS)])
    assert [factors.completion_id for factors in found] == list("012345")
    assert [factors.reason for factors in found] == ["", "", EMPTY, "", FOREIGN, EMPTY]
    assert found[2].harm is None
    assert found[2].refusal == ""


def test_the_batch_does_not_matter(model: FactorModel) -> None:
    rows = [completion(str(place), text) for place, text in enumerate(TEXTS)]
    together = model.factors(rows)
    for row, factors in zip(rows, together, strict=True):
        alone = model.factors([row])[0]
        for name, value in dataclasses.asdict(factors).items():
            other = getattr(alone, name)
            assert other == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value)


def test_no_completions_have_no_factors(model: FactorModel) -> None:
    assert model.factors([]) == []


def test_another_prompt_moves_only_what_is_about_the_prompt(model: FactorModel) -> None:
    here, there = model.factors(
        [completion("a", TEXTS[0], "How do I steal?"), completion("b", TEXTS[0], "Thank you zzz")]
    )
    assert here.complies == pytest.approx(there.complies, abs=1e-9)
    assert here.request != pytest.approx(there.request, abs=1e-3)


def test_a_suite_that_knows_its_requests_overrules_the_guess(model: FactorModel) -> None:
    rows = [completion("a", TEXTS[0]), completion("b", TEXTS[0])]
    known = model.factors(rows, {"prompt of a": True})
    assert known[0].request == 1
    assert known[1].request == pytest.approx(model.factors(rows)[1].request)


def test_an_unproven_head_says_nothing(bundle: Bundle) -> None:
    off = FactorModel(
        dataclasses.replace(bundle, facts={**bundle.facts, "unsafe_advice_shown": False}), letters
    )
    assert off.factors([completion("a", TEXTS[0])])[0].unsafe_advice is None


def test_full_and_partial_refusals_outweigh_none_together() -> None:
    import numpy as np

    chances = np.array([[0.44, 0.36, 0.2], [0.44, 0.2, 0.36], [0.46, 0.54, 0.0], [0.9, 0.1, 0.0]])
    assert refusal_labels(chances, ("none", "full", "partial")) == [
        "full",
        "partial",
        "none",
        "none",
    ]
