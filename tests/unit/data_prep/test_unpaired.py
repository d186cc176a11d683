"""Completions with a thumb: from ratings, from pairs, from files in TRL's unpaired format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from data_prep.review.items import ReviewItem
from data_prep.review.ratings import Rating
from data_prep.unpaired import from_pairs, from_ratings, hash_unpaired, held_out, read_unpaired
from records.errors import RecordError
from records.rows import Kind, Pair, Prompt, Split, assistant, user


def item(name: str, kind: Kind = "harmful", **about: Any) -> ReviewItem:
    given: dict[str, Any] = {
        "completion_id": name,
        "prompt_id": f"p{name}",
        "split": "train",
        "source": "base",
        "finished": True,
    }
    return ReviewItem(
        id=name,
        prompt=user(f"q{name}"),
        completion=assistant(f"a{name}"),
        kind=kind,
        **(given | about),
    )


def rated(name: str, *ratings: int | None, refusal: str = "") -> list[Rating]:
    return [Rating(name, f"rater{number}", level, refusal) for number, level in enumerate(ratings)]


@pytest.mark.parametrize(
    ("levels", "label"),
    [
        ([1, 2], True),
        ([2], True),
        ([4], False),
        ([3, 4], False),
        ([3], None),
        ([1, 4], None),
        ([None], None),
    ],
)
def test_a_completion_of_a_harmful_prompt_has_the_thumb_of_its_raters_common_word(
    levels: list[int | None], label: bool | None
) -> None:
    rows, without = from_ratings(rated("a", *levels), [item("a")])
    assert [row.label for row in rows] == ([] if label is None else [label])
    assert sum(without.values()) == (label is None)


def test_a_refused_benign_prompt_is_undesirable_and_an_answered_one_desirable() -> None:
    items = [item("a", "benign"), item("b", "benign"), item("c", "benign"), item("d", "benign")]
    said = [
        *rated("a", 1, refusal="full"),
        *rated("b", 1, refusal="none"),
        *rated("c", 1),
        *rated("d", 5, refusal="none"),
    ]
    rows, without = from_ratings(said, items)
    assert {row.prompt_id: row.label for row in rows} == {"pa": False, "pb": True, "pd": False}
    assert sum(without.values()) == 1


def test_what_nobody_rated_gives_no_row_and_splits_and_cut_completions_are_kept() -> None:
    items = [item("a"), item("b", split="val", finished=False)]
    rows, without = from_ratings(rated("b", 5), items)
    assert [(row.split, row.finished, row.label) for row in rows] == [("val", False, False)]
    assert not without


def pair(name: str, chosen: str, rejected: str) -> Pair:
    return Pair(
        id=name + rejected,
        prompt=user(name),
        chosen=assistant(chosen),
        rejected=assistant(rejected),
        prompt_id=name,
        pair_type="harm",
        kind="harmful",
        split="train",
        chosen_source="s",
        rejected_source="base",
        chosen_score=1.0,
        rejected_score=4.0,
        margin=3.0,
        rejected_finished=False,
    )


def test_both_sides_of_a_pair_are_rows_and_a_completion_of_several_pairs_is_one() -> None:
    rows = from_pairs([pair("p", "no", "yes"), pair("p", "no", "sure"), pair("q", "no", "yes")])
    assert [
        (row.prompt_id, row.completion[0]["content"], row.label, row.finished) for row in rows
    ] == [
        ("p", "no", True, True),
        ("p", "yes", False, False),
        ("p", "sure", False, False),
        ("q", "no", True, True),
        ("q", "yes", False, False),
    ]


def written(path: Path, *rows: Mapping[str, object]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_trls_unpaired_rows_are_read_as_texts_and_as_messages(tmp_path: Path) -> None:
    texts = {"prompt": "What helps?", "completion": "Rest.", "label": True}
    messages = {"prompt": user("And now?"), "completion": assistant("Pills!"), "label": False}
    rows = read_unpaired([written(tmp_path / "a.jsonl", texts, messages)])
    assert [(row.prompt, row.completion, row.label, row.split) for row in rows] == [
        (user("What helps?"), assistant("Rest."), True, "train"),
        (user("And now?"), assistant("Pills!"), False, "train"),
    ]


def test_rows_of_review_import_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows, _ = from_ratings(
        [*rated("a", 1), *rated("b", 5)], [item("a", finished=False), item("b", split="val")]
    )
    assert read_unpaired([written(tmp_path / "a.jsonl", *(row.to_json() for row in rows))]) == rows


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label": 1}, "label: wanted true"),
        ({"label": None}, "label: wanted true"),
        ({"prompt": 3}, "prompt: wanted a text"),
        ({"completion": [{"role": "assistant"}]}, "completion: wanted a text"),
        ({"completion": user("me")}, "a completion holds no user message"),
        ({"completion": " "}, "empty prompt or completion"),
        ({"split": "dev"}, "split: wanted train"),
    ],
)
def test_every_fault_of_every_file_is_told_at_once(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    good = {"prompt": "q", "completion": "a", "label": True}
    first, second = (
        written(tmp_path / "a.jsonl", good, {**good, **change}),
        written(tmp_path / "b.jsonl", {"prompt": "q"}),
    )
    with pytest.raises(RecordError) as raised:
        read_unpaired([first, second])
    assert [
        fault for fault in raised.value.faults if fault.startswith(f"{first}:2: ") and said in fault
    ]
    assert any(f"{second}:1: no field completion, label" in fault for fault in raised.value.faults)


def test_a_file_that_is_not_there_is_named_with_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(
        RecordError, match=r"dpo\.unpaired: .*none\.jsonl: no such file; name rows as"
    ):
        hash_unpaired([str(tmp_path / "none.jsonl")])


def test_rows_about_prompts_that_the_run_measures_on_are_found_by_their_text(
    tmp_path: Path,
) -> None:
    rows = read_unpaired(
        [
            written(
                tmp_path / "a.jsonl",
                *({"prompt": q, "completion": "a", "label": True} for q in ("one", "two", "three")),
            )
        ]
    )
    about: dict[str, Any] = {"kind": "benign", "suite": "s", "source": "s", "licence": "MIT"}
    splits: dict[str, Split] = {"one": "test", "two": "train", "three": "val"}
    prompts = [
        Prompt(id=text, prompt=user(text), split=split, **about) for text, split in splits.items()
    ]
    assert held_out(rows, prompts) == ["one", "three"]
