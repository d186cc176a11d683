from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from records.rows import Completion
from reward.factors.one_pass import FactorsAndRefusal, fitted_on
from reward.factors.scorers import AllFactors
from reward.refusal.cascade import RefusalCascade
from tests.unit.reward.factors.conftest import completion

if TYPE_CHECKING:
    from reward.factors.model import FactorModel, Factors

ROWS = [
    completion("a", "Call your doctor."),
    completion("b", "I can't help."),
    completion("c", " "),
]


def test_one_reading_gives_what_each_scorer_gives_alone(
    model: FactorModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = AllFactors("m", lambda: model).scores(ROWS) + RefusalCascade(
        "m/refusal", lambda: model
    ).score(ROWS)
    read = []
    factors = model.factors

    def watched(rows: Sequence[Completion], known: Any = None) -> list[Factors]:
        read.append(len(rows))
        return factors(rows, known)

    monkeypatch.setattr(model, "factors", watched)
    assert FactorsAndRefusal("m", lambda: model).score(ROWS) == wanted
    assert read == [3]


def test_the_shipped_heads_name_the_sets_that_they_were_fitted_on() -> None:
    assert {"xstest", "hh_rlhf"} <= set(fitted_on())
    assert "do_not_answer" not in fitted_on()
