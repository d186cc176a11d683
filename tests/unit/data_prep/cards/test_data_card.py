"""The data card: no part of it is empty, and what nobody stated is said to be unstated."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from card_parts_shown import NO_FAULTS, Make, sections

from data_prep.cards.data_card import HEADINGS, DataCard, require_complete
from data_prep.cards.prompts_card import prompts_card
from data_prep.cards.source_facts import NOT_STATED, facts_of
from data_prep.config import (
    DataConfig,
    PublicationConfig,
    SourceConfig,
)
from data_prep.prepare import prepare
from data_prep.source_registry import SOURCES, source_kind
from data_prep.splits.splitting import Drop
from records.errors import RecordError


def test_every_heading_of_the_page_has_something_under_it(tmp_path: Path) -> None:
    prepare(DataConfig(), tmp_path, seed=0, evaluation_texts={})
    shown = sections((tmp_path / "data_card.md").read_text())
    assert list(shown) == list(HEADINGS.values())
    assert all(shown.values())


@pytest.mark.parametrize(
    "name", [field.name for field in dataclasses.fields(DataCard) if field.name != "citations"]
)
def test_an_empty_part_is_refused_by_name(card: DataCard, name: str) -> None:
    require_complete(card)
    nothings: tuple[Any, ...] = ("", " \n", ())
    for nothing in nothings:
        with pytest.raises(RecordError, match=f"{name} is empty"):
            require_complete(dataclasses.replace(card, **{name: nothing}))


def test_all_empty_parts_are_named_at_once_with_the_source_that_lacks_them(card: DataCard) -> None:
    with pytest.raises(RecordError) as caught:
        require_complete(
            dataclasses.replace(
                card, cost=(("a", "none"), ("b", " ")), personal=(("", ""),), summary=""
            )
        )
    assert [re.search(r"': (.*) is empty", fault)[1] for fault in caught.value.faults] == [  # type: ignore[index]
        "summary",
        "cost of b",
        "personal of the whole set",
    ]


@pytest.mark.parametrize("name", SOURCES)
def test_of_a_known_set_every_fact_is_stated(name: str) -> None:
    known = source_kind(name).known
    facts = dataclasses.asdict(known.facts) if known else {}
    assert all(fact.strip() for key, fact in facts.items() if key != "citation")


def test_what_the_owner_did_not_state_is_said_to_be_unstated_and_not_guessed(
    card: DataCard,
) -> None:
    shown = sections(card.markdown())
    for heading in ("decided", "principles", "written", "not_represented", "cost", "personal"):
        assert NOT_STATED in shown[HEADINGS[heading]]
    assert (
        "The generator `human` also stands where a row names none: made."
        in shown[HEADINGS["sources"]]
    )


def test_what_the_owner_stated_is_printed_as_a_statement() -> None:
    source = SourceConfig(
        name="m",
        format="jsonl",
        path="x",
        labelled_by="Two nurses in Ghana,\n by their hospital's code.",
    )
    assert facts_of(source).decided.startswith(
        "Two nurses in Ghana, by their hospital's code (as the run's owner states it, not "
        "checked). "
    )
    assert NOT_STATED not in " ".join(dataclasses.astuple(facts_of(source)))


def test_sources_with_the_same_fact_share_its_line() -> None:
    config = DataConfig(
        sources=[
            SourceConfig(name="one", only=["twins"]),
            SourceConfig(name="two", only=["patient_questions"]),
        ]
    )
    card = prompts_card(
        config, [], [], rows_read={"one": 0, "two": 0}, seed=0, compared={}, lint=NO_FAULTS
    )
    assert [about for about, _ in card.principles] == ["one, two"]
    assert len(card.citations) == 1


def test_a_reader_is_told_of_non_commercial_unstated_and_evaluation_only_sources(row: Make) -> None:
    sources = [
        SourceConfig(name="closed", format="jsonl", path="x", licence="CC BY-NC 4.0"),
        SourceConfig(name="open", format="jsonl", path="x", licence="MIT"),
        SourceConfig(name="odd", format="jsonl", path="x", evaluation_only=True),
    ]
    rows = [
        row(s.name, s.name, source=s.name, licence=s.licence, generator="gpt4") for s in sources
    ]
    shown = prompts_card(
        DataConfig(sources=sources),
        rows,
        [],
        rows_read=Counter(s.name for s in sources),
        seed=0,
        compared={},
        lint=NO_FAULTS,
    )
    assert (
        "Not for commercial use, and a model trained on it is marked so: closed." in shown.sources
    )
    assert "Licence not stated by the run's owner: odd." in shown.sources
    assert "For evaluation only, all of it in the test split: odd." in shown.sources
    assert "names none" not in shown.sources
    assert shown.licences == ("CC BY-NC 4.0", "MIT", "unknown")


def test_a_source_of_which_nothing_was_kept_keeps_its_line_and_its_licence(row: Make) -> None:
    config = DataConfig(
        sources=[SourceConfig(name="made", format="jsonl", path="x", licence="MIT")]
    )
    lost = Drop(row("a", "A"), "a_reason_of_tomorrow")
    shown = prompts_card(
        config, [], [lost], rows_read={"made": 1}, seed=0, compared={}, lint=NO_FAULTS
    )
    require_complete(shown)
    assert "| made | jsonl | MIT | none kept | 1 | 0 | 0 | 0 |" in shown.sources
    assert shown.left_out[0] == (
        "made",
        "1 rows read = 0 kept + 1 left out: 1 a_reason_of_tomorrow",
    )


def test_a_name_cannot_break_the_table(row: Make) -> None:
    config = DataConfig(sources=[SourceConfig(name="a|b\nc", format="jsonl", path="x")])
    shown = prompts_card(
        config,
        [row("a", "A", source="a|b\nc")],
        [],
        rows_read={"a|b\nc": 1},
        seed=0,
        compared={},
        lint=NO_FAULTS,
    ).sources.splitlines()
    assert shown[2].startswith("| a\\|b c | jsonl |")


@pytest.mark.parametrize(
    "wrong", [{"date": "yesterday"}, {"date": "20261122"}, {"url": "example.org"}]
)
def test_what_no_reader_of_croissant_understands_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"data\.publication\."):
        PublicationConfig(**wrong)
