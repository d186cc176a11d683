"""One row of each principle in turn."""

from __future__ import annotations

import dataclasses
from typing import Any

from data_prep.splits.turns import in_turn
from records.rows import Demonstration, user


def row(name: str, principle: int | None) -> Demonstration:
    facts: dict[str, Any] = {"suite": "twins", "source": "s", "licence": "MIT", "split": "test"}
    return Demonstration(
        id=name, prompt=user(name), kind="benign", group=name, principle=principle, **facts
    )


def names(rows: list[Demonstration]) -> str:
    return "".join(each.id for each in rows)


def test_each_principle_has_its_first_row_before_any_has_its_second() -> None:
    rows = [row("a", 1), row("b", 1), row("c", 1), row("d", 2), row("e", 2), row("f", None)]
    assert names(in_turn(rows)) == "adfbec"


def test_rows_behind_go_on_where_their_principle_has_got_to() -> None:
    """Principle 1 has had two turns by the time, so principle 2 is first among the others."""
    rows = [row("a", 1), row("b", 1), row("c", 1), row("d", 2)]
    assert names(in_turn(rows, behind=lambda each: each.id in "cd")) == "abdc"


def test_nothing_is_lost_and_nothing_changed() -> None:
    rows = [dataclasses.replace(row(str(k), k % 3)) for k in range(20)]
    assert sorted(in_turn(rows), key=lambda each: int(each.id)) == rows
