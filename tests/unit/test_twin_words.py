"""How well a bag of words tells a harmful request from its twin is measured right, and stays under
three quarters.
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


def test_a_telltale_word_is_found_in_every_pair_of_another_fold():
    assert share(cross_validated(made("hide {}", "report {}"), repeats=1)).mean == 1.0


def test_pairs_of_the_same_words_are_a_coin_flip():
    """Words and runs of two are the same on both sides, so no score differs."""
    assert set(cross_validated(made("{0} and {0}", "{0} and {0}"), repeats=1)) == {0.5}


def test_a_model_that_learned_the_reverse_is_wrong_of_every_pair():
    model = fitted(made("report {}", "hide {}"))
    assert share(picked(model, made("hide {}", "report {}"))).mean == 0.0


def test_the_packaged_pairs_are_those_that_were_measured_and_are_under_the_limit():
    pairs = read_twins()
    parts = {
        name: [pair for pair in pairs if pair.split == name] for name in ("train", "val", "test")
    }
    model, kept = fitted(parts["train"]), json.loads(RESULTS.read_text())["now"]
    for name in ("val", "test"):
        found = kept[name]["from_train"]["mean"]
        assert share(picked(model, parts[name])).mean == pytest.approx(found, abs=0.02)
        assert found < LIMIT
    assert all(part["cross_validated"]["mean"] < LIMIT for part in kept.values())
    assert {name: part["pairs"] for name, part in kept.items()} == {
        "all": len(pairs),
        **{name: len(part) for name, part in parts.items()},
    }


def test_the_table_says_the_measured_shares():
    found = {"mean": 0.655, "interval": [0.55, 0.77]}
    row = {"test": {"pairs": 73, "cross_validated": found, "from_train": None}}
    (line,) = [part for part in twin_words_section({"now": row, "before": row}) if "| 73 |" in part]
    assert line.startswith("| test | 73 | 66 % (55 % to 77 %) | - |")
