"""Pairs of one's own, as `primum.load_pairs` reads them and `primum.train_dpo` takes them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from primum import load_pairs
from records.errors import RecordError
from records.rows import Pair, assistant, user


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "a", "chosen": "b", "rejected": "c"},
        {
            "prompt": [{"role": "user", "content": "a"}],
            "chosen": [{"role": "assistant", "content": "b"}],
            "rejected": "c",
        },
        {
            "chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
            "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}],
        },
    ],
)
def test_pairs_of_every_shape_are_one(
    tmp_path: Path, row: dict[str, list[dict[str, str]] | str]
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (pair,) = load_pairs(path)
    assert [messages[0]["content"] for messages in (pair.prompt, pair.chosen, pair.rejected)] == [
        "a",
        "b",
        "c",
    ]
    path.write_text(json.dumps(pair.to_json()) + "\n")
    assert load_pairs(path) == [pair]


def test_a_row_that_is_no_pair_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"prompt": "a", "chosen": "b"}\n')
    with pytest.raises(RecordError, match=r"pairs\.jsonl:1: rejected: wanted a text"):
        load_pairs(path)


def own_row() -> dict[str, Any]:
    return Pair(
        id="p", prompt=user("a"), chosen=assistant("b"), rejected=assistant("c"), prompt_id="q",
        pair_type="harm", kind="harmful", split="train", chosen_source="a", rejected_source="b",
        chosen_score=1.0, rejected_score=4, margin=3.0,
    ).to_json()  # fmt: skip


def test_a_row_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(own_row()) + "\n")
    assert [pair.to_json() for pair in load_pairs(path)] == [own_row()]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"prompt": "text"}, "prompt: wanted a list of messages, got str"),
        ({"chosen": [{"role": "assistant", "content": None}]}, "chosen: wanted a text or a list"),
        ({"rejected": [{"role": 1, "content": "c"}]}, "rejected: wanted a text or a list"),
        ({"chosen": [{"role": "user", "content": "b"}]}, "a completion holds no user message"),
        ({"margin": "3"}, "margin: wanted a number, got '3'"),
        ({"chosen_score": True}, "chosen_score: wanted a number"),
        ({"kind": "bad"}, "kind: wanted harmful, benign, got 'bad'"),
        ({"prompt_id": 7}, "prompt_id: wanted a text"),
    ],
)
def test_a_row_of_ones_own_with_another_type_is_named_with_its_line(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({**own_row(), **changed}) + "\n")
    with pytest.raises(RecordError, match=rf"pairs\.jsonl:1: {re.escape(said)}"):
        load_pairs(path)


def test_a_row_of_trl_without_content_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    row = {"prompt": "a", "chosen": [{"role": "assistant", "content": None}], "rejected": "c"}
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(RecordError, match=r"pairs\.jsonl:1: chosen: wanted a text"):
        load_pairs(path)


def test_pairs_that_are_left_out_are_counted(tiny_directory: Path, tmp_path: Path) -> None:
    from models.config import ModelConfig
    from models.loading.load import load_tokenizer
    from primum.training import _encoded

    tokenizer = load_tokenizer(ModelConfig(path=str(tiny_directory)))
    good = Pair.from_json(own_row())
    alike = replace(good, rejected=good.chosen)
    with pytest.warns(UserWarning, match="1 of 2 pairs are left out: too long for max_length=64"):
        kept = _encoded(tokenizer, [good, alike], 64, tmp_path)
    assert len(kept) == 1
    counts = json.loads((tmp_path / "tokens.json").read_text())
    assert (counts["pairs"], counts["dropped_too_long_or_identical_after_cutting"]) == (2, 1)
