from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.config import DataConfig, LintConfig, SourceConfig, SplitConfig
from data_prep.near_duplicates.duplicates import drop_duplicates
from data_prep.prepare import prepare
from data_prep.splits.split_files import read_splits
from records.errors import RecordError
from records.rows import Demonstration, Prompt

Make = Callable[..., Demonstration]
ROWS = [
    f"{name}.{split}.jsonl"
    for name in ("demonstrations", "prompts")
    for split in ("test", "train", "val")
]
FILES = sorted(
    ["README.md", "croissant.json", "data_card.md", "decontamination.json", "lint.json", *ROWS]
)


def test_prep_of_the_default_writes_every_file_and_accounts_for_every_row(tmp_path: Path) -> None:
    summary = prepare(DataConfig(), tmp_path, seed=0, evaluation_texts={})
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    prompts = read_splits(tmp_path, "prompts", Prompt)
    demonstrations = read_splits(tmp_path, "demonstrations", Demonstration)
    assert summary["rows_read"] == summary["rows_kept"] + summary["rows_dropped"]
    assert (
        len(prompts)
        == summary["rows_kept"]
        == sum(sum(suites.values()) for suites in summary["splits"].values())
    )
    assert len(demonstrations) == summary["demonstrations"]
    assert summary["lint"] == {}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        prepare(
            DataConfig(split=SplitConfig(train_limit=20)),
            tmp_path / name,
            seed=3,
            evaluation_texts={"s": ["a b c"]},
        )
    assert all(
        (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        for name in FILES
    )


def test_prompts_without_a_completion_are_no_demonstrations(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        '{"prompt": "P", "completion": "A"}\n{"prompt": "Q"}\n{"prompt": "R", "completion": ""}\n'
    )
    sources = [SourceConfig(name="mine", format="jsonl", path=str(tmp_path / "rows.jsonl"))]
    summary = prepare(DataConfig(sources=sources), tmp_path / "out", seed=0, evaluation_texts={})
    assert (
        summary["rows_kept"],
        summary["demonstrations"],
        summary["lint"]["empty_completion"],
    ) == (3, 1, 1)


def test_the_faults_of_all_sources_are_raised_together(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{}\n")
    sources = [
        SourceConfig(name="a", format="jsonl", path=str(tmp_path / "bad.jsonl")),
        SourceConfig(),
        SourceConfig(name="b", format="jsonl", path=str(tmp_path / "gone.jsonl")),
        SourceConfig(name="c", format="medsafetybench", path=str(tmp_path)),
    ]
    with pytest.raises(RecordError) as caught:
        prepare(DataConfig(sources=sources), tmp_path / "out", seed=0, evaluation_texts={})
    assert len(caught.value.faults) == 3


def test_a_prompt_for_evaluation_only_wins_over_its_training_copy(row: Make) -> None:
    rows = [
        row("a", "Q", source="free"),
        row("b", "Q", None, source="bench", split="test"),
        row("c", "Q", source="free"),
    ]
    kept, dropped = drop_duplicates(rows)
    assert [row.id for row in kept] == ["b"]
    assert [(drop.row.id, drop.reason) for drop in dropped] == [
        ("a", "duplicate"),
        ("c", "duplicate"),
    ]


def test_of_equal_prompts_one_with_a_completion_is_kept_and_a_contradiction_is_said(
    row: Make,
) -> None:
    kept, dropped = drop_duplicates(
        [row("a", "Q", None), row("b", "Q"), row("c", "Q", kind="benign")]
    )
    assert [row.id for row in kept] == ["b"]
    assert [drop.reason for drop in dropped] == ["duplicate", "contradictory_kind"]


def test_an_id_of_an_earlier_source_gets_its_source_in_front(row: Make) -> None:
    rows = [
        row("1", "P", source="a"),
        row("1", "Q", source="b", twin_id="2"),
        row("2", "R", source="b", twin_id="1"),
    ]
    kept, _ = drop_duplicates(rows)
    assert [(row.id, row.twin_id) for row in kept] == [("1", None), ("b/1", "2"), ("2", "b/1")]


def test_contaminated_rows_are_gone_told_and_counted(tmp_path: Path) -> None:
    prepare(DataConfig(), tmp_path / "before", seed=0, evaluation_texts={})
    before = read_splits(tmp_path / "before", "prompts", Prompt)
    planted = next(row for row in before if row.split == "train" and row.kind == "harmful")
    texts = {"planted": [planted.prompt[0]["content"].upper()]}
    summary = prepare(DataConfig(), tmp_path / "after", seed=0, evaluation_texts=texts)
    after = {row.id: row for row in read_splits(tmp_path / "after", "prompts", Prompt)}
    removed = json.loads((tmp_path / "after" / "decontamination.json").read_text())["removed"]
    assert planted.id in {row["id"] for row in removed}
    assert planted.id not in after
    assert all(row.twin_id is None or row.twin_id in after for row in after.values())
    assert summary["dropped"] == {"contaminated": len(removed)}


def test_too_few_rows_fail_after_the_lint_report_is_written(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="754 rows are left"):
        prepare(DataConfig(lint=LintConfig(min_rows=1000)), tmp_path, seed=0, evaluation_texts={})
    assert [path.name for path in tmp_path.iterdir()] == ["lint.json"]


def test_the_card_has_every_source_every_split_and_every_drop(
    tmp_path: Path, checkout: Path
) -> None:
    sources = [
        SourceConfig(),
        SourceConfig(name="msb", format="medsafetybench", path=str(checkout)),
    ]
    prepare(
        DataConfig(sources=sources, split=SplitConfig(train_limit=9)),
        tmp_path / "out",
        seed=0,
        evaluation_texts={},
    )
    card = (tmp_path / "out" / "data_card.md").read_text()
    assert "| builtin | builtin | Apache-2.0 | primum | 754 |" in card
    assert "| msb | medsafetybench | MIT | gpt4, llama2 | 16 |" in card
    assert "over data.split.train_limit, or the twin of such a row" in card
    for heading in (
        "Sources",
        "Who decided what is harmful",
        "Splits",
        "What was left out",
        "Who is not represented",
    ):
        assert f"## {heading}" in card


def test_upstream_test_rows_all_stay_in_test(tmp_path: Path, checkout: Path) -> None:
    sources = [SourceConfig(name="msb", format="medsafetybench", path=str(checkout))]
    prepare(
        DataConfig(sources=sources, split=SplitConfig(near_duplicate=1.0)),
        tmp_path / "out",
        seed=0,
        evaluation_texts={},
    )
    rows = read_splits(tmp_path / "out", "demonstrations", Demonstration)
    assert Counter(row.split == "test" for row in rows) == {True: 8, False: 8}


def test_prep_of_the_real_data_accounts_for_every_row(
    tmp_path: Path, real_medsafetybench: Path
) -> None:
    sources = [
        SourceConfig(),
        SourceConfig(name="msb", format="medsafetybench", path=str(real_medsafetybench)),
    ]
    summary = prepare(DataConfig(sources=sources), tmp_path, seed=0, evaluation_texts={})
    assert summary["rows_read"] == summary["rows_kept"] + summary["rows_dropped"]
    assert summary["rows_read"] >= 1654
