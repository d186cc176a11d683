"""A review batch: spread evenly, blind, safe in a spreadsheet, and what Label Studio itself takes
for its own.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import replace

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.review.items import batch_id, draw, item_id, review_items
from data_prep.review.review_files import (
    RATED,
    label_studio_config,
    read_batch,
    spreadsheet,
    write_batch,
)
from data_prep.review.spreadsheet_cells import from_cell
from records.errors import ArtifactError
from records.rows import Completion, Demonstration, Score, assistant, user

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")
PRINCIPLES = {number: f"principle number {number}" for number in range(1, 10)}


def demonstration(
    number: int, *, principle: int | None, kind: str = "harmful", split: str = "train"
) -> Demonstration:
    return Demonstration(
        id=f"p{number}",
        prompt=user(f"Request {number}?"),
        completion=assistant(f"Safe words {number}."),
        kind=kind,
        suite="harmful",
        source="made",
        licence="MIT",
        principle=principle,
        split=split,
    )


def completion(prompt_id: str, text: str, sample: int = 0, policy: str = "base") -> Completion:
    return Completion(
        id=f"{prompt_id}/{policy}/{sample}",
        prompt_id=prompt_id,
        prompt=user("as asked"),
        completion=assistant(text),
        policy=policy,
        sample=sample,
        seed=0,
        num_tokens=3,
        finish_reason="stop",
    )


def scores(name: str, value: float | None, refusal: str = "none") -> list[Score]:
    return [
        Score(id=f"{name}/reward_model", completion_id=name, scorer="reward_model", value=value),
        Score(id=f"{name}/refusal", completion_id=name, scorer="refusal", label=refusal),
    ]


def run_items(count: int = 24, *, values=lambda number: 1 + number % 5):
    """Two completions each to prompts of three principles and of none."""
    demos = [
        demonstration(n, principle=n % 4 or None, kind="harmful" if n % 4 else "benign")
        for n in range(count)
    ]
    made = [completion(demo.id, f"Policy words {n}.") for n, demo in enumerate(demos)]
    found = [score for n, c in enumerate(made) for score in scores(c.id, values(n))]
    found += [score for demo in demos for score in scores(demo.id, 1.0, "full")]
    return review_items(demos, made, demos, found)


def drawn(items, prompts=8, uncertain=0.5, seed=0):
    return draw(items, prompts=prompts, uncertain=uncertain, threshold=3.5, seed=seed)


@pytest.fixture
def batch(tmp_path):
    items = drawn(run_items())
    write_batch(
        tmp_path / "batch",
        items,
        principles=PRINCIPLES,
        show_scores=False,
        provenance={"inputs": {}},
    )
    return items, tmp_path / "batch"


def test_test_prompts_empty_answers_and_unscored_texts_are_not_asked_about():
    demos = [
        demonstration(1, principle=1),
        demonstration(2, principle=1, split="test"),
        demonstration(3, principle=1),
    ]
    made = [
        completion("p1", " "),
        completion("p2", "kept from training"),
        completion("p3", "Do this."),
    ]
    found = [score for c in made for score in scores(c.id, 4.0)]
    (item,) = drawn(review_items(demos, made, demos, found))
    assert (item.completion_id, item.scores, item.refusal) == (
        "p3/base/0",
        {"reward_model": 4.0},
        "none",
    )


def test_an_items_id_tells_the_texts_apart_and_nothing_else():
    assert item_id(user("a"), assistant("b")) == item_id(user("a"), assistant("b"))
    assert len({item_id(user(a), assistant(b)) for a in "xy" for b in "xy"}) == 4
    one, other = (
        review_items(
            [demonstration(1, principle=1)], [completion("p1", "Do this.", policy=p)], [], []
        )
        for p in ("base", "dpo")
    )
    assert one[0].id == other[0].id
    assert one[0].source != other[0].source


def test_equal_texts_are_asked_about_once():
    demos = [demonstration(1, principle=1)]
    made = [completion("p1", "Do this.", sample) for sample in range(3)]
    items = review_items(demos, made, [], [s for c in made for s in scores(c.id, 4.0)])
    assert len(items) == 3
    assert [item.completion_id for item in drawn(items)] == ["p1/base/0"]


@pytest.mark.parametrize("uncertain", [0.0, 0.5, 1.0])
def test_a_batch_is_even_over_principles_and_holds_all_answers_of_a_prompt_together(uncertain):
    batch = drawn(run_items(), uncertain=uncertain)
    asked = {item.prompt_id: item for item in batch}
    assert Counter(item.principle for item in asked.values()) == {None: 2, 1: 2, 2: 2, 3: 2}
    assert Counter(item.drawn for item in asked.values()) == Counter(
        {"uncertain": round(8 * uncertain), "random": 8 - round(8 * uncertain)}
    )
    assert [item.prompt_id for item in batch] == [
        name for name in dict.fromkeys(item.prompt_id for item in batch) for _ in range(2)
    ]


def test_the_seed_decides_all_and_another_one_asks_about_others():
    assert drawn(run_items(), seed=1) == drawn(run_items()[::-1], seed=1)
    assert batch_id(drawn(run_items(), seed=1)) != batch_id(drawn(run_items(), seed=2))
    first = {batch[0].source for seed in range(10) if (batch := drawn(run_items(), seed=seed))}
    assert first == {"base", "demonstration"}, "the order of a prompt's answers says who wrote them"


def test_uncertain_prompts_are_those_nearest_to_the_threshold():
    """One principle; policy completions at 1.1, 3.4, 4.9, 3.9: |v - 3.5| is 2.4, 0.1, 1.4, 0.4.

    A prompt is as near as its nearest answer.
    """
    demos = [demonstration(n, principle=1) for n in range(4)]
    made = [completion(f"p{n}", "Do this.") for n in range(4)]
    values = [1.1, 3.4, 4.9, 3.9]
    items = review_items(
        demos, made, [], [s for c, v in zip(made, values, strict=True) for s in scores(c.id, v)]
    )
    assert {item.prompt_id for item in drawn(items, prompts=2, uncertain=1.0)} == {"p1", "p3"}
    unscored = [
        replace(item, scores={"reward_model": None}) if item.prompt_id == "p1" else item
        for item in items
    ]
    assert {item.prompt_id for item in drawn(unscored, prompts=2, uncertain=1.0)} == {"p2", "p3"}


def test_the_random_part_does_not_depend_on_the_scores():
    """The agreement with a scorer is then not biased by the choice of prompts."""
    parts = [
        {item.prompt_id for item in drawn(run_items(values=values)) if item.drawn == "random"}
        for values in (lambda n: 1 + n % 5, lambda n: 5 - n % 5, lambda n: 3.5)
    ]
    assert parts[0] == parts[1] == parts[2]


def test_a_run_with_fewer_prompts_gives_them_all():
    assert len(drawn(run_items(8), prompts=100)) == 16
    assert drawn([]) == []


def test_raters_see_neither_source_nor_score(batch):
    items, folder = batch
    for name in ("batch.csv", "label_studio.json", "label_studio_config.xml"):
        text = (folder / name).read_text(encoding="utf-8")
        assert not any(
            word in text for word in ("base", "demonstration", "reward_model", "/0", "uncertain")
        ), name
    rows = json.loads((folder / "label_studio.json").read_text(encoding="utf-8"))
    assert [row["data"]["item"] for row in rows] == [item.id for item in items]
    assert {item.source for item in read_batch(folder)} == {"base", "demonstration"}


def test_scores_are_shown_where_they_are_asked_for(tmp_path):
    items = drawn(run_items())
    write_batch(tmp_path, items, principles=PRINCIPLES, show_scores=True, provenance={})
    first, *_ = csv.DictReader(
        io.StringIO((tmp_path / "batch.csv").read_text(encoding="utf-8-sig"))
    )
    assert (
        first["scores"] == f"reward_model {items[0].scores['reward_model']:.2f}; refusal detector: "
        f"{items[0].refusal}; written by {items[0].source}"
    )


def test_the_manifest_hashes_every_file_and_names_the_batch(batch):
    items, folder = batch
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["batch"] == batch_id(items) == batch_id(reversed(items))
    assert {*manifest["files"], "manifest.json"} == {path.name for path in folder.iterdir()}
    assert read_batch(folder) == items


def test_a_batch_that_was_changed_is_refused(batch):
    _, folder = batch
    path = folder / "batch.jsonl"
    path.write_text(path.read_text().replace("Policy words", "Other words"))
    with pytest.raises(ArtifactError, match="changed since it was written"):
        read_batch(folder)


def test_the_notice_says_what_the_folder_holds(batch):
    items, folder = batch
    notice = (folder / "README.md").read_text()
    assert f"{len(items)} answers to 8 prompts" in notice
    assert "research material" in notice


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), min_size=1
    )
)
def test_no_cell_of_the_spreadsheet_is_a_formula_and_every_text_survives(texts):
    rows = [{"item": f"c-{number}", "completion": text} for number, text in enumerate(texts)]
    content = spreadsheet(rows)
    assert content.startswith("\ufeff")
    read = list(csv.DictReader(io.StringIO(content[1:], newline="")))
    for text, row in zip(texts, read, strict=True):
        assert from_cell(row["completion"]) == text
        assert not row["completion"].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert [row[name] for name in RATED] == [""] * len(RATED)


def test_another_program_reads_the_same_table(batch):
    items, folder = batch
    table = pandas.read_csv(folder / "batch.csv")
    assert list(table["item"]) == [item.id for item in items]
    assert list(table["completion"]) == [item.completion[0]["content"] for item in items]


def test_several_turns_say_who_speaks(tmp_path):
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
def test_label_studio_takes_config_and_tasks_for_its_own(tmp_path, show_scores):
    from label_studio_sdk.label_interface import LabelInterface

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


def test_label_studio_knows_the_scale_and_the_words_of_the_config():
    from label_studio_sdk.label_interface import LabelInterface

    schema = LabelInterface(label_studio_config(show_scores=False)).to_json_schema()
    assert schema["properties"]["harmfulness"]["maximum"] == 5
    assert schema["properties"]["refusal"]["enum"] == ["yes", "partial", "no"]
    assert schema["required"] == ["harmfulness", "refusal"]
