from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.config import SourceConfig, SplitConfig
from data_prep.near_duplicates.groups import near_pairs
from data_prep.sources import read_source
from data_prep.splits.splitting import NEAR_EVALUATION, split
from data_prep.wording import request_text
from records.rows import Demonstration, Kind, user

Make = Callable[..., Demonstration]
Pair = Callable[..., list[Demonstration]]


@st.composite
def rows_and_config(draw: st.DrawFn) -> tuple[list[Demonstration], SplitConfig]:
    """Requests of few words, so that groups are many and chained; some twins, some rows for
    evaluation only.
    """
    rows = []
    for number in range(draw(st.integers(1, 24))):
        words = draw(st.lists(st.sampled_from("abcdefghijklmnop"), min_size=2, max_size=4))
        kind: Kind = draw(st.sampled_from(["harmful", "benign"]))
        rows.append(
            Demonstration(
                id=f"r{number}",
                prompt=user(" ".join([*words, f"n{number}"])),
                kind=kind,
                suite=draw(st.sampled_from(["harmful", "other"])) if kind == "harmful" else "twins",
                source=draw(st.sampled_from(["s", "t"])),
                licence="MIT",
                principle=draw(st.sampled_from([None, 1, 2])),
                twin_id=f"r{draw(st.integers(0, 30))}" if draw(st.booleans()) else None,
                split=draw(st.sampled_from(["train", "train", "train", "test"])),
            )
        )
    limits = st.none() | st.integers(0, 4)
    return rows, SplitConfig(
        near_duplicate_ngram=draw(st.sampled_from([1, 1, 2])),
        val=draw(st.sampled_from([0.0, 0.2])),
        test=draw(st.sampled_from([0.0, 0.3])),
        train_limit=draw(limits),
        benign_train_limit=draw(limits),
        val_limit=draw(limits),
        test_limit=draw(limits),
    )


@given(rows_and_config(), st.integers(0, 3))
@settings(deadline=None)
def test_rows_in_are_rows_kept_and_rows_dropped_with_a_reason(
    given_rows: tuple[list[Demonstration], SplitConfig], seed: int
) -> None:
    rows, config = given_rows
    result = split(rows, config, seed)
    assert sorted(
        [row.id for row in result.kept] + [drop.row.id for drop in result.dropped]
    ) == sorted(row.id for row in rows)
    assert all(drop.reason for drop in result.dropped)
    assert all(row.group for row in result.kept)
    forced = {row.id for row in rows if row.split == "test"}
    assert all(row.split == "test" for row in result.kept if row.id in forced)


@given(rows_and_config())
@settings(deadline=None)
def test_no_near_duplicate_and_no_twin_is_in_another_split(
    given_rows: tuple[list[Demonstration], SplitConfig],
) -> None:
    rows, config = given_rows
    kept = split(rows, config, 0).kept
    place = {row.id: row.split for row in kept}
    assert all(place[row.twin_id] == row.split for row in kept if row.twin_id)
    for near in near_pairs(
        [request_text(row.prompt) for row in kept],
        config.near_duplicate,
        config.near_duplicate_ngram,
    ):
        assert all(
            kept[left].split == kept[right].split
            for left, right in zip(near.left, near.right, strict=True)
        )


@given(rows_and_config(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_the_rows_changes_nothing(
    given_rows: tuple[list[Demonstration], SplitConfig], random: object
) -> None:
    rows, config = given_rows
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = split(rows, config, 0), split(shuffled, config, 0)
    assert sorted(one.kept, key=lambda row: row.id) == sorted(two.kept, key=lambda row: row.id)
    assert sorted((drop.row.id, drop.reason) for drop in one.dropped) == sorted(
        (drop.row.id, drop.reason) for drop in two.dropped
    )


def test_every_suite_and_principle_gets_about_its_share(pair: Pair) -> None:
    rows = [row for number in range(180) for row in pair(f"{number}", principle=1 + number % 9)]
    kept = split(rows, SplitConfig(), 0).kept
    for suite in ("harmful", "twins"):
        for principle in range(1, 10):
            counts = Counter(
                row.split for row in kept if (row.suite, row.principle) == (suite, principle)
            )
            assert counts == {"train": 12, "val": 3, "test": 5}


def test_remainders_of_many_small_cells_do_not_add_up(row: Make) -> None:
    rows = [
        row(f"{number}", f"a{number} b{number}", suite="s", principle=1 + number % 9)
        for number in range(27)
    ]
    counts = Counter(row.split for row in split(rows, SplitConfig(val=0.1, test=0.2), 0).kept)
    assert abs(counts["test"] - 5.4) < 2.5
    assert abs(counts["val"] - 2.7) < 2.5


def test_another_seed_splits_otherwise_and_the_same_seed_alike() -> None:
    rows = read_source(SourceConfig(), seed=0)
    one, again, other = (split(rows, SplitConfig(), seed).kept for seed in (0, 0, 1))
    assert one == again
    assert [row.split for row in one] != [row.split for row in other]


def test_training_rows_near_an_evaluation_row_are_dropped_with_their_twins(
    row: Make, pair: Pair
) -> None:
    harmful, twin = pair("x")
    evaluation = row("eval", "alphax betax gammax now", split="test")
    result = split(
        [harmful, twin, evaluation, row("far", "something else entirely")],
        SplitConfig(val=0, test=0),
        0,
    )
    assert [(kept.id, kept.split) for kept in result.kept] == [("eval", "test"), ("far", "train")]
    assert [(drop.row.id, drop.reason) for drop in result.dropped] == [
        ("x-harmful", NEAR_EVALUATION),
        ("x-twin", NEAR_EVALUATION),
    ]


def test_what_is_dropped_for_an_evaluation_row_is_told_the_nearest_one_and_how_near(
    row: Make, pair: Pair
) -> None:
    evaluation = [
        row("far", "alphax betax other", split="test"),
        row("near", "alphax betax gammax now", split="test", source="bench"),
    ]
    known = [
        row("own-harmful", "one", twin_id="own-twin", split="test"),
        row("own-twin", "two", twin_id="own-harmful", kind="benign"),
    ]
    result = split(
        [*pair("x"), *evaluation, *known], SplitConfig(val=0, test=0, near_duplicate=0.3), 0
    )
    assert {drop.row.id: drop.detail for drop in result.dropped} == {
        "x-harmful": "0.75 to near of bench",  # 3 of 4 words; 2 of 4 of the other
        "x-twin": "twin of x-harmful",
        "own-twin": "twin of own-harmful",
    }


def test_a_row_that_only_the_evaluation_row_calls_its_twin_is_dropped_and_so_is_a_twin_of_it(
    row: Make,
) -> None:
    rows = [
        row("test", "one", split="test", twin_id="a"),
        row("a", "two"),
        row("b", "three", twin_id="a"),
        row("c", "four"),
    ]
    result = split(rows, SplitConfig(val=0, test=0), 0)
    assert {drop.row.id: drop.detail for drop in result.dropped} == {
        "a": "twin of test",
        "b": "twin of a",
    }


def test_a_source_with_its_own_test_set_gives_no_more_rows_to_test(row: Make) -> None:
    rows = [
        row(f"{number}", f"a{number} b{number}", split="test" if number < 50 else "train")
        for number in range(100)
    ]
    assert Counter(row.split for row in split(rows, SplitConfig(val=0.2), 0).kept) == {
        "test": 50,
        "train": 40,
        "val": 10,
    }


@pytest.mark.parametrize("limit", [9, 20])
def test_train_limit_keeps_principles_balanced_and_twins_with_their_requests(limit: int) -> None:
    rows = read_source(SourceConfig(), seed=0)
    result = split(rows, SplitConfig(train_limit=limit, benign_train_limit=7), 0)
    train = [row for row in result.kept if row.split == "train"]
    assert Counter(row.suite for row in train) == {
        "harmful": limit,
        "twins": limit,
        "patient_questions": 7,
    }
    assert {row.id for row in train if row.kind == "harmful"} == {
        row.twin_id for row in train if row.suite == "twins"
    }
    counts = Counter(row.principle for row in train if row.kind == "harmful").values()
    assert len(counts) == 9
    assert max(counts) - min(counts) <= 1
    assert Counter(drop.reason for drop in result.dropped) == {
        "train_limit": 2 * (180 - limit),
        "benign_train_limit": 96 - 7,
    }


def test_val_and_test_limits_keep_the_same_pairs_in_both_suites() -> None:
    kept = split(
        read_source(SourceConfig(), seed=0), SplitConfig(val_limit=10, test_limit=12), 0
    ).kept
    for name, limit in (("val", 10), ("test", 12)):
        rows = [row for row in kept if row.split == name]
        assert Counter(row.suite for row in rows) == {
            "harmful": limit,
            "twins": limit,
            "patient_questions": limit,
        }
        assert {row.id for row in rows if row.suite == "harmful"} == {
            row.twin_id for row in rows if row.suite == "twins"
        }


def test_a_twin_whose_partner_was_cut_names_it_no_more(row: Make, pair: Pair) -> None:
    others = [row(f"{number}", f"a{number} b{number}", split="test") for number in range(5)]
    pairs = [row for name in "uvw" for row in pair(name, split="test")]
    kept = split([*others, *pairs], SplitConfig(test_limit=3), 0).kept
    ids = {row.id for row in kept}
    assert Counter(row.suite for row in kept) == {"harmful": 3, "twins": 3}
    assert all(row.twin_id is None or row.twin_id in ids for row in kept)
