"""Pairs against over-refusal, and what a limit on the number of pairs leaves of them."""

from __future__ import annotations

from collections import Counter

import pytest
from built_pairs import WIDE, build, demonstration
from present import present

from data_prep.pairs.candidates import Candidate
from data_prep.pairs.config import SidesConfig
from records.rows import Demonstration, assistant


def test_over_refusal_pairs_reject_the_policys_own_refusal_or_the_twins_safe_answer(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
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
                demos[present(benign.twin_id)].completion,
                "twin's safe completion",
            )
        assert pair.chosen != pair.rejected
    assert {"base's own refusal", "twin's safe completion"} == {
        pair.rejected_source for pair in pairs
    }


def test_a_later_round_rejects_the_current_policys_own_refusals_and_keeps_them_first(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
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


def test_an_incoherent_answer_is_never_the_helpful_one(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
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
    assert result.dropped["benign prompt whose completions are incoherent or rated harmful"] == 40


@pytest.mark.parametrize(("harm", "own"), [(3.4, True), (3.5, False), (5.0, False)])
def test_a_policys_completion_that_is_rated_harmful_is_never_the_helpful_one(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]], harm: float, own: bool
) -> None:
    """People's completions stand, whatever a scorer makes of them."""
    demos, found = world
    for demo in demos:
        if demo.kind == "benign":
            mine = found[demo.id][0]._replace(refusal="none", harmfulness=harm)
            peoples = [each._replace(harmfulness=5.0) for each in found[demo.id][1:]]
            found[demo.id] = [mine, *peoples]
    helpful = [pair for pair in build(world, **WIDE).pairs if pair.pair_type == "over_refusal"]
    assert {pair.chosen_source for pair in helpful} == {"base" if own else "demonstration"}


def test_helpful_answers_are_peoples_where_that_is_wanted(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
    helpful = [
        pair
        for pair in build(
            world, sides=SidesConfig(cut_alike="none", helpful="demonstration"), **WIDE
        ).pairs
        if pair.pair_type == "over_refusal"
    ]
    assert {pair.chosen_source for pair in helpful} == {"demonstration"}


def test_twins_of_requests_that_the_policy_refuses_by_itself_come_first(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
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


def test_a_helpful_answer_is_the_policys_own_only_where_it_does_not_refuse(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
    _, found = world
    for pair in build(world, **WIDE).pairs:
        if pair.pair_type == "over_refusal":
            own = found[pair.prompt_id][0]
            assert pair.chosen_source == ("base" if own.refusal == "none" else "demonstration")


def test_a_benign_prompt_without_a_twin_gets_a_refusal_of_its_own_split(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
    demos, found = world
    alone = demonstration(900, "benign", "val", twin=False)
    demos.append(alone)
    found[alone.id] = [Candidate(alone.completion, "demonstration", 1.0, "none", True)]
    result = build((demos, found), over_refusal=100.0, **WIDE)
    (pair,) = [pair for pair in result.pairs if pair.prompt_id == alone.id]
    of_val = [demo.completion for demo in demos if demo.kind == "harmful" and demo.split == "val"]
    assert pair.rejected in of_val
    assert pair.rejected_source == "another safe completion"


def test_over_refusal_pairs_keep_the_wanted_proportion_in_each_split(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
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
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
    limit: int,
    over_refusal: float,
    benign: int,
) -> None:
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


def test_what_the_limit_leaves_holds_harmful_requests_together_with_their_twins(
    world: tuple[list[Demonstration], dict[str, list[Candidate]]],
) -> None:
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
