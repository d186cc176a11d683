"""Labelled completions: right labels, closed shortcuts, splits kept apart."""

from __future__ import annotations

from collections import Counter

import pytest

from records.rows import Completion, Demonstration, Kind, Split, assistant, text_of, user
from reward.model.examples import CONTINUED, RewardExample, balanced_sample, build_examples
from reward.model.labels import rule_labels
from reward.refusal.rule import refusal

REFUSAL = "I can't help with that. A dated addendum keeps the record honest."


@pytest.fixture
def world() -> tuple[list[Demonstration], list[Completion]]:
    demos, made = [], []
    for k in range(40):
        split: Split = "val" if k % 4 == 0 else "train"
        answers: dict[Kind, str] = {
            "harmful": f"{REFUSAL} Case {k} needs it.",
            "benign": f"Yes, an addendum with today's date is right for case {k}.",
        }
        for kind, text in answers.items():
            demos.append(
                Demonstration(
                    id=f"{k}-{kind}",
                    prompt=user(f"{kind} {k}"),
                    completion=assistant(text),
                    kind=kind,
                    suite=kind,
                    source="s",
                    licence="MIT",
                    group=f"g{k}",
                    split=split,
                )
            )
        for sample, text in enumerate(
            (f"Sure, change the time in chart {k} first.", REFUSAL, "Sure.")
        ):
            made.append(completion(f"{k}-harmful", sample, text))
        made.append(
            completion(
                f"{k}-harmful", 0, f"I can't help with that. I am a chatbot, number {k}.", CONTINUED
            )
        )
        made.append(
            completion(f"{k}-harmful", 1, f"Number {k} went on to do as it was told.", CONTINUED)
        )
        made.append(completion(f"{k}-benign", 0, f"Write a dated addendum for number {k}."))
    return demos, made


def completion(prompt_id: str, sample: int, text: str, policy: str = "base") -> Completion:
    return Completion(
        id=f"{prompt_id}/{policy}/{sample}",
        prompt_id=prompt_id,
        prompt=user("q"),
        completion=assistant(text),
        policy=policy,
        sample=sample,
        seed=0,
        num_tokens=9,
        finish_reason="stop",
    )


def build(
    world: tuple[list[Demonstration], list[Completion]], share: float = 0.3, seed: int = 0
) -> list[RewardExample]:
    demonstrations, completions = world
    return build_examples(
        demonstrations, completions, rule_labels(completions), shortcut_share=share, seed=seed
    )


def test_labels_follow_who_wrote_what(world: tuple[list[Demonstration], list[Completion]]) -> None:
    counts = Counter((e.origin, e.harmful) for e in build(world, 1.0))
    assert counts == {
        ("safe_answer", False): 40,
        ("helpful_answer", False): 40,
        ("policy_benign", False): 40,
        ("policy_harmful", True): 40,
        ("policy_refusal", False): 40,
        ("policy_decline", False): 40,
        ("refuse_then_comply", True): 40,
        ("opening_removed", False): 40,
    }


def test_a_harmful_answer_behind_a_refusal_stays_harmful_and_starts_with_it(
    world: tuple[list[Demonstration], list[Completion]],
) -> None:
    for example in build(world, 1.0):
        if example.origin == "refuse_then_comply":
            assert example.harmful
            assert text_of(example.completion).startswith("I can't help with that. Sure, change")
        if example.origin == "opening_removed":
            assert not example.harmful
            assert refusal(text_of(example.completion)) == "none"


def test_examples_of_a_prompt_stay_in_its_split_and_group(
    world: tuple[list[Demonstration], list[Completion]],
) -> None:
    demos = {d.id: d for d in world[0]}
    for example in build(world, 1.0):
        demo = demos["/".join(example.id.split("/")[:1])]
        assert (example.split, example.group) == (demo.split, demo.group)


def test_openings_come_from_the_examples_own_split() -> None:
    demos, made = [], []
    for k in range(10):
        split: Split = "train" if k < 5 else "val"
        answer = f"I can't help with that {split} matter. Ask the records office."
        demos.append(
            Demonstration(
                id=f"{k}",
                prompt=user("q"),
                completion=assistant(answer),
                kind="harmful",
                suite="h",
                source="s",
                licence="MIT",
                group=str(k),
                split=split,
            )
        )
        made.append(completion(f"{k}", 0, "Sure, change the time in the chart."))
    mixed = [e for e in build((demos, made), 1.0) if e.origin == "refuse_then_comply"]
    assert len(mixed) == 10
    assert all(f"that {e.split} matter" in text_of(e.completion) for e in mixed)


def test_the_share_holds_in_training_and_held_out_probes_are_whole(
    world: tuple[list[Demonstration], list[Completion]],
) -> None:
    found = Counter((e.split, e.origin) for e in build(world, 0.3))
    assert found["val", "refuse_then_comply"] == found["val", "opening_removed"] == 10
    assert 0 < found["train", "refuse_then_comply"] < 20
    none = Counter((e.split, e.origin) for e in build(world, 0.0))
    assert none["train", "refuse_then_comply"] == 0


def test_ids_are_unique_and_the_seed_decides(
    world: tuple[list[Demonstration], list[Completion]],
) -> None:
    ids = [e.id for e in build(world)]
    assert len(set(ids)) == len(ids)
    assert build(world) == build(world)
    assert build(world, seed=1) != build(world)


@pytest.mark.parametrize("limit", [1, 2, 5, 17, 50, 100, 5000])
def test_a_sample_keeps_to_its_limit(
    world: tuple[list[Demonstration], list[Completion]], limit: int
) -> None:
    examples = build(world, 1.0)
    kept = balanced_sample(examples, limit, 0)
    assert len(kept) == min(limit, len(examples))
    assert len({e.id for e in kept}) == len(kept)


def test_a_sample_is_half_harmful_and_its_harmless_half_mostly_the_policys_own(
    world: tuple[list[Demonstration], list[Completion]],
) -> None:
    kept = balanced_sample(build(world, 1.0), 100, 0)
    assert sum(e.harmful for e in kept) == 50
    # Three in five of the harmless fifty; a change of the share is a change of what the reward
    # model learns, so it is written out here.
    assert sum(not e.harmful and e.origin.startswith("policy_") for e in kept) == 30


def test_a_sample_does_not_depend_on_the_order_of_the_examples(
    world: tuple[list[Demonstration], list[Completion]],
) -> None:
    examples = build(world, 1.0)
    assert balanced_sample(examples[::-1], 60, 3) == balanced_sample(examples, 60, 3)
    assert balanced_sample(examples, 60, 4) != balanced_sample(examples, 60, 3)
    assert balanced_sample(examples[::-1], None, 3) == sorted(examples, key=lambda e: e.id)
