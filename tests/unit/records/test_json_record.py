"""A record is read by the types of its fields and written as the object that it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from records.json_record import ABSENT, INLINE, Absent, JsonRecord, Key


@dataclass(frozen=True, kw_only=True)
class Side(JsonRecord):
    name: str
    share: float | None = None


@dataclass(frozen=True, kw_only=True)
class Labelled(JsonRecord):
    label: str


@dataclass(frozen=True, kw_only=True)
class Whole(JsonRecord):
    kind: Literal["a", "b"]
    number: Annotated[int, Key("n")]
    side: Annotated[Side, INLINE]
    rows: tuple[Side, ...] = ()
    by_name: Mapping[str, Side | Labelled] | None = None
    free: Mapping[str, Any] | None = None
    later: Annotated[str | None, ABSENT] = None
    of_b: Annotated[int | None, Absent(lambda whole: whole.kind == "a")] = None


STORED = {
    "kind": "a",
    "n": 3,
    "name": "here",
    "share": 1,
    "rows": [{"name": "one", "share": None}],
    "by_name": {"x": {"name": "two", "share": 0.5}, "y": {"label": "z"}},
    "free": {"anything": [1, {"at": "all"}]},
}


def test_a_record_comes_back_as_it_was_written() -> None:
    found = Whole.from_json(STORED)
    assert found.to_json() == STORED
    assert list(found.to_json()) == list(STORED)
    assert found.number == 3
    assert found.side == Side(name="here", share=1)
    assert found.by_name == {"x": Side(name="two", share=0.5), "y": Labelled(label="z")}


def test_an_entry_is_left_out_or_null_as_its_field_says() -> None:
    told = {**STORED, "kind": "b", "later": "said"}
    assert Whole.from_json(told).to_json() == {**told, "of_b": None}


def test_what_may_be_none_may_be_left_out_and_what_no_field_names_is_passed_over() -> None:
    found = Whole.from_json({"kind": "a", "n": 0, "name": "here", "newer": 1})
    assert found == Whole(kind="a", number=0, side=Side(name="here"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n": None}, "n: wanted a whole number, got None"),
        ({"n": True}, "n: wanted a whole number"),
        ({"kind": "c"}, "kind: wanted one of a, b, got 'c'"),
        ({"rows": {}}, "rows: wanted a list"),
        ({"rows": [{"name": "one"}, {"name": 1}]}, "rows 1: name: wanted text, got 1"),
        ({"rows": [None]}, "rows 0: wanted a JSON object, got None"),
        ({"by_name": {"x": {}}}, "by_name: x: label: wanted text"),
        ({"share": float("nan")}, "share: wanted a finite number"),
        ({"free": []}, "free: wanted an object"),
    ],
)
def test_a_wrong_entry_is_named_with_its_place(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}"):
        Whole.from_json({**STORED, **change})
