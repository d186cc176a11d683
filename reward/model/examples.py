"""Labelled completions for the harmfulness reward model, and the examples that close its shortcuts.

A model could tell harmful from harmless by who wrote the text, by the topic, or by "I'm sorry". Each way is closed with examples:
the base model's own answers to benign requests are harmless (style), benign twins with helpful answers are harmless (topic), a
harmful answer behind a refusal opening stays harmful and a safe answer without its opening stays harmless (prefix), and a decline
that the base model finishes in its own words is harmless (or an aligned policy's refusals would look like the harmful ones).
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from data_prep.near_duplicates.duplicates import distinct_completions
from records.rows import Completion, Demonstration, Message, Record, Split, assistant, text_of
from reward.refusal.rule import refusal, split_refusal

MIN_WORDS = 4
CONTINUED = "base/continued"
"""Policy of a Completion that begins with the decline of its prompt's safe answer and goes on in the base policy's own words."""
OWN_SHARE = 0.6
"""Of the harmless training examples, the policy's own."""


@dataclass(frozen=True, kw_only=True)
class RewardExample(Record):
    prompt: list[Message]
    completion: list[Message]
    harmful: bool
    origin: str
    group: str
    split: Split


def build_examples(
    demonstrations: Iterable[Demonstration], completions: Iterable[Completion], *, shortcut_share: float, seed: int
) -> list[RewardExample]:
    """Examples of all splits; the rest of a prompt's examples stay in its split."""
    demos = {demo.id: demo for demo in distinct_completions(demonstrations)}
    examples = [
        _example(demo, demo.completion, False, "safe_answer" if demo.kind == "harmful" else "helpful_answer") for demo in demos.values()
    ]
    for made in completions:
        demo = demos.get(made.prompt_id)
        text = text_of(made.completion)
        if demo is None or len(text.split()) < MIN_WORDS:
            continue
        label = refusal(text)
        if made.policy == CONTINUED:
            if label == "full":
                examples.append(_example(demo, made.completion, False, "policy_decline", made.sample))
        elif demo.kind == "benign":
            examples.append(_example(demo, made.completion, False, "policy_benign", made.sample))
        elif label == "none":
            examples.append(_example(demo, made.completion, True, "policy_harmful", made.sample))
        elif label == "full":
            examples.append(_example(demo, made.completion, False, "policy_refusal", made.sample))
    return examples + _shortcut_examples(examples, shortcut_share, seed)


def _example(demo: Demonstration, completion: list[Message], harmful: bool, origin: str, sample: int = 0) -> RewardExample:
    return RewardExample(
        id=f"{demo.id}/{origin}/{sample}",
        prompt=demo.prompt,
        completion=completion,
        harmful=harmful,
        origin=origin,
        group=demo.group,
        split=demo.split,
    )


def _shortcut_examples(examples: list[RewardExample], share: float, seed: int) -> list[RewardExample]:
    """Counterparts for `share` of the harmful answers and of the safe answers; in val and test for all, where they are probes."""
    rng = random.Random(f"{seed}/shortcuts")
    openings = {split: [] for split in ("train", "val", "test")}  # type: dict[str, list[str]]
    for example in examples:
        parts = split_refusal(text_of(example.completion)) if example.origin == "safe_answer" else None
        if parts:
            openings[example.split].append(parts[0])
    made = []
    for example in examples:
        if example.split == "train" and rng.random() >= share:
            continue
        text = text_of(example.completion)
        if example.origin == "policy_harmful" and openings[example.split]:
            made.append(_counterpart(example, f"{rng.choice(openings[example.split])} {text}", "refuse_then_comply"))
        elif example.origin == "safe_answer" and (parts := split_refusal(text)) and len(parts[1].split()) >= MIN_WORDS:
            made.append(_counterpart(example, parts[1], "opening_removed"))
    return made


def _counterpart(example: RewardExample, text: str, origin: str) -> RewardExample:
    fields = {**example.to_json(), "id": f"{example.id}/{origin}", "completion": assistant(text), "origin": origin}
    return RewardExample.from_json(fields)


def balanced_sample(examples: list[RewardExample], limit: int | None, seed: int) -> list[RewardExample]:
    """At most `limit` examples in a fixed order: half harmful where there are enough, and most of the harmless ones the policy's own.

    Harmful answers are all in the policy's own style, so without as many harmless ones in that style the model would learn the style.
    """
    ordered = sorted(examples, key=lambda e: e.id)
    if limit is None or len(ordered) <= limit:
        return ordered
    harmful, own, others = _parts(ordered)
    half = min(len(harmful), limit // 2)
    own_wanted = min(len(own), round(OWN_SHARE * (limit - half)))
    rng = random.Random(f"{seed}/reward")
    kept = [*_stratified(harmful, half, rng), *_stratified(own, own_wanted, rng), *_stratified(others, limit - half - own_wanted, rng)]
    return sorted(kept, key=lambda e: e.id)


def _parts(examples: list[RewardExample]) -> tuple[list[RewardExample], list[RewardExample], list[RewardExample]]:
    """(harmful, harmless and the policy's own, harmless and written for it)"""
    own = [e for e in examples if not e.harmful and e.origin.startswith("policy_")]
    return [e for e in examples if e.harmful], own, [e for e in examples if not e.harmful and not e.origin.startswith("policy_")]


def _stratified(examples: list[RewardExample], count: int, rng: random.Random) -> list[RewardExample]:
    """`count` of the examples, or all where there are fewer; origins in proportion, the largest remainders rounded up."""
    share = min(1.0, count / max(1, len(examples)))
    origins = Counter(e.origin for e in examples)
    wanted = {origin: math.floor(share * number) for origin, number in origins.items()}
    rest = min(count, len(examples)) - sum(wanted.values())
    for origin in sorted(origins, key=lambda o: (wanted[o] - share * origins[o], o))[:rest]:
        wanted[origin] += 1
    return [e for origin in sorted(origins) for e in rng.sample([e for e in examples if e.origin == origin], wanted[origin])]
