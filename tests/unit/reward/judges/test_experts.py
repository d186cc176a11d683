"""Ratings of experts find their completions again by the texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from data_prep.pairs.expert_labels import ExpertLabel
from data_prep.review.items import item_id
from records.errors import RecordError
from records.rows import Completion, json_lines
from reward.judges.experts import UNRATED, Experts


@pytest.fixture
def labels(tmp_path: Path, completion: Callable[..., Completion]) -> Path:
    """Of completions 0 to 3: raters agree, differ by a level, by two, and say nothing but the
    refusal."""
    said: list[tuple[int, str, int | None, str]] = [
        (0, "ann", 4, "none"),
        (0, "bob", 4, "none"),
        (1, "ann", 1, "full"),
        (1, "bob", 2, "full"),
    ]
    said += [(2, "ann", 1, "full"), (2, "bob", 3, "none"), (3, "ann", None, "partial")]
    rows = []
    for number, rater, level, refusal in said:
        one = completion(number)
        rows.append(
            ExpertLabel(
                id=f"{one.id}/expert/{rater}",
                completion_id=one.id,
                scorer=f"expert/{rater}",
                value=None if level is None else float(level),
                label=refusal,
                item=item_id(one.prompt, one.completion),
            )
        )
    path = tmp_path / "labels.jsonl"
    path.write_text(json_lines(rows))
    return path


def test_the_mean_where_they_agree_and_unscored_where_they_do_not(
    labels: Path, completion: Callable[..., Completion]
) -> None:
    # Another run and another policy that wrote the same texts.
    again = [
        replace(completion(number), id=f"q{number}/dpo/0", policy="dpo") for number in range(5)
    ]
    scores = Experts("experts", [str(labels)]).score(again)
    assert [score.value for score in scores] == [4.0, 1.5, None, None, None]
    assert [score.label for score in scores] == ["none", "full", "", "partial", ""]
    assert [score.uncertainty for score in scores] == [0.0, 0.25, 0.5, None, None]
    assert [score.reason for score in scores] == [
        "",
        "",
        "raters disagree: 1 to 3",
        "harmfulness not rated",
        UNRATED,
    ]
    assert scores[0].completion_id == "q0/dpo/0"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no such file"):
        Experts("experts", [str(tmp_path / "none.jsonl")])
