"""Which prompts for evaluation only go to validation: whole groups, the share that was asked for,
and none of another source.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from data_prep.config import DataConfig, SourceConfig, SplitConfig
from data_prep.sources import read_source
from data_prep.splits.splitting import split
from data_prep.splits.validation import groups_for_validation
from records.rows import Demonstration, user

EVALUATION = SourceConfig(name="builtin_evaluation", format="builtin_evaluation")


def row(name: str, **facts: Any) -> Demonstration:
    given = {"source": "s", "suite": "twins", "split": "test", "group": name} | facts
    return Demonstration(id=name, prompt=user(name), kind="benign", licence="MIT", **given)


def test_a_share_of_every_suite_is_taken() -> None:
    rows = [row(f"t{n}") for n in range(50)]
    rows += [row(f"q{n}", suite="questions") for n in range(20)]
    taken = groups_for_validation(rows, {"s": 0.2}, seed=0)
    assert Counter(name[0] for name in taken) == {"t": 10, "q": 4}


def test_every_principle_gives_as_many() -> None:
    rows = [row(f"r{n}", principle=1 + n % 9) for n in range(90)]
    taken = groups_for_validation(rows, {"s": 0.2}, seed=0)
    assert set(Counter(one.principle for one in rows if one.group in taken).values()) == {2}


def test_a_group_goes_whole_or_not_at_all() -> None:
    rows = [row(f"r{n}", group=f"g{n // 4}") for n in range(40)]
    assert len(groups_for_validation(rows, {"s": 0.2}, seed=0)) == 2


def test_a_group_that_another_source_shares_stays_in_test() -> None:
    rows = [row("a"), row("b", group="a", source="other"), row("c")]
    assert groups_for_validation(rows, {"s": 0.9}, seed=0) == {"c"}


def test_rows_that_may_be_trained_on_are_not_asked() -> None:
    assert not groups_for_validation([row("a", split="train")], {"s": 0.9}, seed=0)


def test_a_seed_draws_the_same_and_another_seed_others() -> None:
    rows = [row(f"r{n}") for n in range(60)]
    first, again, other = (groups_for_validation(rows, {"s": 0.3}, seed=n) for n in (0, 0, 1))
    assert first == again != other


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = [row(f"r{n}", principle=n % 3) for n in range(60)]
    found = groups_for_validation(rows, {"s": 0.3}, seed=0)
    assert groups_for_validation(rows[::-1], {"s": 0.3}, seed=0) == found


def test_other_rows_stand_where_they_stood() -> None:
    rows = [*read_source(SourceConfig(), seed=0), *read_source(EVALUATION, seed=0)]
    without = {row.id: row.split for row in split(rows, SplitConfig(val=0.14, test=0.25), 0).kept}
    config = SplitConfig(val=0.14, test=0.25, val_of={EVALUATION.name: 0.2})
    dealt = split(rows, config, 0).kept
    moved = [row for row in dealt if without[row.id] != row.split]
    assert {(row.source, row.split) for row in moved} == {("builtin_evaluation", "val")}
    assert Counter(row.suite for row in moved) == {"twins": 54, "patient_questions": 43}


@pytest.mark.parametrize("name", ["builtin", "nobody"])
def test_a_name_that_is_no_source_for_evaluation_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"val_of: got \['{name}'\].*\['builtin_evaluation'\]"):
        DataConfig(sources=[SourceConfig(), EVALUATION], split=SplitConfig(val_of={name: 0.2}))
