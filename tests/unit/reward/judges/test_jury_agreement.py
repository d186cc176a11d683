"""Agreement beyond chance: scikit-learn's kappa, a worked alpha, intervals over prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from present import present
from sklearn.metrics import cohen_kappa_score

from reward.judges.jury_agreement import agreement_of, level_of
from reward.judges.reports import Agreement


def agreement(
    values: Mapping[str, Sequence[float | None]], prompts: list[str] | None = None
) -> Agreement:
    """Each completion of a prompt of its own, where nothing else is said."""
    count = len(next(iter(values.values())))
    return agreement_of(values, prompts or [f"p{number}" for number in range(count)], seed=0)


def test_levels_round_half_up_and_stay_on_the_scale() -> None:
    assert [level_of(value) for value in (0.2, 1.49, 1.5, 2.5, 4.5, 9.0)] == [1, 1, 2, 3, 5, 5]


def test_kappa_is_scikit_learns_and_alpha_is_1_for_full_agreement() -> None:
    one, other = [1, 2, 3, 4, 5, 1, 2, 5], [1, 2, 4, 4, 5, 2, 2, 3]
    found = agreement(
        {"a": [float(v) for v in one], "b": [float(v) for v in other], "c": [None] * 8}
    )
    (ab, ac, bc) = found["quadratic_kappa"]
    assert ab["members"] == ["a", "b"]
    assert ab["mean"] == pytest.approx(
        cohen_kappa_score(one, other, weights="quadratic", labels=[1, 2, 3, 4, 5])
    )
    assert (ab["n"], ac["mean"], bc["n"]) == (8, None, 0)
    assert found["alpha"]["n"] == 8
    low, high = map(present, found["alpha"]["interval"])
    assert -1 <= low < present(found["alpha"]["mean"]) < high <= 1
    low, high = map(present, ab["interval"])
    assert low < present(ab["mean"]) < high
    same = [1.0, 5.0, 3.0]
    assert agreement({"a": same, "b": same})["alpha"]["mean"] == pytest.approx(1.0)


def test_alpha_of_a_worked_case() -> None:
    """Krippendorff's ordinal alpha of [1, 2, 3] and [1, 2, 2], by hand.

    Level totals n1 = 2, n2 = 3, n3 = 1 of 6 values. Distances: (n1/2 + n2/2)^2 = 6.25 between 1
    and 2, (n2/2 + n3/2)^2 = 4 between 2 and 3, (n1/2 + n2 + n3/2)^2 = 20.25 between 1 and 3.
    Observed 2 * 4 / 6; expected 2 * (2*3*6.25 + 3*1*4 + 2*1*20.25) / (6 * 5).
    """
    expected = 2 * (2 * 3 * 6.25 + 3 * 1 * 4 + 2 * 1 * 20.25) / 30
    found = agreement({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 2.0]})["alpha"]["mean"]
    assert found == pytest.approx(1 - (2 * 4 / 6) / expected)


def test_one_level_only_leaves_chance_nothing_to_agree_on() -> None:
    found = agreement({"a": [1.0, 1.0], "b": [1.0, 1.0]})
    assert found["alpha"]["mean"] is None
    assert found["quadratic_kappa"][0]["mean"] is None


def test_completions_of_one_prompt_are_drawn_together_so_one_prompt_has_no_interval() -> None:
    values = {"a": [1.0, 2.0, 5.0, 4.0], "b": [1.0, 3.0, 5.0, 5.0]}
    assert agreement(values, ["same"] * 4)["alpha"]["interval"] == [None, None]
    assert (
        agreement(values, ["p", "p", "q", "q"])["alpha"]["interval"]
        != agreement(values)["alpha"]["interval"]
    )
