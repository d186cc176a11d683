"""Preference pairs: what is chosen is safer, what is left out is counted, and the same seed gives
the same bytes.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from data_prep.pairs.building import build_pairs
from data_prep.pairs.candidates import Candidate
from data_prep.pairs.config import PairsConfig, SidesConfig
from data_prep.pairs.report import describe, summary_lines
from records.rows import Demonstration, Pair, assistant, json_lines, text_of, user

WIDE = {"max_length_ratio": 1e9, "max_pairs_per_prompt": 100}
NEITHER = {
    "min_margin": 1.0,
    "max_opening_share": 1.0,
    "max_length_difference": None,
    "sides": SidesConfig(cut_alike="none"),
}
"""The completions of this world open alike, end as they do and have the lengths that they have;
tests of their own look at what is done about it."""


def demonstration(number: int, kind: str, split: str = "train", twin: bool = True) -> Demonstration:
    name, other = (
        f"{number:03}-{kind}",
        f"{number:03}-{'benign' if kind == 'harmful' else 'harmful'}",
    )
    return Demonstration(
        id=name,
        prompt=user(f"request {name}"),
        completion=assistant(
            f"I will not do {number}. Ask a nurse."
            if kind == "harmful"
            else f"Yes, {number} is fine to take."
        ),
        kind=kind,
        suite="harmful" if kind == "harmful" else "twins",
        source="made",
        licence="MIT",
        principle=number % 9 + 1 if kind == "harmful" else None,
        twin_id=other if twin else None,
        split=split,
    )


@pytest.fixture
def world():
    """Forty twins and four policy completions to each harmful prompt, with scores of all kinds."""
    rng = random.Random(1)
    demos, found = [], {}
    for number in range(40):
        split = "val" if number % 4 == 0 else "train"
        harmful, benign = (
            demonstration(number, "harmful", split),
            demonstration(number, "benign", split),
        )
        demos += [harmful, benign]
        made = []
        for sample in range(4):
            refuses = rng.random() < 0.2
            score = None if rng.random() < 0.1 else 1.0 if refuses else round(rng.uniform(1, 5), 2)
            text = f"Sure, do step {sample} of {number} at once."
            made.append(
                Candidate(
                    assistant(text), "base", score, "full" if refuses else "none", sample % 2 == 0
                )
            )
        found[harmful.id] = [
            *made,
            Candidate(harmful.completion, "demonstration", 1.05, "full", True),
        ]
        own = Candidate(
            assistant(f"The answer to {number} is yes."),
            "base",
            1.2,
            rng.choice(["none", "none", "full"]),
            True,
        )
        found[benign.id] = [own, Candidate(benign.completion, "demonstration", 1.1, "none", True)]
    return demos, found


def build(world, seed=0, **settings):
    demos, found = world
    return build_pairs(
        demos,
        found,
        PairsConfig(**(NEITHER | settings)),
        opening_of=lambda text: text.split(". ")[0] + ".",
        seed=seed,
    )


def harm_pairs(result):
    return [pair for pair in result.pairs if pair.pair_type != "over_refusal"]


def test_chosen_is_less_harmful_than_rejected(world):
    for pair in harm_pairs(build(world, **WIDE)):
        assert pair.chosen_score + 1.0 <= pair.rejected_score
        assert pair.margin == pair.rejected_score - pair.chosen_score
        assert (pair.chosen_source, pair.rejected_source) == ("demonstration", "base")


def test_refuse_then_comply_is_about_the_wanted_share_and_opens_with_the_refusal(world):
    result = build(world, refuse_then_comply=0.5, **WIDE)
    mixed = [pair for pair in result.pairs if pair.pair_type == "refuse_then_comply"]
    assert 0.3 < len(mixed) / len(harm_pairs(result)) < 0.7
    for pair in mixed:
        opening, _, rest = text_of(pair.rejected).partition(". ")
        assert text_of(pair.chosen).startswith(f"{opening}.")
        assert rest.startswith("Sure, do step")


@pytest.mark.parametrize(("share", "kinds"), [(0.0, {"harm"}), (1.0, {"refuse_then_comply"})])
def test_refuse_then_comply_at_its_ends(world, share, kinds):
    assert {
        pair.pair_type for pair in harm_pairs(build(world, refuse_then_comply=share, **WIDE))
    } == kinds


def test_over_refusal_pairs_reject_the_policys_own_refusal_or_the_twins_safe_answer(world):
    demos = {demo.id: demo for demo in world[0]}
    own = {name: found[0] for name, found in world[1].items() if found[0].refusal == "full"}
    pairs = [pair for pair in build(world, **WIDE).pairs if pair.pair_type == "over_refusal"]
    assert pairs
    for pair in pairs:
        benign = demos[pair.prompt_id]
        assert pair.kind == benign.kind == "benign"
        if pair.prompt_id in own:
            assert (pair.rejected, pair.rejected_source) == (
                own[pair.prompt_id].completion,
                "base's own refusal",
            )
            assert pair.chosen == benign.completion
        else:
            assert (pair.rejected, pair.rejected_source) == (
                demos[benign.twin_id].completion,
                "twin's safe answer",
            )
        assert pair.chosen != pair.rejected
    assert {"base's own refusal", "twin's safe answer"} == {pair.rejected_source for pair in pairs}


def test_a_later_round_rejects_the_current_policys_own_refusals_and_keeps_them_first(world):
    """Its completions are the last policy's.

    Pairs that are satisfied already have no gradient left.
    """
    demos, found = world
    last = {
        name: [c._replace(source="dpo") if c.source == "base" else c for c in those]
        for name, those in found.items()
    }
    refused = {
        demo.id
        for demo in demos
        if demo.kind == "benign"
        and any(c.source == "dpo" and c.refusal == "full" for c in last[demo.id])
    }
    assert refused
    few = [
        pair
        for pair in build((demos, last), over_refusal=0.5, **WIDE).pairs
        if pair.kind == "benign" and pair.split == "train"
    ]
    own = {pair.prompt_id for pair in few if pair.rejected_source == "dpo's own refusal"}
    assert own == {demo.id for demo in demos if demo.id in refused and demo.split == "train"}
    assert len(own) < len(few)


def test_an_incoherent_answer_is_never_the_helpful_one(world):
    demos, found = world
    for demo in demos:
        if demo.kind == "benign":
            own = found[demo.id][0]._replace(refusal="none", coherent=False)
            found[demo.id] = [own, *found[demo.id][1:]]
    helpful = [pair for pair in build(world, **WIDE).pairs if pair.pair_type == "over_refusal"]
    assert {pair.chosen_source for pair in helpful} == {"demonstration"}
    alone = {name: rows[:1] if rows[0].coherent is False else rows for name, rows in found.items()}
    result = build((demos, alone), **WIDE)
    assert not [pair for pair in result.pairs if pair.pair_type == "over_refusal"]
    assert result.dropped["benign prompt whose answers are incoherent"] == 40


def test_helpful_answers_are_peoples_where_that_is_wanted(world):
    helpful = [
        pair
        for pair in build(
            world, sides=SidesConfig(cut_alike="none", helpful="demonstration"), **WIDE
        ).pairs
        if pair.pair_type == "over_refusal"
    ]
    assert {pair.chosen_source for pair in helpful} == {"demonstration"}


def test_twins_of_requests_that_the_policy_refuses_by_itself_come_first(world):
    """They make no harm pair, and over-refusal is hardest there; a limit must not take them."""
    demos, found = world
    refused = [demo for demo in demos if demo.kind == "harmful" and demo.split == "train"][:3]
    for demo in refused:
        found[demo.id] = [
            Candidate(assistant("I won't."), "base", 1.0, "full", True),
            found[demo.id][-1],
        ]
    kept = build(world, over_refusal=0.1, **WIDE).pairs
    assert {demo.twin_id for demo in refused} <= {
        pair.prompt_id for pair in kept if pair.pair_type == "over_refusal"
    }


def test_a_helpful_answer_is_the_policys_own_only_where_it_does_not_refuse(world):
    _, found = world
    for pair in build(world, **WIDE).pairs:
        if pair.pair_type == "over_refusal":
            own = found[pair.prompt_id][0]
            assert pair.chosen_source == ("base" if own.refusal == "none" else "demonstration")


def test_a_benign_prompt_without_a_twin_gets_a_refusal_of_its_own_split(world):
    demos, found = world
    alone = demonstration(900, "benign", "val", twin=False)
    demos.append(alone)
    found[alone.id] = [Candidate(alone.completion, "demonstration", 1.0, "none", True)]
    result = build((demos, found), over_refusal=100.0, **WIDE)
    (pair,) = [pair for pair in result.pairs if pair.prompt_id == alone.id]
    of_val = [demo.completion for demo in demos if demo.kind == "harmful" and demo.split == "val"]
    assert pair.rejected in of_val
    assert pair.rejected_source == "another safe answer"


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
def test_every_candidate_is_a_pair_or_counted_with_its_reason(world, settings):
    """Each policy completion to a harmful prompt, and each benign prompt, ends in one pair or one
    count.
    """
    demos, found = world
    result = build(world, **settings)
    answers = sum(len(found[demo.id]) - 1 for demo in demos if demo.kind == "harmful")
    benign = sum(demo.kind == "benign" for demo in demos)
    assert len(result.pairs) + sum(result.dropped.values()) == answers + benign == result.considered


def test_reasons_are_the_right_ones():
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
            "policy answer unscored": 1,
            "policy answer already refuses": 1,
            "repeats another answer to its prompt": 1,
            "tie": 1,
            "benign prompt without a helpful answer or a refusal to set against it": 1,
        }
    )


@pytest.mark.parametrize("score", [None, 1.0])
def test_a_safe_answer_that_is_unscored_or_declines_nothing_makes_no_pair(score):
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
def test_empty_and_identical_sides_are_left_out(text):
    demo = demonstration(1, "harmful")
    found = {
        demo.id: [
            Candidate(demo.completion, "demonstration", 1.0, "full", True),
            Candidate(assistant(text), "base", 5.0, "none", True),
        ]
    }
    result = build(([demo], found), refuse_then_comply=0.0)
    assert +result.dropped == Counter({"empty or identical sides": 1})


def test_same_seed_same_bytes_whatever_the_order_of_the_rows(world):
    demos, found = world
    first = json_lines(build(world, 3, refuse_then_comply=0.5).pairs)
    assert (
        json_lines(
            build((demos[::-1], dict(reversed(found.items()))), 3, refuse_then_comply=0.5).pairs
        )
        == first
    )
    assert json_lines(build(world, 4, refuse_then_comply=0.5).pairs) != first


def test_over_refusal_pairs_keep_the_wanted_proportion_in_each_split(world):
    result = build(world, over_refusal=0.5, min_margin=0.0, **WIDE)
    for split in ("train", "val"):
        kinds = Counter(
            pair.pair_type == "over_refusal" for pair in result.pairs if pair.split == split
        )
        assert kinds[True] == min(
            round(0.5 * kinds[False]),
            sum(d.kind == "benign" and d.split == split for d in world[0]),
        )


@pytest.mark.parametrize(
    ("limit", "over_refusal", "benign"),
    # 40 at 9 to 1 would be 36 benign pairs; there are 30.
    [
        (20, 1.0, 10),
        (20, 3.0, 15),
        (20, 0.25, 4),
        (40, 9.0, 30),
        (20, 0.0, 0),
    ],
)
def test_the_limit_holds_for_train_only_and_keeps_the_wanted_proportion(
    world, limit, over_refusal, benign
):
    settings = {"min_margin": 0.0, "over_refusal": over_refusal, **WIDE}
    free, limited = build(world, **settings), build(world, max_train_pairs=limit, **settings)
    kept = Counter(pair.kind for pair in limited.pairs if pair.split == "train")
    assert (kept["benign"], kept["harmful"]) == (benign, limit - benign)
    assert [pair for pair in limited.pairs if pair.split == "val"] == [
        pair for pair in free.pairs if pair.split == "val"
    ]
    assert (
        limited.dropped["over max_train_pairs"]
        == sum(pair.split == "train" for pair in free.pairs) - limit
    )


def test_what_the_limit_leaves_holds_harmful_requests_together_with_their_twins(world):
    """One completion to each prompt here, so the kept benign prompts are all twins of kept harmful
    ones, or the other way round.
    """
    demos, found = world
    for demo in demos:
        if demo.kind == "harmful":
            found[demo.id] = [
                Candidate(assistant("Sure, do it."), "base", 5.0, "none", True),
                found[demo.id][-1],
            ]
    twin = {demo.id: demo.twin_id for demo in demos}
    for limit in (8, 20, 30):
        train = [
            pair
            for pair in build((demos, found), max_train_pairs=limit, **WIDE).pairs
            if pair.split == "train"
        ]
        harmful = {pair.prompt_id for pair in train if pair.kind == "harmful"}
        assert {twin[pair.prompt_id] for pair in train if pair.kind == "benign"} == harmful
        assert len(harmful) == limit // 2


def test_ids_are_unique(world):
    ids = [pair.id for pair in build(world, **WIDE).pairs]
    assert len(set(ids)) == len(ids)


def pair(number: int, split: str, chosen: str, rejected: str, pair_type: str = "harm") -> Pair:
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


def test_the_report_counts_what_was_built(world):
    result = build(world, **WIDE)
    report = describe(result, [])
    assert report["pairs"] == len(result.pairs)
    for name in ("by_split", "by_type", "by_principle", "by_chosen_source", "by_rejected_source"):
        assert sum(report[name].values()) == len(result.pairs), name
    assert sum(report["margin_histogram"].values()) == len(harm_pairs(result))
    assert report["considered"] == report["pairs"] + sum(report["dropped"].values())
    assert 0 not in report["dropped"].values()


def test_the_report_says_what_the_breakers_changed_in_openings_lengths_and_shortcuts(world):
    plain = [
        pair(
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


def test_margins_fall_into_whole_steps(world):
    result = build(world, min_margin=0.0, **WIDE)
    histogram = describe(result, [])["margin_histogram"]
    for low in range(4):
        assert histogram.get(f"{low} to {low + 1}", 0) == sum(
            low <= p.margin < low + 1 for p in harm_pairs(result)
        )
