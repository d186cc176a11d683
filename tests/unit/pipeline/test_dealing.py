"""How many rows each split will have, also where only some of a large set are looked at."""

from __future__ import annotations

import pytest

from data_prep.config import DataConfig, SplitConfig
from pipeline.checks import dealing
from records.rows import Demonstration, Kind, assistant, user

NUMBERS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
]


def rows(count: int, kind: Kind, suite: str) -> list[Demonstration]:
    """Requests that share few words."""
    return [
        Demonstration(
            id=f"{suite}{n}",
            prompt=user(f"{suite}{n} {NUMBERS[n % 18]}{n} {NUMBERS[n // 18 % 18]}{suite}{n}"),
            kind=kind,
            suite=suite,
            source="made",
            licence="MIT",
            completion=assistant("No."),
        )
        for n in range(count)
    ]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> list[Demonstration]:
    """A large suite, and a small one behind it."""
    monkeypatch.setattr(dealing, "MOST", 100)
    monkeypatch.setattr(dealing, "FEW", 40)
    return [*rows(1000, "harmful", "harmful"), *rows(20, "benign", "twins")]


def test_a_small_suite_is_not_missed_beside_a_large_one(large: list[Demonstration]) -> None:
    dealt = dealing.deal(large, DataConfig(split=SplitConfig(val=0.2, test=0.25)), 0)
    assert len(dealt.rows) <= 100
    assert sum(row.kind == "benign" for row in dealt.rows) == 20
    assert dealt.count("test", "benign") == pytest.approx(5, abs=1)
    assert dealt.count("train", "harmful") == pytest.approx(550, rel=0.1)
    assert sum(
        dealt.count(split, "harmful") for split in ("train", "val", "test")
    ) == pytest.approx(1000, abs=3)


def test_limits_hold_for_what_is_counted(large: list[Demonstration]) -> None:
    limits = SplitConfig(val=0.2, test=0.25, train_limit=300, val_limit=30, test_limit=50)
    dealt = dealing.deal(large, DataConfig(split=limits), 0)
    assert [dealt.count(split, "harmful") for split in ("train", "val", "test")] == [300, 30, 50]


def test_few_rows_are_dealt_as_prep_deals_them() -> None:
    from data_prep.splits.splitting import split

    few = rows(60, "harmful", "harmful")
    dealt = dealing.deal(few, DataConfig(), 7)
    assert dealt.rows == split(few, SplitConfig(), 7).kept
    assert {dealt.weights[name] for name in dealt.weights} == {1.0}
