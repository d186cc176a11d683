"""A classifier that cannot read finds a planted shortcut, and finds nothing where there is none."""

from __future__ import annotations

import random

import pytest

from data_prep.pairs.config import PairsConfig
from data_prep.pairs.shortcuts import judge_shortcuts, shortcut_accuracies
from records.errors import RecordError
from records.rows import Pair, Split, assistant, user

WORDS = [
    "rest",
    "water",
    "salt",
    "dose",
    "nurse",
    "heart",
    "lung",
    "pulse",
    "fever",
    "child",
    "sleep",
    "walk",
    "food",
    "sugar",
    "bone",
    "skin",
]


def pair(
    number: int, chosen: str, rejected: str, split: Split = "train", pair_type: str = "harm"
) -> Pair:
    return Pair(
        id=str(number),
        prompt=user("q"),
        chosen=assistant(chosen),
        rejected=assistant(rejected),
        prompt_id=str(number),
        pair_type=pair_type,
        kind="harmful",
        split=split,
        chosen_source="demonstration",
        rejected_source="base",
        chosen_score=1.0,
        rejected_score=4.0,
        margin=3.0,
    )


def sentences(seed: int, count: int, length: int = 12) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=length)) for _ in range(count)]


@pytest.fixture
def fair() -> list[Pair]:
    chosen, rejected = sentences(1, 400), sentences(2, 400)
    return [pair(i, a, b) for i, (a, b) in enumerate(zip(chosen, rejected, strict=True))]


@pytest.fixture
def same_opening() -> list[Pair]:
    chosen, rejected = sentences(3, 200), sentences(4, 200)
    return [
        pair(i, f"I can not {a}", f"Sure here is {b}")
        for i, (a, b) in enumerate(zip(chosen, rejected, strict=True))
    ]


def test_a_planted_prefix_is_found_with_certainty_and_fails(same_opening: list[Pair]) -> None:
    probes = shortcut_accuracies(same_opening[:100], same_opening[100:])
    assert probes["prefix_only"]["accuracy"] == 1.0
    assert probes["prefix_only"]["n"] == 100
    with pytest.raises(RecordError, match=r"prefix_only reaches 1\.00 \(0\.96 to 1\.00, n 100\)"):
        judge_shortcuts(probes, PairsConfig())


@pytest.mark.parametrize("longer", ["chosen", "rejected"])
def test_a_planted_length_is_found_whichever_side_is_longer(fair: list[Pair], longer: str) -> None:
    def grow(p: Pair) -> Pair:
        sides = {"chosen": p.chosen[0]["content"], "rejected": p.rejected[0]["content"]}
        sides[longer] += " and so on"
        return pair(int(p.id), sides["chosen"], sides["rejected"])

    rows = [grow(p) for p in fair]
    probes = shortcut_accuracies(rows[:200], rows[200:])
    assert probes["length_only"]["accuracy"] == 1.0
    with pytest.raises(RecordError, match=r"length_only reaches 1\.00"):
        judge_shortcuts(probes, PairsConfig())


def test_pairs_without_a_shortcut_are_near_one_half(fair: list[Pair]) -> None:
    probes = shortcut_accuracies(fair[:200], fair[200:])
    assert probes["length_only"]["accuracy"] == 0.5
    low, high = probes["prefix_only"]["interval"]
    assert low < 0.5 < high
    assert judge_shortcuts(probes, PairsConfig()) == []


def test_a_shortcut_between_the_limits_is_a_warning() -> None:
    probes = {
        "length_only": {"accuracy": 0.65, "interval": [0.55, 0.74], "n": 100},
        "prefix_only": {"accuracy": 0.65, "interval": [0.61, 0.69], "n": 500},
    }
    (warning,) = judge_shortcuts(probes, PairsConfig(shortcut_fail=0.7))
    assert "0.65" in warning


def test_few_pairs_above_the_limit_are_too_few_to_know_and_many_are_a_shortcut() -> None:
    """As the probes by type: 0.76 of 46 pairs is a leak or luck, 0.76 of 2,000 is a leak."""
    few = {"prefix_only": {"accuracy": 0.76, "interval": [0.62, 0.86], "n": 46}}
    (warning,) = judge_shortcuts(few, PairsConfig(shortcut_fail=0.7))
    assert "without reading: prefix_only reaches 0.76" in warning
    many = {"prefix_only": {"accuracy": 0.76, "interval": [0.74, 0.78], "n": 2000}}
    with pytest.raises(RecordError, match=r"prefix_only reaches 0\.76 \(0\.74 to 0\.78, n 2000\)"):
        judge_shortcuts(many, PairsConfig(shortcut_fail=0.7))


def test_a_shortcut_that_two_types_cancel_is_seen_by_type(same_opening: list[Pair]) -> None:
    """Twice as many pairs reject the opening as choose it: a mean of two thirds hides right on one
    type and wrong on the other.
    """
    turned = [
        pair(1000 + i, p.rejected[0]["content"], p.chosen[0]["content"], pair_type="over_refusal")
        for i, p in enumerate(same_opening)
    ]
    train, held_out = [*turned[:100], *same_opening[:50]], [*turned[100:], *same_opening[100:150]]
    probe = shortcut_accuracies(train, held_out)["prefix_only"]
    assert probe["accuracy"] == pytest.approx(2 / 3)
    assert probe["by_type"] == {
        "harm": {"accuracy": 0.0, "n": 50},
        "over_refusal": {"accuracy": 1.0, "n": 100},
    }


def test_nothing_held_out_is_no_evidence(fair: list[Pair]) -> None:
    assert shortcut_accuracies(fair, []) == shortcut_accuracies([], fair) == {}


def test_an_answer_without_words_does_not_stop_the_probe(fair: list[Pair]) -> None:
    probes = shortcut_accuracies(
        [*fair[:50], pair(900, "...", "!!!")], [*fair[50:100], pair(901, "", "?")]
    )
    assert probes["prefix_only"]["n"] == 51
