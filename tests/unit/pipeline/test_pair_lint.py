from __future__ import annotations

from data_prep.config import LintConfig
from data_prep.lint.linter import lint_pairs
from data_prep.records import Pair, assistant, user
from models.tokens import prompt_ids
from pipeline.pair_lint import cut_of


def pair(chosen: str, rejected: str) -> Pair:
    return Pair(
        id=f"{chosen}/{rejected}", prompt=user("Why?"), chosen=assistant(chosen), rejected=assistant(rejected), prompt_id="p", pair_type="harm",
        kind="harmful", split="train", chosen_source="a", rejected_source="b", chosen_score=1.0, rejected_score=4.0, margin=3.0,
    )  # fmt: skip


def test_the_token_budget_says_what_is_left_of_a_pair(tokenizer):
    room = len(prompt_ids(tokenizer, user("Why?")))
    alike = pair("The same beginning and one end", "The same beginning and another end")
    apart = pair("No, and here is why that is", "Because of this and of that")
    assert [cut_of(tokenizer, room + extra)(alike) for extra in (1, 3, 400)] == ["no_room", "identical", "whole"]
    assert [cut_of(tokenizer, room + extra)(apart) for extra in (1, 3, 400)] == ["no_room", "cut", "whole"]


def test_pairs_that_cutting_makes_identical_are_left_out_and_counted(tokenizer):
    pairs = [pair("The same beginning and one end", "The same beginning and another end"), pair("No, I cannot", "Because of this")]
    room = len(prompt_ids(tokenizer, user("Why?")))
    linted = lint_pairs(pairs, LintConfig(), cut=cut_of(tokenizer, room + 3))
    assert linted.pairs == pairs[1:]
    assert linted.dropped == {"identical_after_cut": 1}
    assert linted.report["fault_counts"] == {"identical_after_cut": 1, "cut_pair": 1}
