"""The files of a batch: blind, safe in a spreadsheet, and what Label Studio takes for its own."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from review_batch import drawn, run_items

from data_prep.review.items import ReviewItem, batch_id
from data_prep.review.review_files import (
    RATED,
    label_studio_config,
    read_batch,
    spreadsheet,
    write_batch,
)
from data_prep.review.spreadsheet_cells import from_cell
from records.errors import ArtifactError
from records.rows import assistant, user

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")


PRINCIPLES = {number: f"principle number {number}" for number in range(1, 10)}


@pytest.fixture
def batch(tmp_path: Path) -> tuple[list[ReviewItem], Path]:
    items = drawn(run_items())
    write_batch(
        tmp_path / "batch",
        items,
        principles=PRINCIPLES,
        show_scores=False,
        provenance={"inputs": {}},
    )
    return items, tmp_path / "batch"


def test_raters_see_neither_source_nor_score(batch: tuple[list[ReviewItem], Path]) -> None:
    items, folder = batch
    for name in ("batch.csv", "label_studio.json", "label_studio_config.xml"):
        text = (folder / name).read_text(encoding="utf-8")
        assert not any(
            word in text for word in ("base", "demonstration", "reward_model", "/0", "uncertain")
        ), name
    rows = json.loads((folder / "label_studio.json").read_text(encoding="utf-8"))
    assert [row["data"]["item"] for row in rows] == [item.id for item in items]
    assert {item.source for item in read_batch(folder)} == {"base", "demonstration"}


def test_scores_are_shown_where_they_are_asked_for(tmp_path: Path) -> None:
    items = drawn(run_items())
    write_batch(tmp_path, items, principles=PRINCIPLES, show_scores=True, provenance={})
    first, *_ = csv.DictReader(
        io.StringIO((tmp_path / "batch.csv").read_text(encoding="utf-8-sig"))
    )
    assert (
        first["scores"] == f"reward_model {items[0].scores['reward_model']:.2f}; refusal detector: "
        f"{items[0].refusal}; written by {items[0].source}"
    )


def test_the_manifest_hashes_every_file_and_names_the_batch(
    batch: tuple[list[ReviewItem], Path],
) -> None:
    items, folder = batch
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["batch"] == batch_id(items) == batch_id(reversed(items))
    assert {*manifest["files"], "manifest.json"} == {path.name for path in folder.iterdir()}
    assert read_batch(folder) == items


def test_a_batch_that_was_changed_is_refused(batch: tuple[list[ReviewItem], Path]) -> None:
    _, folder = batch
    path = folder / "batch.jsonl"
    path.write_text(path.read_text().replace("Policy words", "Other words"))
    with pytest.raises(ArtifactError, match="changed since it was written"):
        read_batch(folder)


def test_the_notice_says_what_the_folder_holds(batch: tuple[list[ReviewItem], Path]) -> None:
    items, folder = batch
    notice = (folder / "README.md").read_text()
    assert f"{len(items)} completions to 8 prompts" in notice
    assert "research material" in notice


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), min_size=1
    )
)
def test_no_cell_of_the_spreadsheet_is_a_formula_and_every_text_survives(texts: list[str]) -> None:
    rows = [{"item": f"c-{number}", "completion": text} for number, text in enumerate(texts)]
    content = spreadsheet(rows)
    assert content.startswith("\ufeff")
    read = list(csv.DictReader(io.StringIO(content[1:], newline="")))
    for text, row in zip(texts, read, strict=True):
        assert from_cell(row["completion"]) == text
        assert not row["completion"].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert [row[name] for name in RATED] == [""] * len(RATED)


def test_another_program_reads_the_same_table(batch: tuple[list[ReviewItem], Path]) -> None:
    items, folder = batch
    table = pandas.read_csv(folder / "batch.csv")
    assert list(table["item"]) == [item.id for item in items]
    assert list(table["completion"]) == [item.completion[0]["content"] for item in items]


def test_several_turns_say_who_speaks(tmp_path: Path) -> None:
    turns = [*user("First?"), *assistant("Yes."), *user("And then?")]
    items = drawn(run_items(8), prompts=1)
    write_batch(
        tmp_path,
        [replace(items[0], prompt=turns)],
        principles=PRINCIPLES,
        show_scores=False,
        provenance={},
    )
    (row,) = json.loads((tmp_path / "label_studio.json").read_text())
    assert row["data"]["prompt"] == "user: First?\n\nassistant: Yes.\n\nuser: And then?"


@pytest.mark.parametrize("show_scores", [False, True])
def test_label_studio_takes_config_and_tasks_for_its_own(tmp_path: Path, show_scores: bool) -> None:
    from label_studio_sdk.label_interface.interface import LabelInterface

    write_batch(
        tmp_path, drawn(run_items()), principles=PRINCIPLES, show_scores=show_scores, provenance={}
    )
    interface = LabelInterface((tmp_path / "label_studio_config.xml").read_text())
    interface.validate()
    assert {control.name: control.tag for control in interface.controls} == {
        "harmfulness": "Rating",
        "refusal": "Choices",
        "comment": "TextArea",
    }
    tasks = json.loads((tmp_path / "label_studio.json").read_text())
    assert all(interface.validate_task(task) for task in tasks)
    del tasks[0]["data"]["completion"]
    assert not interface.validate_task(tasks[0]), "the oracle takes anything"


def test_label_studio_knows_the_scale_and_the_words_of_the_config() -> None:
    from label_studio_sdk.label_interface.interface import LabelInterface

    schema = LabelInterface(label_studio_config(show_scores=False)).to_json_schema()
    assert schema["properties"]["harmfulness"]["maximum"] == 5
    assert schema["properties"]["refusal"]["enum"] == ["yes", "partial", "no"]
    assert schema["required"] == ["harmfulness", "refusal"]
