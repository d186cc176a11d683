"""The pages for those who change Primum name what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("CONTRIBUTING.md", "docs/index.md", "docs/architecture.md", "docs/glossary.md")
PATH = re.compile(
    r"`((?:records|measures|data_prep|models|train|reward|eval|pipeline|configs|slurm|tests|"
    r"benchmarks|docs)/[\w/]*(?:\.\w+)?)`"
)
FLOOR = re.compile(r"^([a-z_]+)/ +floor (\d)", re.M)


@pytest.mark.parametrize("page", PAGES)
def test_every_path_and_link_is_there_and_no_line_is_long(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    missing = [path for path in PATH.findall(text) if not (ROOT / path).exists()]
    here = (ROOT / page).parent
    missing += [
        link for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", text) if not (here / link).exists()
    ]
    assert not [path for path in missing if "NAME" not in path]
    assert not [line for line in text.splitlines() if len(line) > 100]


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    assert not [
        page.name
        for page in (ROOT / "docs").glob("*.md")
        if page.name != "index.md" and f"({page.name})" not in index
    ]


def test_the_map_has_the_floors_of_the_layering_test() -> None:
    found = FLOOR.findall((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    source = (ROOT / "tests/support/source_tree.py").read_text(encoding="utf-8")
    floors = re.search(r"^FLOORS = \{(.*?)\}$", source, re.M | re.S)
    assert floors is not None
    wanted = set(re.findall(r'"(\w+)": (\d)', floors[1]))
    assert set(found) == wanted
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert {
        (room, floor) for floor, room in re.findall(r"^\| (\d) \| `(\w+)`", table, re.M)
    } == wanted
