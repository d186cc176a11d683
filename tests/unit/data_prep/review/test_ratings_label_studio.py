"""Ratings read back from what Label Studio exports."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from present import present
from review_ratings import ITEMS, faults_of, filled, read

from data_prep.review.ratings import EMPTY, REPEATED, SKIPPED, Rating
from data_prep.review.review_files import label_studio_config

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")


def annotation(
    number: int,
    rater: object,
    harmfulness: object = 3,
    refusal: str | None = "no",
    comment: str = "",
    **more: bool,
) -> dict[str, Any]:
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


def annotated(folder: Path, annotations: dict[int, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Our tasks as Label Studio holds them once they are imported and rated."""
    tasks = json.loads((folder / "label_studio.json").read_text(encoding="utf-8"))
    return [
        {"id": 100 + n, **task, "annotations": annotations.get(n, []), "predictions": []}
        for n, task in enumerate(tasks)
    ]


def converted(
    folder: Path, tasks: list[dict[str, Any]], kind: str, *, from_folder: bool = False
) -> Path:
    """What Label Studio's own converter makes of them."""
    from label_studio_sdk.converter.converter import Converter

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
def test_what_the_converter_writes_is_read_as_it_was_rated(
    folder: Path, kind: str, from_folder: bool
) -> None:
    result = read(converted(folder, annotated(folder, TWO_RATERS), kind, from_folder=from_folder))
    assert set(result.ratings) == SAID
    assert result.left_out == {SKIPPED: 0, EMPTY: 2, REPEATED: 0}


@pytest.mark.parametrize("kind", ["JSON", "CSV"])
def test_raters_without_an_address_keep_their_number(folder: Path, kind: str) -> None:
    result = read(
        converted(folder, annotated(folder, {0: [annotation(1, 7, 4), annotation(2, 8, 5)]}), kind)
    )
    assert {rating.rater for rating in result.ratings} == {"7", "8"}


def test_annotations_that_label_studio_makes_up_for_our_config_are_read(folder: Path) -> None:
    from label_studio_sdk.label_interface.interface import LabelInterface

    random.seed(0)
    interface = LabelInterface(label_studio_config(show_scores=False))
    given = {
        n: [
            present(interface.generate_sample_annotation())
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


def test_our_test_annotations_are_valid_for_label_studio() -> None:
    from label_studio_sdk.label_interface.interface import LabelInterface

    interface = LabelInterface(label_studio_config(show_scores=False))
    assert all(
        interface.validate_annotation(given) for found in TWO_RATERS.values() for given in found
    )
    assert not interface.validate_annotation(annotation(1, 1, 6))
    assert not interface.validate_annotation(annotation(1, 1, 3, "perhaps"))


def test_what_a_rater_skipped_is_counted(folder: Path) -> None:
    tasks = annotated(folder, {0: [annotation(1, ANNA, was_cancelled=True), annotation(2, BOB)]})
    result = read(converted(folder, tasks, "JSON"))
    assert len(result.ratings) == 1
    assert result.left_out == {SKIPPED: 1, EMPTY: 5, REPEATED: 0}
    assert len(read(converted(folder, tasks, "CSV")).ratings) == 1


@pytest.mark.parametrize("kind", ["JSON", "CSV"])
def test_all_that_is_wrong_with_an_export_is_said_at_once(folder: Path, kind: str) -> None:
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


def test_two_annotations_without_ids_are_still_two(folder: Path) -> None:
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


def test_two_values_of_one_control_are_a_fault(folder: Path) -> None:
    given = annotation(1, ANNA, 3)
    given["result"].append(given["result"][0] | {"value": {"rating": 4}})
    for kind in ("JSON", "CSV"):
        (fault,) = faults_of(converted(folder, annotated(folder, {0: [given]}), kind))
        assert "harmfulness '3, 4'" in fault


def test_json_min_holds_no_raters_and_is_refused(folder: Path) -> None:
    (fault,) = faults_of(converted(folder, annotated(folder, TWO_RATERS), "JSON_MIN"))
    assert "not as JSON-MIN" in fault


def test_several_raters_and_formats_are_read_together(folder: Path) -> None:
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
