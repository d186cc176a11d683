"""MLCommons' own library is the judge: it validates what we write, and reads our rows back through
it.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import typing
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from croissant_reader import a_pair, dataset, read_back, rows_of, warnings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep.cards.croissant import croissant, write_card
from data_prep.cards.croissant_terms import COLUMNS
from data_prep.cards.data_card import DataCard
from data_prep.cards.prompts_card import prompts_card
from data_prep.config import DataConfig, PublicationConfig, SourceConfig
from data_prep.prepare import prepare
from data_prep.splits.split_files import split_file
from records.rows import (
    Completion,
    Demonstration,
    Pair,
    Prompt,
    Record,
    assistant,
    user,
)
from records.run_files import SPLITS
from records.stage_folder import StageDirectory, read_json, sha256_file, write_records

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")


ROWS = [split_file(name, split) for name in ("prompts", "demonstrations") for split in SPLITS]
STATED = PublicationConfig(creator="A hospital", url="https://example.org/data", date="2026-11-22")
NO_DATE = 'Property "https://schema.org/datePublished" is recommended, but does not exist.'


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library logs every warning that the tests look for in its report."""
    monkeypatch.setattr(logging.getLogger("absl"), "disabled", True)


@pytest.fixture
def card(row: Callable[..., Demonstration]) -> DataCard:
    config = DataConfig(sources=[SourceConfig()])
    lint: dict[str, Any] = {"fault_counts": {}, "openings": {}}
    return prompts_card(
        config, [row("a", "A")], [], rows_read={"builtin": 1}, seed=0, compared={}, lint=lint
    )


def test_the_official_validator_accepts_a_prep_run_without_a_warning_and_reads_its_rows(
    tmp_path: Path,
) -> None:
    prepare(DataConfig(publication=STATED), tmp_path, seed=0, evaluation_texts={})
    found = dataset(tmp_path)
    assert warnings(found) == set()
    for name in ROWS:
        assert read_back(found, name.removesuffix(".jsonl")) == rows_of(tmp_path / name)


def test_only_the_date_that_nobody_stated_is_missed(tmp_path: Path) -> None:
    prepare(DataConfig(), tmp_path, seed=0, evaluation_texts={})
    assert warnings(dataset(tmp_path)) == {NO_DATE}
    written = read_json(tmp_path / "croissant.json")
    assert not {"creator", "publisher", "url", "datePublished"} & set(written)


def test_what_the_owner_states_of_the_publication_is_written(tmp_path: Path) -> None:
    prepare(DataConfig(publication=STATED), tmp_path, seed=0, evaluation_texts={})
    metadata = dataset(tmp_path).metadata
    assert [creator.name for creator in metadata.creators] == ["A hospital"]
    assert (metadata.url, metadata.date_published.date().isoformat()) == (
        "https://example.org/data",
        "2026-11-22",
    )
    assert metadata.license == ["https://spdx.org/licenses/Apache-2.0"]
    assert "@software{primum" in metadata.cite_as


def test_the_responsible_ai_facts_are_those_of_the_card(tmp_path: Path, card: DataCard) -> None:
    write_records(tmp_path / "prompts.jsonl", [])
    write_card(tmp_path, card, {"prompts.jsonl": Prompt}, STATED)
    metadata = dataset(tmp_path).metadata
    assert metadata.data_use_cases == [f"Intended: {card.intended}", f"Excluded: {card.excluded}"]
    assert metadata.data_annotation_protocol == [
        f"{about}: {said}" for about, said in (*card.decided, *card.principles)
    ]
    assert metadata.data_collection == f"builtin: {card.written[0][1]}"
    assert metadata.data_biases == [f"builtin: {card.not_represented[0][1]}"]
    assert metadata.personal_sensitive_information == [f"builtin: {card.personal[0][1]}"]
    assert metadata.data_social_impact == f"builtin: {card.cost[0][1]}"
    assert metadata.data_limitations
    assert metadata.data_preprocessing_protocol


def test_pairs_are_read_back_with_messages_scores_and_flags(tmp_path: Path, card: DataCard) -> None:
    write_records(
        tmp_path / "pairs.train.jsonl",
        [a_pair(1), a_pair(2, principle=None, chosen=[*user("a"), *assistant("b")])],
    )
    write_records(tmp_path / "pairs.val.jsonl", [])
    write_card(tmp_path, card, {"pairs.train.jsonl": Pair, "pairs.val.jsonl": Pair}, STATED)
    found = dataset(tmp_path)
    assert warnings(found) == set()
    assert read_back(found, "pairs.train") == rows_of(tmp_path / "pairs.train.jsonl")
    assert read_back(found, "pairs.val") == []


TEXT = st.text(st.characters(codec="utf-8"), max_size=12).map(lambda text: f"x{text}")
"""Never a bare number: the library's reader, pandas, takes a column of digits for numbers."""


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(
            TEXT,
            st.lists(TEXT, max_size=3),
            st.none() | st.integers(1, 9),
            st.none() | TEXT,
            st.sampled_from(["train", "val", "test"]),
        ),
        max_size=5,
    )
)
def test_any_text_is_read_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    card: DataCard,
    rows: list[tuple[str, list[str], int | None, str | None, Any]],
) -> None:
    folder = tmp_path_factory.mktemp("croissant")
    made = [
        Demonstration(
            id=f"r{number}",
            prompt=user(text),
            completion=[message for part in parts for message in assistant(part)],
            kind="benign",
            suite="s",
            source="builtin",
            licence="MIT",
            principle=principle,
            twin_id=twin,
            split=split,
        )
        for number, (text, parts, principle, twin, split) in enumerate(rows)
    ]
    write_records(folder / "demonstrations.jsonl", made)
    write_card(folder, card, {"demonstrations.jsonl": Demonstration}, STATED)
    assert read_back(dataset(folder), "demonstrations") == [row.to_json() for row in made]


def test_a_changed_file_is_not_what_the_metadata_describe(tmp_path: Path) -> None:
    prepare(DataConfig(publication=STATED), tmp_path, seed=0, evaluation_texts={})
    written = {file["@id"]: file for file in read_json(tmp_path / "croissant.json")["distribution"]}
    assert set(written) == set(ROWS)
    for name, file in written.items():
        assert file["sha256"] == sha256_file(tmp_path / name)
        assert file["contentSize"] == f"{(tmp_path / name).stat().st_size} B"
        assert file["encodingFormat"] == "application/jsonlines"


def test_the_version_is_new_exactly_when_the_rows_are(tmp_path: Path, card: DataCard) -> None:
    versions = []
    for text in ("A", "A", "B"):
        write_records(tmp_path / "pairs.train.jsonl", [a_pair(1, prompt=user(text))])
        versions.append(croissant(tmp_path, card, {"pairs.train.jsonl": Pair}, STATED)["version"])
    assert versions[0] == versions[1] != versions[2]
    assert all(re.fullmatch(r"\d+\.0\.0\+[0-9a-f]{12}", version) for version in versions)


def test_the_manifest_of_a_stage_lists_the_card_and_the_metadata(tmp_path: Path) -> None:
    stage = StageDirectory(tmp_path / "prep")
    stage.begin({"fingerprint": "f"})
    prepare(DataConfig(), stage.path, seed=0, evaluation_texts={})
    stage.finish({})
    assert {"data_card.md", "croissant.json"} <= set(stage.manifest().files)


def test_splits_are_told_in_croissants_own_words(tmp_path: Path) -> None:
    prepare(DataConfig(), tmp_path, seed=0, evaluation_texts={})
    found = dataset(tmp_path)
    assert read_back(found, "splits") == [
        {"name": "train", "url": "cr:TrainingSplit"},
        {"name": "val", "url": "cr:ValidationSplit"},
        {"name": "test", "url": "cr:TestSplit"},
    ]
    references = {
        field.id: field.references.uuid
        for record in found.metadata.record_sets
        for field in record.fields
        if field.name == "split"
    }
    assert references == {f"{name.removesuffix('.jsonl')}/split": "splits/name" for name in ROWS}


@pytest.mark.parametrize("record", [Prompt, Demonstration, Pair])
def test_every_column_is_described_and_typed(
    tmp_path: Path, card: DataCard, record: type[Record]
) -> None:
    (tmp_path / "rows.jsonl").touch()
    _, described = croissant(tmp_path, card, {"rows.jsonl": record}, STATED)["recordSet"]
    assert (
        {field["name"] for field in described["field"]}
        == {field.name for field in fields(record)}
        <= set(COLUMNS)
    )
    types = {field["name"]: field.get("dataType", "messages") for field in described["field"]}
    hints = typing.get_type_hints(record)
    assert {name for name, kind in types.items() if kind == "messages"} == {
        name for name, hint in hints.items() if "Message" in str(hint)
    }
    assert types["principle"] == "sc:Integer"


def test_a_column_without_a_description_is_our_own_mistake(tmp_path: Path, card: DataCard) -> None:
    (tmp_path / "rows.jsonl").touch()
    with pytest.raises(KeyError, match="policy"):
        croissant(tmp_path, card, {"rows.jsonl": Completion}, STATED)


@pytest.mark.process
def test_the_library_of_the_tests_is_not_needed_to_write(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from data_prep.config import DataConfig; from "
        f"data_prep.prepare import prepare;prepare(DataConfig(), Path({str(tmp_path)!r}), seed=0, "
        "evaluation_texts={});assert not {'mlcroissant', 'pandas', 'rdflib', 'datasets'} & "
        "set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert json.loads((tmp_path / "croissant.json").read_text())["@type"] == "sc:Dataset"


def test_the_real_medsafetybench_is_described_and_read_back(
    tmp_path: Path, real_medsafetybench: Path
) -> None:
    sources = [
        SourceConfig(),
        SourceConfig(name="msb", format="medsafetybench", path=str(real_medsafetybench)),
    ]
    prepare(DataConfig(sources=sources, publication=STATED), tmp_path, seed=0, evaluation_texts={})
    found = dataset(tmp_path)
    assert warnings(found) == set()
    assert read_back(found, "demonstrations.train") == rows_of(
        tmp_path / "demonstrations.train.jsonl"
    )
    assert found.metadata.license == [
        "https://spdx.org/licenses/Apache-2.0",
        "https://spdx.org/licenses/MIT",
    ]
