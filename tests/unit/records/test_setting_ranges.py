"""Every numeric setting has a range, and no other number gets into a run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from records.json_types import Json
from records.setting_ranges import Range, Ranged, limits, numeric_settings, range_faults, ranged


@dataclass(frozen=True, kw_only=True)
class Inner(Ranged):
    share: float = ranged(0.5, above=0, at_most=1, why="none would be left")


@dataclass(frozen=True, kw_only=True)
class Outer(Ranged):
    count: int | None = ranged(None, at_least=1, at_most=9)
    inner: Inner = field(default_factory=Inner)
    several: list[Inner] = field(default_factory=list)
    by_name: dict[str, float] = field(metadata=limits(at_least=0, below=2), default_factory=dict)
    many: list[int] = field(metadata=limits(at_least=0, at_most=3), default_factory=list)
    heat: float = ranged(0.0, at_least=0.01, at_most=10, or_zero=True)
    unstated: float = 1.0
    switch: bool = True


def test_every_number_is_found_in_blocks_lists_and_by_name() -> None:
    found = {setting.key: setting.range for setting in numeric_settings(Outer)}
    assert list(found) == [
        "count",
        "inner.share",
        "several.*.share",
        "by_name.*",
        "many.*",
        "heat",
        "unstated",
    ]
    assert [key for key, range_ in found.items() if range_ is None] == ["unstated"]


def test_every_number_out_of_range_is_told_at_once() -> None:
    wrong: dict[str, Json] = {
        "count": 10,
        "inner": {"share": math.nan},
        "several": [{"share": 1}, {"share": -math.inf}],
        "by_name": {"a": 2, "b": 1.9},
        "many": [3, -1],
        "heat": 0.001,
    }
    found = {fault.key: fault.text for fault in range_faults(Outer, wrong)}
    assert list(found) == ["count", "by_name.a", "many.1", "heat", "inner.share", "several.1.share"]
    assert (
        found["count"]
        == "got 10, wanted a whole number from 1 to 9, or null for no limit; set one, or leave it "
        "out for its default"
    )
    assert "wanted a number above 0 and at most 1 (none would be left);" in found["inner.share"]
    assert "wanted 0, or a number from 0.01 to 10;" in found["heat"]


def test_no_block_is_built_with_a_number_out_of_its_range() -> None:
    with pytest.raises(ValueError, match=r"Outer.count: got 0, .*; Outer.heat: got nan, wanted"):
        Outer(count=0, heat=math.nan)
    assert Outer(heat=0, by_name={"a": 0}).heat == 0


ENDLESS = {
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "huge": 10**400,
    "unprintable": int("f" * 9000, 16),
}


@pytest.mark.parametrize("value", ENDLESS.values(), ids=ENDLESS)
def test_no_range_holds_what_is_no_number_or_endless(value: float) -> None:
    assert not Range(-1e308, 1e308).holds(value)
    (fault,) = range_faults(Inner, {"share": value})
    assert len(fault.text) < 200


def test_a_range_has_both_ends() -> None:
    with pytest.raises(TypeError):
        ranged(1, at_least=0)
    with pytest.raises(TypeError):
        ranged(1, at_least=0, above=0, at_most=1)
