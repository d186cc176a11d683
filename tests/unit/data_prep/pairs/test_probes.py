"""Probes find a planted shortcut by type, and say where there are too few pairs to know."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from data_prep.pairs.probes import judge_probes, probe_pairs
from records.errors import RecordError
from records.rows import Pair, assistant, user

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


def made(count: int, kind: str, seed: int, **fields: bool) -> list[Pair]:
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=12)) for _ in range(3 * count)]
    about: dict[str, Any] = {
        "chosen_source": "a",
        "rejected_source": "b",
        "chosen_score": 1.0,
        "rejected_score": 4.0,
        "margin": 3.0,
        "split": "train",
    }
    return [
        Pair(
            id=f"{kind}{number}",
            prompt=user(f"{'hide' if kind == 'harm' else 'explain'} {texts[number]}"),
            chosen=assistant(texts[count + number]),
            rejected=assistant(texts[2 * count + number]),
            prompt_id=f"{kind}{number}",
            pair_type=kind,
            kind="harmful" if kind == "harm" else "benign",
            **{**about, **fields},
        )
        for number in range(count)
    ]


def test_an_end_token_that_two_types_cancel_is_found_by_type_and_by_the_prompts_words() -> None:
    pairs = [
        *made(60, "harm", 1, rejected_finished=False),
        *made(60, "over_refusal", 2, chosen_finished=False),
    ]
    probes = probe_pairs(pairs, {})
    for kind in ("harm", "over_refusal"):
        assert probes["end_token"][kind]["accuracy"] == 1.0
        assert probes["prompt_words_and_end_token"][kind]["accuracy"] > 0.9
        assert probes["length"][kind]["accuracy"] == 0.5
    with pytest.raises(
        RecordError, match=r"end_token on harm pairs reaches 1\.00 \(0\.94 to 1\.00, n 60\)"
    ):
        judge_probes(probes, 0.7)


def test_a_length_that_goes_both_ways_is_found_by_type() -> None:
    pairs = []
    for pair in made(50, "harm", 1):
        pairs.append(replace(pair, rejected=assistant(f"{pair.rejected[0]['content']} and so on")))
    for pair in made(50, "over_refusal", 2):
        pairs.append(replace(pair, chosen=assistant(f"{pair.chosen[0]['content']} and so on")))
    lengths = probe_pairs(pairs, {})["length"]
    assert {kind: found["accuracy"] for kind, found in lengths.items()} == {
        "harm": 1.0,
        "over_refusal": 1.0,
    }


def test_pairs_without_a_shortcut_are_known_to_have_none() -> None:
    probes = probe_pairs([*made(150, "harm", 1), *made(150, "over_refusal", 2)], {})
    assert probes["end_token"]["harm"] == {"accuracy": 0.5, "interval": [0.5, 0.5], "n": 150}
    assert judge_probes(probes, 0.7) == []


def test_too_few_pairs_are_said() -> None:
    few = {"accuracy": 0.5, "interval": [0.3, 0.704], "n": 20}
    many = {"accuracy": 0.62, "interval": [0.55, 0.69], "n": 200}
    (unknown,) = judge_probes({"prefix": {"refuse_then_comply": few, "harm": many}}, 0.7)
    assert unknown.startswith("not enough pairs to know")
    assert "prefix on refuse_then_comply pairs reaches 0.50 (0.30 to 0.70, n 20)" in unknown
    assert probe_pairs(made(9, "harm", 1), {})["end_token"] == {}


def test_a_prefix_that_tells_whatever_the_prompt_is_a_shortcut_a_fitting_decline_is_none() -> None:
    def opened(pair: Pair, chosen: str, rejected: str) -> Pair:
        sides = pair.chosen[0]["content"], pair.rejected[0]["content"]
        return replace(
            pair,
            chosen=assistant(f"{chosen} {sides[0]}"),
            rejected=assistant(f"{rejected} {sides[1]}"),
        )

    harm, benign = made(60, "harm", 1), made(60, "over_refusal", 2)
    leaky = [opened(pair, "I can not", "Sure here is") for pair in (*harm, *benign)]
    assert {found["accuracy"] for found in probe_pairs(leaky, {})["prefix"].values()} == {1.0}
    fair = [
        *(opened(p, "I can not", "Sure here is") for p in harm),
        *(opened(p, "Sure here is", "I can not") for p in benign),
    ]
    both = [found["accuracy"] for found in probe_pairs(fair, {})["prefix"].values()]
    # What it gains on one type it loses on the other.
    assert sum(both) == pytest.approx(1.0, abs=0.2)


def test_no_classifier_sees_the_group_of_what_it_judges() -> None:
    """Twelve prompts, each five times: a word of the prompt tells its pairs apart, and nobody who
    has not seen the prompt knows.
    """
    rng, pairs = random.Random(0), []
    for number in range(12):
        first = rng.random() < 0.5
        for copy, pair in enumerate(
            made(5, "harm", number, chosen_finished=first, rejected_finished=not first)
        ):
            pairs.append(
                replace(
                    pair,
                    id=f"{number}-{copy}",
                    prompt_id=f"{number}-{copy}",
                    prompt=user(f"only{number}"),
                )
            )
    groups = {pair.prompt_id: pair.id.split("-")[0] for pair in pairs}
    told = probe_pairs(pairs, {})["prompt_words_and_end_token"]["harm"]["accuracy"]
    assert told > 0.9
    assert probe_pairs(pairs, groups)["prompt_words_and_end_token"]["harm"]["accuracy"] == 0.5
