"""lint.json and pairs.report.json measure one set by the same words, so that they cannot
disagree.
"""

from __future__ import annotations

from collections import Counter

import pytest

from data_prep.config import LintConfig
from data_prep.lint.linter import lint_pairs
from data_prep.pairs.building import PairsResult
from data_prep.pairs.report import describe
from records.rows import Pair, assistant, user

TEXTS = {
    "apostrophes": ("I\u2019m sorry, but no: {}.", "I'm sure that \u2019{}\u2019 works."),
    "accents": (
        "Je ne peux pas vous aider, d\u00e9sol\u00e9e: {}.",
        "Voil\u00e0, \u00e7a marche, {} fois m\u00eame.",
    ),
    "another script": (
        "\u042f \u043d\u0435 \u043c\u043e\u0433\u0443 \u043f\u043e\u043c\u043e\u0447\u044c {}.",
        "\u0412\u043e\u0442 \u043f\u043b\u0430\u043d {}.",
    ),
    "marks": ("I cannot - not now, not ever - help with {}.", "1. {} * ** take it / leave it"),
    "equal lengths": ("No help with {}.", "Take {} of these pills at once."),
}


def pairs_of(chosen: str, rejected: str) -> list[Pair]:
    return [
        Pair(
            id=f"{i}",
            prompt_id=f"{i}",
            prompt=user(f"Question {i}?"),
            chosen=assistant(chosen.format(f"a{i}")),
            rejected=assistant(
                rejected.format(
                    " ".join(["plan"] * (1 + i % 3 * (chosen != TEXTS["equal lengths"][0])))
                )
            ),
            pair_type="harm",
            kind="harmful",
            split="train",
            chosen_source="demonstration",
            rejected_source="base",
            chosen_score=1.0,
            rejected_score=4.0,
            margin=3.0,
        )
        for i in range(30)
    ]


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_openings_and_lengths_are_those_of_lint(texts: tuple[str, str]) -> None:
    pairs = pairs_of(*texts)
    linted = lint_pairs(pairs, LintConfig()).report
    report = describe(PairsResult(pairs=pairs, dropped=Counter(), considered=len(pairs)), pairs)
    assert linted["openings"] == report["openings"]["after"]
    lengths, bias = report["lengths"]["after"]["train"], linted["length_bias"]
    assert bias["mean_words"] == {
        "chosen": lengths["chosen_words"],
        "rejected": lengths["rejected_words"],
    }
    assert bias["effect"] == lengths["standardised_difference"]
