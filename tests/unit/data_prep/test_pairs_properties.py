"""What holds of the pairs of any world: nothing is lost, nothing depends on the order of rows, a
higher margin only takes away.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.pairs.building import PairsResult, build_pairs
from data_prep.pairs.candidates import candidates, rejected_id
from data_prep.pairs.config import PairsConfig
from data_prep.pairs.proportions import Lengths
from records.rows import (
    Completion,
    Demonstration,
    Kind,
    RecordT,
    Revision,
    Score,
    Split,
    assistant,
    json_lines,
    text_of,
    user,
)

LOW, HIGH = (
    st.sampled_from([1.0, 1.0, 1.2, 2.0, None]),
    st.sampled_from([1.0, 2.0, 2.5, 3.5, 4.0, 5.0, None]),
)
DECLINES, ANSWERS = (
    st.sampled_from(["full", "full", "full", "partial", "none"]),
    st.sampled_from(["none", "none", "none", "none", "full", "partial"]),
)
OPENINGS = ["I'm sorry, but I cannot do", "I won't do", "No to"]
TEXTS = [
    "Do this.",
    "Sure, do it now.",
    "Hm.",
    "Take three.",
    "Take four of them at once.",
    "Well, yes.",
]


def _shuffled(rows: list[RecordT], seed: int) -> list[RecordT]:
    return random.Random(seed).sample(rows, len(rows))


class World(NamedTuple):
    demonstrations: list[Demonstration]
    completions: list[Completion]
    revisions: list[Revision]
    scores: list[Score]

    def shuffled(self, seed: int) -> World:
        return World(
            _shuffled(self.demonstrations, seed),
            _shuffled(self.completions, seed),
            _shuffled(self.revisions, seed),
            _shuffled(self.scores, seed),
        )

    def pairs(self, config: PairsConfig, seed: int = 0) -> PairsResult:
        found = candidates(self.completions, self.demonstrations, self.scores, self.revisions)
        return build_pairs(self.demonstrations, found, config, opening_of=opening, seed=seed)


def opening(text: str) -> str | None:
    return (
        text.split(".")[0] + "."
        if any(start in text for start in ("I cannot", "I won't", "No to"))
        else None
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World([], [], [], [])

    def score(
        name: str, values: st.SearchStrategy[float | None], labels: st.SearchStrategy[str]
    ) -> None:
        world.scores.append(
            Score(id=f"{name}/refusal", completion_id=name, scorer="refusal", label=draw(labels))
        )
        for number in range(draw(st.sampled_from([1, 1, 1, 2]))):
            world.scores.append(
                Score(
                    id=f"{name}/{number}",
                    completion_id=name,
                    scorer=f"judge{number}",
                    value=draw(values),
                )
            )

    for number in range(draw(st.integers(1, 4))):
        split: Split = draw(st.sampled_from(["train", "train", "val"]))
        harmful = _demonstration(
            number, "harmful", split, f"{draw(st.sampled_from(OPENINGS))} {number}. Ask a nurse."
        )
        benign = _demonstration(
            number, "benign", split, f"Yes, {number} is fine to take with some water."
        )
        world.demonstrations.extend([harmful, benign])
        made = [
            _completion(harmful, k, draw(st.sampled_from(TEXTS)))
            for k in range(draw(st.integers(0, 6)))
        ]
        own = _completion(benign, 0, f"Of course, {number} it is.")
        world.completions.extend([*made, own])
        for name in (rejected_id(harmful), *(c.id for c in made)):
            score(name, HIGH, ANSWERS)
        score(harmful.id, LOW, DECLINES)
        for name in (benign.id, own.id):
            score(name, LOW, ANSWERS)
        if len(made) > 0 and draw(st.booleans()):
            first = made[0].to_json() | {
                "id": f"{made[0].id}/revised",
                "policy": "base/revised",
                "completion": assistant("I won't do it."),
            }
            world.revisions.append(
                Revision(**first, answer_id=made[0].id, principle=1, critique="Hm.")
            )
            score(world.revisions[-1].id, LOW, DECLINES)
    return world


def _demonstration(number: int, kind: Kind, split: Split, text: str) -> Demonstration:
    twin = f"{number}-{'benign' if kind == 'harmful' else 'harmful'}"
    rejected = assistant(f"Take {number} at once.") if kind == "harmful" and number % 2 else []
    return Demonstration(
        id=f"{number}-{kind}",
        prompt=user(f"{kind} {number}"),
        completion=assistant(text),
        rejected=rejected,
        kind=kind,
        suite="s",
        source="made",
        licence="MIT",
        twin_id=twin,
        split=split,
    )


def _completion(demo: Demonstration, sample: int, text: str) -> Completion:
    return Completion(
        id=f"{demo.id}/base/{sample}",
        prompt_id=demo.id,
        prompt=demo.prompt,
        completion=assistant(text),
        policy="base",
        sample=sample,
        seed=0,
        num_tokens=1,
        finish_reason="stop",
    )


recipes = st.fixed_dictionaries(
    {
        "strategy": st.sampled_from(["worst", "random_lower", "random_pair"]),
        "chosen": st.sampled_from(["demonstration", "best"]),
        "max_pairs_per_prompt": st.integers(1, 4),
        "refuse_then_comply": st.sampled_from([0.0, 0.5, 1.0]),
        "over_refusal": st.sampled_from([0.0, 0.4, 1.0, 3.0]),
        "max_opening_share": st.sampled_from([0.2, 1.0]),
        "max_length_ratio": st.sampled_from([1.5, 3.0, 99.0]),
    }
)
limits = st.fixed_dictionaries(
    {
        "max_train_pairs": st.none() | st.integers(1, 6),
        "max_length_difference": st.sampled_from([None, 0.0, 0.1]),
    }
)


@settings(max_examples=200)
@given(worlds(), recipes, st.integers(0, 3))
def test_pairs_at_a_higher_margin_are_among_those_at_a_lower_one(
    world: World, chosen: dict[str, Any], seed: int
) -> None:
    """The two limits that make room for other pairs are off: a train limit that is no longer
    reached, and lengths that even out otherwise.
    """
    known = None
    for margin in (0.0, 0.5, 1.0, 2.0, 3.0, 4.0):
        config = PairsConfig(min_margin=margin, max_length_difference=None, **chosen)
        rows = set(json_lines([p]) for p in world.pairs(config, seed).pairs)
        assert known is None or rows <= known
        known = rows


@given(worlds(), recipes, limits, st.integers(0, 99))
def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_the_rows(
    world: World, chosen: dict[str, Any], limited: dict[str, Any], shuffle: int
) -> None:
    config = PairsConfig(**chosen, **limited)
    first, again = world.pairs(config, 3), world.shuffled(shuffle).pairs(config, 3)
    assert json_lines(again.pairs) == json_lines(first.pairs)
    assert again.dropped == first.dropped


@given(worlds(), recipes, limits)
def test_every_option_is_a_pair_or_counted_with_its_reason(
    world: World, chosen: dict[str, Any], limited: dict[str, Any]
) -> None:
    result = world.pairs(PairsConfig(min_margin=0.5, **chosen, **limited))
    assert result.considered == len(result.pairs) + sum(result.dropped.values())
    assert min(result.dropped.values(), default=0) >= 0


@given(worlds(), recipes, limits)
def test_every_pair_prefers_the_less_harmful_side_and_stands_once(
    world: World, chosen: dict[str, Any], limited: dict[str, Any]
) -> None:
    pairs = world.pairs(PairsConfig(min_margin=0.0, **chosen, **limited)).pairs
    assert len({p.id for p in pairs}) == len(pairs)
    for pair in pairs:
        assert text_of(pair.chosen) != text_of(pair.rejected)
        assert pair.kind == "benign" or pair.chosen_score < pair.rejected_score


@given(worlds(), recipes, st.sampled_from([0.0, 0.1, 0.5]))
def test_training_pairs_keep_to_the_length_difference(
    world: World, chosen: dict[str, Any], limit: float
) -> None:
    train = [
        p
        for p in world.pairs(PairsConfig(max_length_difference=limit, **chosen)).pairs
        if p.split == "train"
    ]
    assert abs(Lengths(train).difference) <= limit
