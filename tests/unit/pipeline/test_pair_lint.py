from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from data_prep.config import LintConfig
from data_prep.lint.faults import FAULT_KINDS
from data_prep.lint.linter import lint_pairs
from models.tokens import prompt_ids
from pipeline.pair_lint import cut_of, lint_built_pairs
from pipeline.run.config_loading import load_config
from pipeline.run.place import Place
from records.errors import RecordError
from records.rows import Pair, assistant, user
from records.stage_folder import StageDirectory, read_json


def pair(chosen: str, rejected: str) -> Pair:
    return Pair(
        id=f"{chosen}/{rejected}", prompt=user("Why?"), chosen=assistant(chosen),
        rejected=assistant(rejected), prompt_id="p", pair_type="harm",
        kind="harmful", split="train", chosen_source="a", rejected_source="b", chosen_score=1.0,
        rejected_score=4.0, margin=3.0,
    )  # fmt: skip


def test_the_token_budget_says_what_is_left_of_a_pair(tokenizer: Any) -> None:
    room = len(prompt_ids(tokenizer, user("Why?")))
    alike = pair("The same beginning and one end", "The same beginning and another end")
    apart = pair("No, and here is why that is", "Because of this and of that")
    assert [cut_of(tokenizer, room + extra)(alike) for extra in (1, 3, 400)] == [
        "no_room",
        "identical",
        "whole",
    ]
    assert [cut_of(tokenizer, room + extra)(apart) for extra in (1, 3, 400)] == [
        "no_room",
        "cut",
        "whole",
    ]


def test_pairs_that_cutting_makes_identical_are_left_out_and_counted(tokenizer: Any) -> None:
    pairs = [
        pair("The same beginning and one end", "The same beginning and another end"),
        pair("No, I cannot", "Because of this"),
    ]
    room = len(prompt_ids(tokenizer, user("Why?")))
    linted = lint_pairs(pairs, LintConfig(), cut=cut_of(tokenizer, room + 3))
    assert linted.pairs == pairs[1:]
    assert linted.dropped == {"identical_after_cut": 1}
    assert linted.report["fault_counts"] == {"identical_after_cut": 1, "cut_pair": 1}


@pytest.fixture
def where(tmp_path: Path, tiny_directory: Path) -> tuple[Any, LintConfig, Place]:
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    config = load_config(
        empty,
        [
            f"run_dir={tmp_path}",
            f"model.base.path={tiny_directory}",
            "data.lint.fail_above.no_refusal=0.6",
        ],
    )
    return config.model, config.data.lint, Place(StageDirectory(tmp_path / "pairs"))


def test_the_stage_keeps_what_is_fit_and_counts_and_reports_the_rest(
    where: tuple[Any, LintConfig, Place], capsys: pytest.CaptureFixture[str]
) -> None:
    model, lint, place = where
    fit, same, complies = (
        pair("No, I cannot help.", "Sure, like this"),
        pair("I won't", "I won't"),
        pair("Do it so", "I cannot"),
    )
    dropped: Counter[str] = Counter(earlier=2)
    assert lint_built_pairs(model, lint, place, [fit, same, complies], dropped) == [fit, complies]
    assert dropped == {"earlier": 2, FAULT_KINDS["identical_pair"].meaning: 1}
    report = read_json(place.path / "lint.json")
    assert report["fault_counts"] == {"identical_pair": 1, "no_refusal": 1}
    assert report["checked"] | {"identical_after_cut": 3, "no_refusal": 2} == report["checked"]
    assert "lint: 1 identical_pair, 1 no_refusal; see lint.json" in capsys.readouterr().out


def test_pairs_beyond_a_limit_stop_the_stage_after_the_report_is_written(
    where: tuple[Any, LintConfig, Place],
) -> None:
    model, lint, place = where
    with pytest.raises(
        RecordError,
        match=r"no_refusal: 1 over 1 safe completions, data\.lint\.fail_above\.no_refusal "
        r"allows 0\.6",
    ):
        lint_built_pairs(model, lint, place, [pair("Do it so", "I cannot")], Counter())
    assert (place.path / "lint.json").is_file()
