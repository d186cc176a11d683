"""Sections stand in their places, and say nothing where the results hold nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typed_results import on_json

from eval.report import sections
from eval.report.rendering import Section
from eval.report.sections.declared import Declared, Material
from eval.report.sections.registry import DECLARED, NAMES, sections_of

material_of = on_json(Material.of)

Json = dict[str, Any]
NOT_SECTIONS = {"__init__", "declared", "registry"}


def test_every_file_of_the_folder_is_registered() -> None:
    files = {path.stem for path in Path(next(iter(sections.__path__))).glob("*.py")} - NOT_SECTIONS
    assert files == set(NAMES)


def test_names_and_places_are_each_taken_once() -> None:
    assert (
        len({declared.name for declared in DECLARED})
        == len({declared.place for declared in DECLARED})
        == len(DECLARED)
    )


def test_markdown_has_no_section_that_only_a_page_shows(
    results: Json, samples: list[Json], scoreboard: list[Json]
) -> None:
    of_page = [
        section.name
        for section in sections_of(material_of(results, scoreboard, samples=samples, drawn=True))
    ]
    of_markdown = [section.name for section in sections_of(material_of(results, scoreboard))]
    assert [name for name in of_page if name in of_markdown] == of_markdown
    assert set(of_page) - set(of_markdown) == {"plots", "distribution", "examples"}


@pytest.mark.parametrize(("own", "shown"), [("", "Registered"), ("Its own", "Its own")])
def test_a_section_may_name_itself(results: Json, own: str, shown: str) -> None:
    declared = Declared("odd", 1, "Registered", lambda material: Section(own))
    section = declared.of(material_of(results))
    assert section is not None
    assert (section.title, section.name) == (shown, "odd")
    assert Declared("none", 1, "Absent", lambda material: None).of(material_of(results)) is None
