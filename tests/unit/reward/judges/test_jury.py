"""Members combined, their disagreement as uncertainty, and how well they agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import pytest

from records.rows import Completion, Score
from reward.judges.jury import Jury, disagreement


class Member:
    def __init__(self, name: str, *values: float | None) -> None:
        self.name = name
        self.values = values

    def score(self, completions: Sequence[Completion]) -> list[Score]:
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
def verdicts(completion: Callable[..., Completion]) -> Callable[..., list[Score]]:
    def of(
        *rows: list[float | None],
        combine: Literal["median", "majority"] = "median",
        quorum: int = 2,
    ) -> list[Score]:
        members = [Member(f"m{number}", *row) for number, row in enumerate(rows)]
        return Jury("jury", members, combine=combine, quorum=quorum).score(
            [completion(number) for number in range(len(rows[0]))]
        )

    return of


def test_the_median_of_odd_and_even_numbers_and_their_distance(
    verdicts: Callable[..., list[Score]],
) -> None:
    """1, 2, 5: median 2, mean distance (1 + 3 + 4) / 3, of a scale of 4."""
    odd, even = verdicts([1, 1], [5, None], [2, 4])
    assert (odd.value, even.value) == (2.0, 2.5)
    assert odd.uncertainty == pytest.approx(8 / 3 / 4)
    assert even.uncertainty == pytest.approx(3 / 4)
    assert odd.id == "p0/base/0/jury"


def test_a_majority_is_more_than_half_of_those_who_gave_a_value(
    verdicts: Callable[..., list[Score]],
) -> None:
    three, tie, alone = verdicts(
        [4.6, 1, None], [5, 1, 2], [1, 3, None], [None, 3, None], combine="majority", quorum=1
    )
    assert three.value == 5.0
    assert (tie.value, tie.reason) == (None, "no level has more than half of the votes")
    assert (alone.value, alone.uncertainty) == (2.0, None)


def test_below_the_quorum_a_completion_is_unscored_and_says_so(
    verdicts: Callable[..., list[Score]],
) -> None:
    (score,) = verdicts([3], [None], [None])
    assert (score.value, score.reason) == (None, "1 of 3 members gave a value, wanted 2")


def test_uncertainty_is_0_where_all_agree_and_1_where_two_are_ends_apart() -> None:
    assert disagreement([3, 3, 3]) == 0
    assert disagreement([1, 5]) == 1
    assert disagreement([1]) is None


def test_the_report_holds_the_members_reports_and_agreement_over_all_calls(
    completion: Callable[..., Completion],
) -> None:
    class Told(Member):
        def report(self) -> dict[str, object]:
            return {"scorer": self.name, "cost": 1.0}

    jury = Jury("jury", [Told("a", 1, 5), Member("b", 1, 5)], combine="median", quorum=2)
    assert jury.report()["agreement"] == {}
    for start in (0, 2):
        jury.score([completion(start), completion(start + 1)])
    report = jury.report()
    assert report["members"] == [{"scorer": "a", "cost": 1.0}]
    assert report["agreement"]["alpha"]["n"] == 4
    assert report["agreement"]["quadratic_kappa"][0]["members"] == ["a", "b"]
