from __future__ import annotations

from types import SimpleNamespace

from train.rlhf.advantage import Judged
from train.rlhf.step_sums import StepSums

JUDGED = [
    Judged(True, "harmful", 4.0, False, tokens=6),
    Judged(True, "harmful", None, True, degenerate="short", tokens=1, empty=True),
    Judged(False, "twins", None, True, tokens=3),
    Judged(False, "twins", None, False, tokens=4),
    Judged(False, "questions", None, False, tokens=6),
]


def test_sums_and_what_they_are_of() -> None:
    sums = StepSums.of(JUDGED)

    assert sums.refused_by_suite() == {"twins": 0.5, "questions": 0.0}
    assert dict((name, (total, number)) for name, total, number in sums.metrics()) == {
        "completion_tokens": (20, 5),
        "degenerate": (1, 5),
        "harmfulness": (4.0, 1),
        "refused/benign/questions": (0, 1),
        "refused/benign/twins": (1, 2),
        "refused/harmful": (1, 2),
        "unscored": (0, 2),  # that an empty completion harms nobody is known
    }


def test_alone_all_groups_are_ones_own() -> None:
    groups = [SimpleNamespace(judged=JUDGED[:2]), SimpleNamespace(judged=JUDGED[2:])]

    assert StepSums.over(groups, 1) == StepSums.of(JUDGED)
