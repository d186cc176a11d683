"""Every look at a test set is counted once per recipe, and a damaged entry is not counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typed_results import typed

from eval.results.opened import OpenedSet
from eval.test_ledger import (
    Opening,
    enter,
    ledger_path,
    looked_at,
    read_ledger,
    sentence,
    set_hash,
    with_gate,
)
from records.rows import Prompt, user

OPENING = Opening(kind="evaluation", run="r1", recipe="a", seed=0, at="2026-01-02T03:04:05+00:00")


def prompt(number: int, text: str = "Is it safe?") -> Prompt:
    return Prompt(
        id=str(number),
        prompt=user(f"{text} {number}"),
        kind="benign",
        suite="twins",
        source="s",
        licence="MIT",
    )


def test_a_set_is_known_by_its_texts_in_any_order_and_not_by_ids() -> None:
    rows = [prompt(1), prompt(2)]
    assert set_hash(rows) == set_hash(rows[::-1]) == set_hash([replace(rows[0], id="x"), rows[1]])
    assert set_hash(rows) != set_hash([prompt(1), prompt(3)])
    assert set_hash(rows) != set_hash([replace(rows[0], suite="other"), rows[1]])


def test_an_evaluation_that_is_resumed_is_no_further_look(tmp_path: Path) -> None:
    path = ledger_path(tmp_path, "0" * 64)
    for opening in (
        OPENING,
        replace(OPENING, at="2026-02-02T00:00:00+00:00"),
        replace(OPENING, run="r2", seed=1),
    ):
        openings = enter(path, opening)
    assert openings == read_ledger(path) == [OPENING, replace(OPENING, run="r2", seed=1)]
    wanted = {
        "evaluations": 2,
        "recipes": 1,
        "seeds": 2,
        "gates": 0,
        "gate_attempts": [],
        "first": "2026-01-02",
    }
    assert looked_at(OpenedSet(), openings).to_json() == wanted


@pytest.mark.parametrize("damage", [b"{not json}\n", b'{"kind": "evaluation"}\n', b"\x00\x00\n"])
def test_a_damaged_line_counts_nowhere_and_stops_nothing(tmp_path: Path, damage: bytes) -> None:
    path = ledger_path(tmp_path, "0" * 64)
    enter(path, OPENING)
    with path.open("ab") as file:
        file.write(damage)
    assert enter(path, replace(OPENING, run="r2")) == [OPENING, replace(OPENING, run="r2")]


def test_gates_are_counted_by_their_limits(tmp_path: Path) -> None:
    path = ledger_path(tmp_path, "0" * 64)
    mine = OpenedSet(sha256="0" * 64, run="r1", recipe="a", seed=0)
    opened = looked_at(mine, enter(path, OPENING))
    for asked_for in ("dpo/strict", "dpo/strict", "dpo/loose"):
        found = with_gate(
            replace(typed({}), test_set=opened),
            tmp_path,
            asked_for,
            at="2026-01-03T00:00:00+00:00",
        ).test_set
    assert found is not None
    assert found.gates == 2
    assert [row.run for row in found.gate_attempts or ()] == [
        "r1/dpo/strict",
        "r1/dpo/loose",
    ]
    assert "opened once, by this evaluation, and a release gate was asked 2 times" in sentence(
        found
    )
    assert with_gate(typed({}), tmp_path, "dpo", at="") == typed({})


def test_the_sentence_warns_where_several_recipes_looked() -> None:
    once = OpenedSet(evaluations=1, recipes=1, seeds=1, gates=0, first="2026-01-02")
    assert "opened once" in sentence(once)
    several = sentence(replace(once, evaluations=5, recipes=3, gates=2))
    assert "5 evaluations of 3 recipes since 2026-01-02" in several
    assert "a release gate was asked 2 times" in several
    assert "too good" in several
    assert "too good" not in sentence(replace(once, evaluations=3))
    assert "not known: no room" in sentence(OpenedSet(reason="no room"))
    assert "not known" in sentence(None)
