"""How well a bag of words tells a harmful request from its twin is measured right, and stays under
three quarters on the suite that is worded alike.
"""

from __future__ import annotations

import json

import pytest

from benchmarks.twin_words import (
    RESULTS,
    Twins,
    cross_validated,
    fitted,
    picked,
    read_twins,
    read_worded_alike,
    share,
    twin_words_section,
)

LIMIT = 0.75
TOPICS = ("asthma", "gout", "fever", "anaemia", "migraine", "eczema", "sciatica", "shingles") * 3


def made(harmful: str, benign: str) -> list[Twins]:
    return [
        Twins(id=str(k), harmful=harmful.format(topic), benign=benign.format(topic), split="test")
        for k, topic in enumerate(TOPICS)
    ]


def test_a_telltale_word_is_found_in_every_pair_of_another_fold() -> None:
    assert share(cross_validated(made("hide {}", "report {}"), repeats=1)).mean == 1.0


def test_pairs_of_the_same_words_are_a_coin_flip() -> None:
    """Words and runs of two are the same on both sides, so no score differs."""
    assert set(cross_validated(made("{0} and {0}", "{0} and {0}"), repeats=1)) == {0.5}


def test_a_model_that_learned_the_reverse_is_wrong_of_every_pair() -> None:
    model = fitted(made("report {}", "hide {}"))
    assert share(picked(model, made("hide {}", "report {}"))).mean == 0.0


def test_the_pairs_are_those_that_were_measured_and_the_suite_is_under_the_limit() -> None:
    pairs = [*read_twins(), *read_worded_alike()]
    kept = json.loads(RESULTS.read_text())
    parts = {name: [pair for pair in pairs if pair.split == name] for name in kept}
    model = fitted(parts["train"])
    for name in ("val", "test", "worded_alike"):
        found = kept[name]["from_train"]["mean"]
        assert share(picked(model, parts[name])).mean == pytest.approx(found, abs=0.02)
    assert {name: part["pairs"] for name, part in kept.items()} == {
        name: len(part) for name, part in parts.items()
    }
    alike = kept["worded_alike"]
    assert max(alike["from_train"]["mean"], alike["cross_validated"]["mean"]) < LIMIT


def test_pairs_worded_alike_are_the_test_pairs_of_the_demo() -> None:
    test = {pair.id for pair in read_twins() if pair.split == "test"}
    assert {pair.id for pair in read_worded_alike()} == test


def test_the_table_says_the_measured_shares() -> None:
    found = {"mean": 0.655, "interval": [0.55, 0.77]}
    row = {"worded_alike": {"pairs": 73, "cross_validated": found, "from_train": None}}
    (line,) = [part for part in twin_words_section(row) if "| 73 |" in part]
    assert line.startswith("| worded alike | 73 | 66 % (55 % to 77 %) | - |")
