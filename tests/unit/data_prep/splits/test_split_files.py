"""One file a split, and folders that the `datasets` library reads as what they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_prep.cards.dataset_readme import Table, table, write_readme
from data_prep.config import DataConfig, SplitConfig
from data_prep.prepare import prepare
from data_prep.splits.split_files import LEARNED_FROM, read_splits, write_splits
from records.errors import RecordError
from records.rows import Completion, Demonstration, Pair, Prompt, Record, Revision, assistant, user
from records.run_files import SPLITS

Make = Callable[..., Demonstration]


@pytest.fixture
def load(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """load_dataset with a cache of its own and no network."""
    import datasets

    cache = tmp_path_factory.mktemp("cache")
    datasets.disable_progress_bars()

    def loaded(folder: Path, *names: str) -> Any:
        return datasets.load_dataset(str(folder), *names, cache_dir=str(cache))

    return loaded


def test_no_file_of_prep_holds_rows_of_two_splits(tmp_path: Path) -> None:
    prepare(DataConfig(), tmp_path, seed=0, evaluation_texts={})
    for name, kind in (("prompts", Prompt), ("demonstrations", Demonstration)):
        for split in SPLITS:
            found = read_splits(tmp_path, name, kind, (split,))
            assert {row.split for row in found} == {split}
        assert len(read_splits(tmp_path, name, kind)) == 754
    assert not [
        path.name
        for path in tmp_path.glob("*.jsonl")
        if not any(f".{split}." in path.name for split in SPLITS)
    ]


def test_a_folder_of_prep_is_a_data_set(tmp_path: Path, load: Callable[..., Any]) -> None:
    prepare(DataConfig(), tmp_path, seed=0, evaluation_texts={})
    for names, kind in (
        ((), Demonstration),
        (("demonstrations",), Demonstration),
        (("prompts",), Prompt),
    ):
        found = load(tmp_path, *names)
        assert list(found) == ["train", "validation", "test"]
        for split, hub_split in zip(SPLITS, found, strict=True):
            wanted = read_splits(
                tmp_path, "prompts" if names == ("prompts",) else "demonstrations", kind, (split,)
            )
            assert [row.to_json() for row in wanted] == list(found[hub_split])


def test_a_split_without_rows_is_left_out_and_a_column_without_values_has_its_type(
    tmp_path: Path, load: Callable[..., Any], row: Make
) -> None:
    """Principles are null in all of train and numbers in val."""
    nothing = dataclasses.replace(row("a", "A"), principle=None, twin_id=None)
    rows = [nothing, dataclasses.replace(row("b", "B", split="val"), principle=3, twin_id="t")]
    write_splits(tmp_path, "demonstrations", rows, lambda made: made.split)
    write_readme(tmp_path, "Rows", [table("demonstrations", Demonstration, SPLITS)])
    found = load(tmp_path)
    assert list(found) == ["train", "validation"]
    assert found["validation"][0] == rows[1].to_json()
    assert found["train"][0]["principle"] is None
    assert found["train"].features == found["validation"].features


ANSWER = Completion(
    id="c",
    prompt=user("q"),
    completion=assistant("a"),
    prompt_id="p",
    policy="base",
    sample=0,
    seed=1,
    num_tokens=2,
    finish_reason="stop",
)
REVISED: dict[str, Any] = {**vars(ANSWER), "id": "r"}
EXAMPLES: dict[str, Record] = {
    "completions": ANSWER,
    "revisions": Revision(answer_id="c", principle=1, critique="w", **REVISED),
    "pairs": Pair(
        id="d",
        prompt_id="p",
        pair_type="harm",
        kind="harmful",
        split="train",
        prompt=user("q"),
        chosen=assistant("a"),
        rejected=assistant("b"),
        chosen_source="x",
        rejected_source="y",
        chosen_score=1.0,
        rejected_score=4.5,
        margin=3.5,
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_type_of_row_is_read_back_beside_other_json(
    name: str, tmp_path: Path, load: Callable[..., Any]
) -> None:
    example = EXAMPLES[name]
    write_splits(tmp_path, name, [example], lambda made: "train", LEARNED_FROM)
    (tmp_path / "lint.json").write_text('{"fault_counts": {}}')
    (tmp_path / "manifest.json").write_text('{"files": []}')
    write_readme(tmp_path, "Rows", [table(name, type(example), LEARNED_FROM)])
    assert list(load(tmp_path)["train"]) == [example.to_json()]


def test_a_file_of_test_rows_may_have_any_name(tmp_path: Path, load: Callable[..., Any]) -> None:
    (tmp_path / "samples.jsonl").write_text('{"id": "a"}\n')
    write_readme(tmp_path, "Rows", [Table("samples", Record, {"test": "samples.jsonl"})])
    assert list(load(tmp_path)) == ["test"]


def test_a_folder_without_any_row_says_so(tmp_path: Path) -> None:
    write_splits(tmp_path, "prompts", [], lambda made: made.split)
    write_readme(tmp_path, "Rows", [table("prompts", Prompt, SPLITS)])
    assert "No rows." in (tmp_path / "README.md").read_text()


def test_no_val_and_no_test_rows_are_read_as_none(tmp_path: Path) -> None:
    prepare(DataConfig(split=SplitConfig(val=0, test=0)), tmp_path, seed=0, evaluation_texts={})
    assert read_splits(tmp_path, "prompts", Prompt, ("val", "test")) == []


def test_a_split_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"prompts\.val\.jsonl: no such file"):
        read_splits(tmp_path, "prompts", Prompt, ("val",))
