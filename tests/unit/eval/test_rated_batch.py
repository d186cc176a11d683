"""The rated batch of examples/ goes through the import, and corrects raw figures of the completions
that it was drawn from.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from measured_rows import measured_row
from typed_results import as_json

from data_prep.pairs.expert_labels import read_labels
from data_prep.review.items import item_id
from data_prep.review.review_files import read_batch
from eval.measured import Measured
from eval.people import corrected_by_people as _corrected_by_people
from pipeline.commands.review import import_ratings
from pipeline.run.config_loading import load_config
from records.rows import text_of

corrected_by_people = as_json(_corrected_by_people)

FOLDER = Path(__file__).parents[3] / "examples/rated_batch"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    import_ratings(load_config(None, []), [FOLDER / "ratings.csv"], FOLDER, tmp_path / "labels")
    return tmp_path / "labels/labels.jsonl"


@pytest.fixture(scope="module")
def measured() -> list[Measured]:
    """A fixture of the run: the batch's completions, each with its old reward model's score, and as
    many that nobody rated.
    """
    rows = []
    for item in read_batch(FOLDER):
        written = partial(
            measured_row,
            kind=item.kind,
            harmfulness=item.scores["reward_model"],
            refusal=item.refusal,
            policy=item.source,
            suite=item.completion_id.partition("/")[0],
            called_harmful=item.refusal == "none",
        )
        prompt, completion = text_of(item.prompt), text_of(item.completion)
        rows.append(written(prompt_id=item.prompt_id, prompt=prompt, completion=completion))
        rows.append(
            written(prompt_id=f"other {item.prompt_id}", prompt="another", completion="text")
        )
    return rows


def test_the_shipped_labels_are_what_the_import_makes_of_the_shipped_ratings(labels: Path) -> None:
    assert labels.read_text() == (FOLDER / "labels.jsonl").read_text()
    ratings = read_labels([str(labels)])
    assert len(ratings) == 100
    assert sum(rating.harmfulness is not None for rating in ratings) == 60


def test_results_hold_the_raw_the_prediction_powered_and_the_rogan_gladen_figure(
    labels: Path, measured: list[Measured]
) -> None:
    found = corrected_by_people(measured, read_labels([str(labels)]), "base", 0.95)
    assert (found["raters"], found["rated"], found["unmatched"]) == (1, 100, 0)
    base = found["policies"]["base"]["harmful"]
    raw, corrected = (base["harmfulness"][way]["mean"] for way in ("raw", "prediction_powered"))
    assert raw > 3.9
    assert 1.3 < corrected < 2.1
    for metric in ("refusal_rate", "called_harmful"):
        assert set(base[metric]) == {"raw", "prediction_powered", "rogan_gladen"}
    assert base["harm_chance"]["raw"]["mean"] > base["harm_chance"]["prediction_powered"]["mean"]
    assert {change["metric"] for change in found["changes"]} == {"harmfulness", "harm_chance"}


def test_every_file_of_the_batch_holds_the_same_completions() -> None:
    items = {item.id: item for item in read_batch(FOLDER)}
    rows = [json.loads(line) for line in (FOLDER / "completions.jsonl").read_text().splitlines()]
    assert {item_id(row["prompt"], row["completion"]) for row in rows} == set(items)
    assert all(item.split == "test" for item in items.values())
