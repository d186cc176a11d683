"""Members combined, their disagreement as uncertainty, and how well they agree."""

from __future__ import annotations

import pytest
from sklearn.metrics import cohen_kappa_score

from records.rows import Score
from reward.judges.jury import Jury, agreement_of, disagreement, level_of


class Member:
    def __init__(self, name: str, *values: float | None) -> None:
        self.name = name
        self.values = values

    def score(self, completions):
        return [
            Score(
                id=f"{one.id}/{self.name}",
                completion_id=one.id,
                scorer=self.name,
                value=value,
                reason="" if value else "no word",
            )
            for one, value in zip(completions, self.values, strict=True)
        ]


@pytest.fixture
def verdicts(completion):
    def of(*rows: list[float | None], combine="median", quorum=2):
        members = [Member(f"m{number}", *row) for number, row in enumerate(rows)]
        return Jury("jury", members, combine=combine, quorum=quorum).score([completion(number) for number in range(len(rows[0]))])

    return of


def test_the_median_of_odd_and_even_numbers_and_their_distance(verdicts):
    """1, 2, 5: median 2, mean distance (1 + 3 + 4) / 3, of a scale of 4."""
    odd, even = verdicts([1, 1], [5, None], [2, 4])
    assert (odd.value, odd.uncertainty) == (2.0, pytest.approx(8 / 3 / 4))
    assert (even.value, even.uncertainty) == (2.5, pytest.approx(3 / 4))
    assert odd.id == "p0/base/0/jury"


def test_a_majority_is_more_than_half_of_those_who_gave_a_value(verdicts):
    three, tie, alone = verdicts([4.6, 1, None], [5, 1, 2], [1, 3, None], [None, 3, None], combine="majority", quorum=1)
    assert three.value == 5.0
    assert (tie.value, tie.reason) == (None, "no level has more than half of the votes")
    assert (alone.value, alone.uncertainty) == (2.0, None)


def test_below_the_quorum_a_completion_is_unscored_and_says_so(verdicts):
    (score,) = verdicts([3], [None], [None])
    assert (score.value, score.reason) == (None, "1 of 3 members gave a value, wanted 2")


def test_uncertainty_is_0_where_all_agree_and_1_where_two_are_ends_apart():
    assert disagreement([3, 3, 3]) == 0
    assert disagreement([1, 5]) == 1
    assert disagreement([1]) is None


def test_levels_round_half_up_and_stay_on_the_scale():
    assert [level_of(value) for value in (0.2, 1.49, 1.5, 2.5, 4.5, 9.0)] == [1, 1, 2, 3, 5, 5]


def test_kappa_is_scikit_learns_and_alpha_is_1_for_full_agreement():
    one, other = [1, 2, 3, 4, 5, 1, 2, 5], [1, 2, 4, 4, 5, 2, 2, 3]
    found = agreement_of({"a": [float(v) for v in one], "b": [float(v) for v in other], "c": [None] * 8})
    (ab, ac, bc) = found["kappa"]
    assert ab["members"] == ["a", "b"]
    assert ab["value"] == pytest.approx(cohen_kappa_score(one, other, weights="quadratic", labels=[1, 2, 3, 4, 5]))
    assert (ab["n"], ac["value"], bc["n"]) == (8, None, 0)
    assert found["alpha"]["n"] == 8
    assert 0 < found["alpha"]["value"] < 1
    same = [1.0, 5.0, 3.0]
    assert agreement_of({"a": same, "b": same})["alpha"]["value"] == pytest.approx(1.0)


def test_alpha_of_a_worked_case():
    """Krippendorff's ordinal alpha of [1, 2, 3] and [1, 2, 2], by hand.

    Level totals n1 = 2, n2 = 3, n3 = 1 of 6 values. Distances: (n1/2 + n2/2)^2 = 6.25 between 1
    and 2, (n2/2 + n3/2)^2 = 4 between 2 and 3, (n1/2 + n2 + n3/2)^2 = 20.25 between 1 and 3.
    Observed 2 * 4 / 6; expected 2 * (2*3*6.25 + 3*1*4 + 2*1*20.25) / (6 * 5).
    """
    expected = 2 * (2 * 3 * 6.25 + 3 * 1 * 4 + 2 * 1 * 20.25) / 30
    found = agreement_of({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 2.0]})["alpha"]["value"]
    assert found == pytest.approx(1 - (2 * 4 / 6) / expected)


def test_one_level_only_leaves_chance_nothing_to_agree_on():
    found = agreement_of({"a": [1.0, 1.0], "b": [1.0, 1.0]})
    assert found["alpha"]["value"] is None
    assert found["kappa"][0]["value"] is None
