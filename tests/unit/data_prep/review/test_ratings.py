"""Ratings come back as they were given: from what Label Studio's own converter writes, and from a
spreadsheet; faults all at once.
"""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.review.items import ReviewItem, batch_id, item_id
from data_prep.review.ratings import EMPTY, REPEATED, SKIPPED, Rating, read_ratings
from data_prep.review.review_files import label_studio_config, write_batch
from records.errors import RecordError
from records.rows import assistant, user

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")
TEXTS = [
    "Plain words.",
    '=SUM(A1), "quoted"; and more',
    "Two\n\nparagraphs \u2028 with a line separator",
    "ünïcode ☤",
]


def made_item(number: int) -> ReviewItem:
    prompt, completion = (
        user(f"Request {number // 2}?"),
        assistant(f"{TEXTS[number % len(TEXTS)]} {number}"),
    )
    return ReviewItem(
        id=item_id(prompt, completion),
        completion_id=f"p{number // 2}/base/{number % 2}",
        prompt_id=f"p{number // 2}",
        prompt=prompt,
        completion=completion,
        kind="harmful",
        split="train",
        source="base",
        finished=True,
        principle=1,
        scores={"reward_model": 3.0},
    )


ITEMS = [made_item(number) for number in range(6)]
BATCH = batch_id(ITEMS)


@pytest.fixture
def folder(tmp_path):
    write_batch(tmp_path / "batch", ITEMS, principles={1: "one"}, show_scores=False, provenance={})
    return tmp_path / "batch"


def read(*paths: Path):
    return read_ratings(paths, batch=BATCH, items={item.id for item in ITEMS})


def faults_of(*paths: Path) -> list[str]:
    with pytest.raises(RecordError) as caught:
        read(*paths)
    return caught.value.faults


# --- Label Studio


def annotation(
    number: int,
    rater: object,
    harmfulness: object = 3,
    refusal: str | None = "no",
    comment: str = "",
    **more,
):
    results = [
        {
            "from_name": "harmfulness",
            "to_name": "completion",
            "type": "rating",
            "value": {"rating": harmfulness},
        }
    ]
    if refusal:
        results.append(
            {
                "from_name": "refusal",
                "to_name": "completion",
                "type": "choices",
                "value": {"choices": [refusal]},
            }
        )
    if comment:
        results.append(
            {
                "from_name": "comment",
                "to_name": "completion",
                "type": "textarea",
                "value": {"text": [comment]},
            }
        )
    for position, result in enumerate(results):
        result["id"] = f"r{number}-{position}"
    stamp = f"2026-01-01T00:00:{number % 60:02}Z"
    given = {
        "id": number,
        "completed_by": rater,
        "result": results,
        "was_cancelled": False,
        "created_at": stamp,
        "updated_at": stamp,
    }
    return given | {"lead_time": 1.5} | more


def annotated(folder: Path, annotations: dict[int, list[dict]]) -> list[dict]:
    """Our tasks as Label Studio holds them once they are imported and rated."""
    tasks = json.loads((folder / "label_studio.json").read_text(encoding="utf-8"))
    return [
        {"id": 100 + n, **task, "annotations": annotations.get(n, []), "predictions": []}
        for n, task in enumerate(tasks)
    ]


def converted(folder: Path, tasks: list[dict], kind: str, *, from_folder: bool = False) -> Path:
    """What Label Studio's own converter makes of them."""
    from label_studio_sdk.converter import Converter

    source, output = folder.parent / "project", folder.parent / f"export_{kind}"
    source.mkdir(exist_ok=True)
    (source / "tasks.json").write_text(json.dumps(tasks), encoding="utf-8")
    converter = Converter(
        config=(folder / "label_studio_config.xml").read_text(), project_dir=str(source)
    )
    options = {"csv_separator": ","} if kind == "CSV" else {}
    converter.convert(
        str(source if from_folder else source / "tasks.json"),
        str(output),
        kind,
        is_dir=from_folder,
        **options,
    )
    (found,) = output.iterdir()
    return found


ANNA, BOB = (
    {"id": 1, "email": "anna@example.org", "first_name": "A"},
    {"id": 2, "email": "bob@example.org"},
)
TWO_RATERS = {
    0: [annotation(1, ANNA, 4, "no", "too sure"), annotation(2, BOB, 5, "no")],
    1: [annotation(3, ANNA, 1, "yes"), annotation(4, BOB, 2, "partial", 'says "no", then helps')],
    2: [annotation(5, ANNA, 3, "partial")],
    3: [annotation(6, BOB, 2, None)],
}
SAID = {
    Rating(ITEMS[0].id, "anna@example.org", 4, "none", "too sure"),
    Rating(ITEMS[0].id, "bob@example.org", 5, "none"),
    Rating(ITEMS[1].id, "anna@example.org", 1, "full"),
    Rating(ITEMS[1].id, "bob@example.org", 2, "partial", 'says "no", then helps'),
    Rating(ITEMS[2].id, "anna@example.org", 3, "partial"),
    Rating(ITEMS[3].id, "bob@example.org", 2, ""),
}


@pytest.mark.parametrize("kind", ["JSON", "CSV"])
@pytest.mark.parametrize("from_folder", [False, True])
def test_what_the_converter_writes_is_read_as_it_was_rated(folder, kind, from_folder):
    result = read(converted(folder, annotated(folder, TWO_RATERS), kind, from_folder=from_folder))
    assert set(result.ratings) == SAID
    assert result.left_out == {SKIPPED: 0, EMPTY: 2, REPEATED: 0}


@pytest.mark.parametrize("kind", ["JSON", "CSV"])
def test_raters_without_an_address_keep_their_number(folder, kind):
    result = read(
        converted(folder, annotated(folder, {0: [annotation(1, 7, 4), annotation(2, 8, 5)]}), kind)
    )
    assert {rating.rater for rating in result.ratings} == {"7", "8"}


def test_annotations_that_label_studio_makes_up_for_our_config_are_read(folder):
    from label_studio_sdk.label_interface import LabelInterface

    random.seed(0)
    interface = LabelInterface(label_studio_config(show_scores=False))
    given = {
        n: [
            interface.generate_sample_annotation()
            | {"id": n, "completed_by": 1, "created_at": "2026"}
        ]
        for n in range(len(ITEMS))
    }
    words = {"yes": "full", "partial": "partial", "no": "none"}
    wanted = set()
    for number, (made,) in given.items():
        assert interface.validate_annotation(made)
        values = {result["from_name"]: result["value"] for result in made["result"]}
        # The interface offers 0 to 5 stars, and takes 0 for a rating; a person cannot click none.
        values["harmfulness"]["rating"] = values["harmfulness"]["rating"] or 1
        comment = ", ".join(values["comment"]["text"])
        wanted.add(
            Rating(
                ITEMS[number].id,
                "1",
                values["harmfulness"]["rating"],
                words[values["refusal"]["choices"][0]],
                comment,
            )
        )
    for kind in ("JSON", "CSV"):
        found = read(converted(folder, annotated(folder, given), kind)).ratings
        assert {rating._replace(comment="") for rating in found} == {
            rating._replace(comment="") for rating in wanted
        }
        assert {rating.comment.strip() for rating in found} == {
            rating.comment.strip() for rating in wanted
        }


def test_our_test_annotations_are_valid_for_label_studio():
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface(label_studio_config(show_scores=False))
    assert all(
        interface.validate_annotation(given) for found in TWO_RATERS.values() for given in found
    )
    assert not interface.validate_annotation(annotation(1, 1, 6))
    assert not interface.validate_annotation(annotation(1, 1, 3, "perhaps"))


def test_what_a_rater_skipped_is_counted(folder):
    tasks = annotated(folder, {0: [annotation(1, ANNA, was_cancelled=True), annotation(2, BOB)]})
    result = read(converted(folder, tasks, "JSON"))
    assert len(result.ratings) == 1
    assert result.left_out == {SKIPPED: 1, EMPTY: 5, REPEATED: 0}
    assert len(read(converted(folder, tasks, "CSV")).ratings) == 1


@pytest.mark.parametrize("kind", ["JSON", "CSV"])
def test_all_that_is_wrong_with_an_export_is_said_at_once(folder, kind):
    tasks = annotated(
        folder,
        {
            0: [annotation(1, ANNA, 6)],
            1: [annotation(2, None, 3)],
            2: [annotation(3, ANNA, 3), annotation(4, ANNA, 4)],
            3: [annotation(5, ANNA, 3, "perhaps")],
            4: [annotation(6, ANNA, 3)],
        },
    )
    tasks[4]["data"]["item"] = "c-unknown"
    faults = faults_of(converted(folder, tasks, kind))
    assert len(faults) == 5
    for words in (
        "harmfulness '6', wanted",
        "no rater is named",
        "otherwise in",
        "refusal 'perhaps', wanted yes, partial, no",
        "'c-unknown' is not",
    ):
        assert sum(words in fault for fault in faults) == 1, words


def test_two_annotations_without_ids_are_still_two(folder):
    tasks = annotated(
        folder,
        {
            0: [annotation(1, ANNA, 3), annotation(2, ANNA, 4)],
            1: [annotation(3, ANNA, 3), annotation(4, ANNA, 3)],
        },
    )
    for task in tasks:
        for made in task["annotations"]:
            del made["id"]
    (fault,) = faults_of(converted(folder, tasks, "JSON"))
    assert "otherwise in" in fault
    tasks[0]["annotations"].pop()
    assert read(converted(folder, tasks, "JSON")).left_out[REPEATED] == 1


def test_two_values_of_one_control_are_a_fault(folder):
    given = annotation(1, ANNA, 3)
    given["result"].append(given["result"][0] | {"value": {"rating": 4}})
    for kind in ("JSON", "CSV"):
        (fault,) = faults_of(converted(folder, annotated(folder, {0: [given]}), kind))
        assert "harmfulness '3, 4'" in fault


def test_json_min_holds_no_raters_and_is_refused(folder):
    (fault,) = faults_of(converted(folder, annotated(folder, TWO_RATERS), "JSON_MIN"))
    assert "not as JSON-MIN" in fault


# --- spreadsheets


def filled(
    folder: Path,
    name: str,
    rater: str,
    ratings: dict[int, tuple[str, str]],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8-sig",
):
    rows = list(
        csv.DictReader(
            io.StringIO((folder / "batch.csv").read_text(encoding="utf-8-sig"), newline="")
        )
    )
    for number, (harmfulness, refusal) in ratings.items():
        rows[number] |= {"rater": rater, "harmfulness": harmfulness, "refusal": refusal}
    path = folder.parent / name
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_filled_in_copy_is_read_as_spreadsheets_save_it(folder, delimiter, encoding):
    path = filled(
        folder,
        "anna.csv",
        "anna",
        {0: ("4", "no"), 1: ("1.0", " Yes "), 2: ("", "partial")},
        delimiter=delimiter,
        encoding=encoding,
    )
    result = read(path)
    assert result.ratings == [
        Rating(ITEMS[0].id, "anna", 4, "none"),
        Rating(ITEMS[1].id, "anna", 1, "full"),
        Rating(ITEMS[2].id, "anna", None, "partial"),
    ]
    assert result.left_out[EMPTY] == 3


def test_several_raters_and_formats_are_read_together(folder):
    paths = [
        filled(folder, f"{name}.csv", name, {0: (level, "no")})
        for name, level in (("a", "1"), ("b", "2"))
    ]
    paths.append(converted(folder, annotated(folder, TWO_RATERS), "JSON"))
    assert {rating.rater for rating in read(*paths).ratings} == {
        "a",
        "b",
        "anna@example.org",
        "bob@example.org",
    }


def test_the_same_file_twice_counts_once_and_another_word_is_a_fault(folder):
    path = filled(folder, "a.csv", "a", {0: ("1", "no"), 1: ("2", "no")})
    result = read(path, path)
    assert (len(result.ratings), result.left_out[REPEATED]) == (2, 0)
    again = filled(folder, "again.csv", "a", {0: ("1", "no"), 1: ("3", "no")})
    (fault,) = faults_of(path, again)
    assert "again.csv" in fault
    assert ITEMS[1].id in fault
    same = filled(folder, "same.csv", "a", {0: ("1", "no")})
    assert read(path, same).left_out[REPEATED] == 1


def test_ratings_of_another_batch_are_refused_in_one_line_a_file(folder):
    path = filled(folder, "a.csv", "a", {0: ("1", "no")})
    path.write_text(
        path.read_text(encoding="utf-8-sig").replace(BATCH, "b-other"), encoding="utf-8"
    )
    (fault,) = faults_of(path)
    assert f"6 rows are of batch b-other, wanted {BATCH}" in fault


@pytest.mark.parametrize("value", ["0", "6", "3.5", "high", "-1", "nan", "inf"])
def test_a_harmfulness_that_is_none_is_refused(folder, value):
    (fault,) = faults_of(filled(folder, "a.csv", "a", {0: (value, "no")}))
    assert f"harmfulness {value!r}, wanted a whole number from 1 to 5" in fault


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from("abc"),
            st.integers(1, 5),
            st.sampled_from(["yes", "partial", "no", ""]),
        ),
        max_size=12,
    )
)
def test_every_row_is_a_rating_or_is_counted(tmp_path_factory, given):
    """Rows in = ratings + left out, for any raters in one file."""
    said = {(item, rater): (level, refusal) for item, rater, level, refusal in given}
    lines = [
        f"{ITEMS[i].id},{BATCH},{rater},{level},{refusal}"
        for (i, rater), (level, refusal) in said.items()
    ]
    lines += [f"{item.id},{BATCH},,," for item in ITEMS] + lines[:1]
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    path.write_text("\n".join(["item,batch,rater,harmfulness,refusal", *lines]))
    result = read(path)
    assert len(result.ratings) + sum(result.left_out.values()) == len(lines)
    assert len(result.ratings) == len(said)


def test_a_marked_comment_or_name_comes_back_as_it_was_meant(folder):
    path = filled(folder, "a.csv", "'-anna", {0: ("3", "no")})
    (rating,) = read(path).ratings
    assert rating.rater == "-anna"
