"""Weights of sources: proportions are met, nothing is repeated, validation and test stay whole."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from data_prep.config import DataConfig, SourceConfig, SplitConfig
from data_prep.prepare import prepare
from data_prep.splits.mixing import mixed, wanted_counts
from records.rows import Demonstration, Split, assistant, user


def source(name: str, weight: float | None) -> SourceConfig:
    return SourceConfig(name=name, format="jsonl", path=f"{name}.jsonl", weight=weight)


def row(name: str, number: int, split: Split = "train", twin: str | None = None) -> Demonstration:
    return Demonstration(
        id=f"{name}{number}",
        prompt=user(f"{name} {number}"),
        completion=assistant("a"),
        kind="benign",
        suite="s",
        source=name,
        licence="MIT",
        split=split,
        twin_id=twin,
    )


def rows() -> list[Demonstration]:
    sizes = {"a": 30, "b": 50, "c": 9}
    made = [row(name, number) for name, size in sizes.items() for number in range(size)]
    held_out: tuple[Split, ...] = ("val", "test")
    return [*made, *(row(name, 100, split) for name in sizes for split in held_out)]


def test_three_to_one_is_kept_to_and_what_has_no_weight_is_whole() -> None:
    found = mixed(rows(), [source("a", 3), source("b", 1), source("c", None)], seed=0)
    counts = Counter(one.source for one in found.kept if one.split == "train")
    assert counts == {"a": 30, "b": 10, "c": 9}
    assert sum(one.split != "train" for one in found.kept) == 6
    assert {drop.row.source for drop in found.dropped} == {"b"}
    assert found.shares["b"].to_json() == {"weight": 1, "available": 50, "kept": 10}
    assert len(found.kept) + len(found.dropped) == len(rows())


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_rows() -> None:
    sources = [source("a", 1), source("b", 1), source("c", None)]
    one, other = (mixed(found, sources, seed=1) for found in (rows(), rows()[::-1]))
    assert {kept.id for kept in one.kept} == {kept.id for kept in other.kept}
    assert {kept.id for kept in one.kept} != {
        kept.id for kept in mixed(rows(), sources, seed=2).kept
    }


def test_twins_stay_or_go_together() -> None:
    pairs = [row("a", number, twin=f"a{number + 40}") for number in range(40)]
    pairs += [row("a", number + 40, twin=f"a{number}") for number in range(40)]
    small = [row("b", number) for number in range(10)]
    found = mixed([*pairs, *small], [source("a", 2), source("b", 1)], seed=0)
    kept = {one.id for one in found.kept}
    assert sum(one.source == "a" for one in found.kept) == 20
    assert all(one.twin_id in kept for one in found.kept if one.source == "a")


def test_weight_0_leaves_all_training_rows_of_a_source_out() -> None:
    found = mixed(rows(), [source("a", 0), source("b", 1), source("c", None)], seed=0)
    counts = Counter(one.source for one in found.kept if one.split == "train")
    assert counts == {"b": 50, "c": 9}


@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.tuples(st.floats(0.01, 100), st.integers(1, 500)), min_size=1
    )
)
def test_no_source_is_asked_for_more_than_it_has_and_one_gives_all(
    drawn: dict[str, tuple[float, int]],
) -> None:
    weights = {name: weight for name, (weight, _) in drawn.items()}
    available = {name: count for name, (_, count) in drawn.items()}
    found = wanted_counts(weights, available)
    assert all(found[name] <= available[name] for name in found)
    assert any(found[name] == available[name] for name in found)


def test_counts_after_mixing_stand_in_the_lint_the_card_and_the_summary(tmp_path: Path) -> None:
    for name, size in (("many", 40), ("few", 10)):
        lines = [
            json.dumps(
                {"prompt": f"{name} word{n} of{n * 7} it{n * 13}?", "completion": f"Yes {n}."}
            )
            for n in range(size)
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    sources = [
        SourceConfig(
            name=name,
            format="jsonl",
            path=str(tmp_path / f"{name}.jsonl"),
            kind="benign",
            licence="MIT",
            weight=1,
        )
        for name in ("many", "few")
    ]
    config = DataConfig(sources=sources, split=SplitConfig(val=0.2, test=0.2, near_duplicate=1.0))
    summary = prepare(config, tmp_path / "prep", seed=0, evaluation_texts={})
    share = summary["mixture"]["many"]
    assert share["kept"] == summary["mixture"]["few"]["kept"] < share["available"]
    assert json.loads((tmp_path / "prep/lint.json").read_text())["mixture"] == summary["mixture"]
    left = share["available"] - share["kept"]
    assert (
        f"{left} training rows beyond their source's weight"
        in (tmp_path / "prep/data_card.md").read_text()
    )
    assert summary["rows_read"] == summary["rows_kept"] + summary["rows_dropped"]
