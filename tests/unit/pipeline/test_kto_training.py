"""What the dpo stage trains on with `dpo.loss: kto`, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from models.layout.collation import padded
from pipeline.kto_training import Budget, KtoTraining, thumbs
from records.errors import RecordError
from records.rows import Pair, Prompt, Split, assistant, user
from train.config import DpoConfig


def pair(number: int) -> Pair:
    return Pair(
        id=f"{number}",
        prompt=user(f"Question {number}?"),
        chosen=assistant("No. Ask a doctor."),
        rejected=assistant(f"Sure, step {number}."),
        prompt_id=f"p{number}",
        pair_type="harm",
        kind="harmful",
        split="train",
        chosen_source="s",
        rejected_source="s",
        chosen_score=1.0,
        rejected_score=4.0,
        margin=3.0,
    )


def prompt(text: str, split: Split) -> Prompt:
    return Prompt(
        id=text, prompt=user(text), kind="benign", suite="s", source="s", licence="MIT", split=split
    )


@pytest.fixture
def training(tmp_path: Path) -> Callable[..., KtoTraining]:
    def make(
        *rows: dict[str, object], prompts: Sequence[Prompt] = (), pairs: Sequence[Pair] = ()
    ) -> KtoTraining:
        files = []
        if rows:
            (tmp_path / "thumbs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            files = [str(tmp_path / "thumbs.jsonl")]
        found = {"pairs": list(pairs), "prep": list(prompts)}
        inputs: Any = SimpleNamespace(read=lambda file: found[file.stage])
        said: list[str] = []
        place: Any = SimpleNamespace(rank=0, path=tmp_path, say=said.append, said=said)
        config = DpoConfig(loss="kto", unpaired=files)
        return KtoTraining(thumbs(files, inputs), config, Budget(64, 0), place)

    return make


def thumb(text: str, label: bool, **more: str) -> dict[str, object]:
    return {"prompt": text, "completion": f"About {text}.", "label": label, **more}


def test_rows_of_files_are_trained_on_with_their_prompts_beside_completions_of_others(
    training: Callable[..., KtoTraining], tokenizer: Any
) -> None:
    made = training(
        thumb("one", True),
        thumb("two", False),
        thumb("three", True),
        thumb("four", False, split="val"),
    )
    rows = made.rows_of(tokenizer, padded(0))
    assert rows.desirable == [True, False, True]
    place: Any = made.place
    assert place.said == ["2 desirable and 1 undesirable completions"]
    texts = [tokenizer.decode(row.input_ids) for row in rows.rows]
    others = [tokenizer.decode(row.input_ids) for row in rows.mismatched]
    for text, other, name in zip(texts, others, ("one", "two", "three"), strict=True):
        assert f"About {name}." in text
        assert f"About {name}." not in other
        assert name in other
    assert json.loads((made.place.path / "tokens.json").read_text())["desirable"] == 2


def test_without_files_both_sides_of_the_runs_pairs_are_rows(
    training: Callable[..., KtoTraining], tokenizer: Any
) -> None:
    rows = training(pairs=[pair(1), pair(2)]).rows_of(tokenizer, padded(0))
    assert rows.desirable == [True, False, True, False]


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_row_about_a_prompt_that_the_run_measures_on_stops_the_stage(
    training: Callable[..., KtoTraining], split: Split
) -> None:
    with pytest.raises(
        RecordError,
        match=(
            r"dpo\.unpaired: 1 prompts of .* are validation or test prompts .* take these rows out"
        ),
    ):
        training(thumb("one", True), thumb("two", False), prompts=[prompt("two", split)])


@pytest.mark.parametrize("label", [True, False])
def test_one_kind_of_thumb_alone_is_an_error_with_a_remedy(
    training: Callable[..., KtoTraining], tokenizer: Any, label: bool
) -> None:
    made = training(thumb("one", label), thumb("two", label))
    with pytest.raises(
        RecordError, match=r"needs desirable and undesirable completions .* Name files with both"
    ):
        made.rows_of(tokenizer, padded(0))


def test_settings_that_need_pairs_do_not_go_with_kto() -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"dpo\.label_smoothing=0\.1 needs preference pairs.*dpo\.over_refusal_limit=0\.0 needs"
        ),
    ):
        DpoConfig(loss="kto", label_smoothing=0.1, over_refusal_limit=0.0)
    with pytest.raises(
        ValueError,
        match=r"dpo\.unpaired names rows with thumbs, which dpo\.loss=sigmoid cannot learn from",
    ):
        DpoConfig(unpaired=["thumbs.jsonl"])
