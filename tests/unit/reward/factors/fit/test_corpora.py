"""What the factor heads are fitted with, and what they never see."""

from __future__ import annotations

from data_prep.sources.builtin import package_rows
from data_prep.sources.builtin_evaluation import MORE_REQUESTS, QUESTIONS, REQUESTS
from reward.factors.fit import corpora


def test_the_second_file_of_requests_is_not_fitted_with() -> None:
    fitted = {row.prompt for row in corpora.own_benign_prompts()}
    assert not fitted & {line["request"] for line in package_rows(MORE_REQUESTS)}
    assert fitted == {
        *(line["request"] for line in package_rows(REQUESTS)),
        *(line["question"] for line in package_rows(QUESTIONS)),
    }
