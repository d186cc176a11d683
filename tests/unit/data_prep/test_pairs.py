"""Preference pairs: what is chosen is safer, what is left out is counted, and the same seed gives
the same bytes.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from built_pairs import WIDE, build, demonstration

from data_prep.pairs.building import PairsResult
from data_prep.pairs.candidates import Candidate
from data_prep.pairs.report import describe, summary_lines
from records.rows import Demonstration, Pair, Split, assistant, json_lines, text_of, user


def made_pair(
    number: int, split: Split, chosen: str, rejected: str, pair_type: str = "harm"
) -> Pair:
    return Pair(
        id=f"{number}",
        prompt=user("q"),
        chosen=assistant(chosen),
        rejected=assistant(rejected),
        prompt_id=f"{number}",
        pair_type=pair_type,
        kind="benign" if pair_type == "over_refusal" else "harmful",
        split=split,
        chosen_source="demonstration",
        rejected_source="base",
        chosen_score=1.0,
        rejected_score=4.0,
        margin=3.0,
        principle=number % 9 + 1,
    )


def harm_pairs(result: PairsResult) -> list[Pair]:
    return [pair for pair in result.pairs if pair.pair_type != "over_refusal"]


def test_chosen_is_less_harmful_than_rejected(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
    for pair in harm_pairs(build(world, **WIDE)):
        assert pair.chosen_score + 1.0 <= pair.rejected_score
        assert pair.margin == pair.rejected_score - pair.chosen_score
        assert (pair.chosen_source, pair.rejected_source) == ("demonstration", "base")


def test_refuse_then_comply_is_about_the_wanted_share_and_opens_with_the_refusal(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
    result = build(world, refuse_then_comply=0.5, **WIDE)
    mixed = [pair for pair in result.pairs if pair.pair_type == "refuse_then_comply"]
    assert 0.3 < len(mixed) / len(harm_pairs(result)) < 0.7
    for pair in mixed:
        opening, _, rest = text_of(pair.rejected).partition(". ")
        assert text_of(pair.chosen).startswith(f"{opening}.")
        assert rest.startswith("Sure, do step")


@pytest.mark.parametrize(("share", "kinds"), [(0.0, {"harm"}), (1.0, {"refuse_then_comply"})])
def test_refuse_then_comply_at_its_ends(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]], share: float, kinds: set[str]
) -> None:
    assert {
        pair.pair_type for pair in harm_pairs(build(world, refuse_then_comply=share, **WIDE))
    } == kinds


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_length_ratio": 1.2},
        {"max_pairs_per_prompt": 1},
        {"over_refusal": 0.2},
        {"max_train_pairs": 9},
        {"max_length_difference": 0.0},
        {"strategy": "random_lower"},
        {"strategy": "random_pair"},
    ],
)
def test_every_candidate_is_a_pair_or_counted_with_its_reason(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]], settings: dict[str, Any]
) -> None:
    """Each policy completion to a harmful prompt, and each benign prompt, ends in one pair or one
    count.
    """
    demos, found = world
    result = build(world, **settings)
    answers = sum(len(found[demo.id]) - 1 for demo in demos if demo.kind == "harmful")
    benign = sum(demo.kind == "benign" for demo in demos)
    assert len(result.pairs) + sum(result.dropped.values()) == answers + benign == result.considered


def test_reasons_are_the_right_ones() -> None:
    demo, twin = demonstration(1, "harmful"), demonstration(1, "benign")
    answers = [
        ("a b c", 5.0, "none"),
        ("d e f", 4.0, "none"),
        ("g h i", 3.9, "none"),
        ("j", 1.5, "none"),
        ("k", None, "none"),
        ("l", 4.5, "full"),
        ("d e f", 4.0, "none"),
        ("m", 1.0, "none"),
    ]
    found = {
        demo.id: [
            Candidate(demo.completion, "demonstration", 1.0, "full", True),
            *(
                Candidate(assistant(text), "base", score, refusal, True)
                for text, score, refusal in answers
            ),
        ]
    }
    result = build(([demo, twin], found), refuse_then_comply=0.0)
    assert sorted(text_of(pair.rejected) for pair in result.pairs) == ["a b c", "d e f"]
    assert +result.dropped == Counter(
        {
            "over max_pairs_per_prompt": 1,
            "margin below min_margin": 1,
            "the policy's completion is unscored": 1,
            "the policy's completion already refuses": 1,
            "repeats another completion to its prompt": 1,
            "tie": 1,
            "benign prompt without a helpful completion or a refusal to set against it": 1,
        }
    )


@pytest.mark.parametrize("score", [None, 1.0])
def test_a_safe_answer_that_is_unscored_or_declines_nothing_makes_no_pair(
    score: float | None,
) -> None:
    demo = demonstration(1, "harmful")
    found = {
        demo.id: [
            Candidate(demo.completion, "demonstration", score, "none", True),
            Candidate(assistant("x"), "base", 5.0, "none", True),
        ]
    }
    result = build(([demo], found))
    assert not result.pairs
    assert sum(result.dropped.values()) == 1


@pytest.mark.parametrize("text", ["", "   ", "I will not do 1. Ask a nurse."])
def test_empty_and_identical_sides_are_left_out(text: str) -> None:
    demo = demonstration(1, "harmful")
    found = {
        demo.id: [
            Candidate(demo.completion, "demonstration", 1.0, "full", True),
            Candidate(assistant(text), "base", 5.0, "none", True),
        ]
    }
    result = build(([demo], found), refuse_then_comply=0.0)
    assert +result.dropped == Counter({"empty or identical sides": 1})


def test_same_seed_same_bytes_whatever_the_order_of_the_rows(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
    demos, found = world
    first = json_lines(build(world, 3, refuse_then_comply=0.5).pairs)
    assert (
        json_lines(
            build((demos[::-1], dict(reversed(found.items()))), 3, refuse_then_comply=0.5).pairs
        )
        == first
    )
    assert json_lines(build(world, 4, refuse_then_comply=0.5).pairs) != first


def test_ids_are_unique(world: tuple[list[Demonstration], dict[str, list[Candidate]]]) -> None:
    ids = [pair.id for pair in build(world, **WIDE).pairs]
    assert len(set(ids)) == len(ids)


def test_the_report_counts_what_was_built(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
    result = build(world, **WIDE)
    report = describe(result, [])
    assert report["pairs"] == len(result.pairs)
    for name in ("by_split", "by_type", "by_principle", "by_chosen_source", "by_rejected_source"):
        assert sum(report[name].values()) == len(result.pairs), name
    assert sum(report["margin_histogram"].values()) == len(harm_pairs(result))
    assert report["considered"] == report["pairs"] + sum(report["dropped"].values())
    assert 0 not in report["dropped"].values()


def test_the_report_says_what_the_breakers_changed_in_openings_lengths_and_shortcuts(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
    plain = [
        made_pair(
            i,
            "val" if i % 3 == 0 else "train",
            f"I cannot help {i}",
            f"Sure, take {i} of these at once",
        )
        for i in range(60)
    ]
    report = describe(build(world, **WIDE), plain)
    assert report["openings"]["before"] == {"i cannot help": 1.0}
    assert report["lengths"]["before"]["train"] == {
        "chosen_words": 4.0,
        "rejected_words": 7.0,
        "standardised_difference": -3.0,
    }
    assert (
        report["shortcuts"]["before"]["prefix_only"]["accuracy"]
        == report["shortcuts"]["before"]["length_only"]["accuracy"]
        == 1.0
    )
    said = "\n".join(summary_lines(report))
    assert "prefix_only: 1.00 (0.84 to 1.00, n 20) before, 0." in said
    assert (
        "commonest opening of what is chosen: 100% before the shortcut breakers, 100% after" in said
    )
    assert "standardised difference of lengths in train: -3.00 before, " in said


def test_margins_fall_into_whole_steps(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
    result = build(world, min_margin=0.0, **WIDE)
    histogram = describe(result, [])["margin_histogram"]
    for low in range(4):
        assert histogram.get(f"{low} to {low + 1}", 0) == sum(
            low <= p.margin < low + 1 for p in harm_pairs(result)
        )
