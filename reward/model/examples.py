"""Labelled completions for the harmfulness reward model, and the examples that close its shortcuts.

A model could tell harmful from harmless by who wrote the text, by the topic, or by "I'm sorry".
Each shortcut is closed with examples. The base model's own completions of benign requests are
harmless (style), benign twins with helpful completions are harmless (topic), a harmful completion
behind a refusal opening stays harmful and a safe completion without its opening stays harmless
(prefix), and a decline that the base model finishes in its own words is harmless (or an aligned
policy's refusals would look like the harmful ones).
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from data_prep.near_duplicates.duplicates import distinct_completions
from records.rows import Completion, Demonstration, Message, Record, Split, assistant, text_of
from reward.model.labels import HarmLabel, LabelledBy
from reward.refusal.rule import refusal, split_refusal

MIN_WORDS = 4
CONTINUED = "base/continued"
"""Policy of a Completion that begins with the decline of its prompt's safe completion and goes on
in the base policy's own words."""
OWN_SHARE = 0.6
"""Of the harmless training examples, the policy's own."""


@dataclass(frozen=True, kw_only=True)
class RewardExample(Record):
    prompt: list[Message]
    completion: list[Message]
    harm: float
    """Chance from 0 to 1."""
    origin: str
    group: str
    split: Split
    labelled_by: LabelledBy = "authors"
    weight: float = 1.0

    @property
    def harmful(self) -> bool:
        """From a chance of one half on."""
        return self.harm >= 0.5


HARMLESS = HarmLabel(harm=0.0, by="authors")
"""What the authors of the data wrote as safe or helpful, and whatever is said to a benign
request."""


def build_examples(
    demonstrations: Iterable[Demonstration],
    completions: Iterable[Completion],
    labels: Mapping[str, HarmLabel],
    *,
    shortcut_share: float,
    seed: int,
) -> list[RewardExample]:
    """Examples of all splits; the rest of a prompt's examples stay in its split.

    `labels` by completion id, of the policy's completions of harmful requests and of any that
    people have rated. A completion of a harmful request without a label is left out.
    """
    demos = {demo.id: demo for demo in distinct_completions(demonstrations)}
    examples = []
    for demo in demos.values():
        origin = "safe_answer" if demo.kind == "harmful" else "helpful_answer"
        examples.append(_example(demo, demo.completion, HARMLESS, origin))
    for made in completions:
        asked = demos.get(made.prompt_id)
        # Fewer words hold nothing to judge harm by.
        if asked is not None and len(text_of(made.completion).split()) >= MIN_WORDS:
            examples += _policy_examples(asked, made, labels.get(made.id))
    # Made of the finished examples, so that a counterpart has the split and group of its original.
    return examples + _shortcut_examples(examples, shortcut_share, seed)


def _policy_examples(
    demo: Demonstration, made: Completion, label: HarmLabel | None
) -> list[RewardExample]:
    """Of one completion by the policy: one, or none where nothing is known of it."""
    refuses = refusal(text_of(made.completion)) == "full"
    if made.policy == CONTINUED:
        # Only a decline that stays one: what it turns into after its opening is not looked at.
        return (
            [_example(demo, made.completion, HARMLESS, "policy_decline", made.sample)]
            if refuses
            else []
        )
    if demo.kind == "benign":
        # A teacher of harm is asked about harmful requests only.
        rated = label if label and label.by == "people" else HARMLESS
        return [_example(demo, made.completion, rated, "policy_benign", made.sample)]
    if label is None:
        return []
    origin = (
        "policy_harmful"
        if label.harm >= 0.5
        else "policy_refusal"
        if refuses
        else "policy_harmless"
    )
    return [_example(demo, made.completion, label, origin, made.sample)]


def _example(
    demo: Demonstration, completion: list[Message], label: HarmLabel, origin: str, sample: int = 0
) -> RewardExample:
    return RewardExample(
        id=f"{demo.id}/{origin}/{sample}",
        prompt=demo.prompt,
        completion=completion,
        harm=label.harm,
        origin=origin,
        group=demo.group,
        split=demo.split,
        labelled_by=label.by,
        weight=label.weight,
    )


def _shortcut_examples(
    examples: list[RewardExample], share: float, seed: int
) -> list[RewardExample]:
    """Counterparts for `share` of the harmful completions and of the safe completions; in val and
    test for all, where they are probes.
    """
    rng = random.Random(f"{seed}/shortcuts")
    openings = {split: [] for split in ("train", "val", "test")}  # type: dict[str, list[str]]
    for example in examples:
        parts = (
            split_refusal(text_of(example.completion)) if example.origin == "safe_answer" else None
        )
        if parts:
            # By split: an opening of a test row in training would be a shortcut that validation
            # rewards.
            openings[example.split].append(parts[0])
    made = []
    for example in examples:
        if example.split == "train" and rng.random() >= share:
            continue
        text = text_of(example.completion)
        if example.origin == "policy_harmful" and openings[example.split]:
            made.append(
                _altered(
                    example, f"{rng.choice(openings[example.split])} {text}", "refuse_then_comply"
                )
            )
        elif (
            example.origin == "safe_answer"
            and (parts := split_refusal(text))
            and len(parts[1].split()) >= MIN_WORDS
        ):
            made.append(_altered(example, parts[1], "opening_removed"))
    return made


def _altered(example: RewardExample, text: str, origin: str) -> RewardExample:
    fields = {
        **example.to_json(),
        "id": f"{example.id}/{origin}",
        "completion": assistant(text),
        "origin": origin,
    }
    return RewardExample.from_json(fields)


def balanced_sample(
    examples: list[RewardExample], limit: int | None, seed: int
) -> list[RewardExample]:
    """At most `limit` examples in a fixed order: half harmful where there are enough, and most of
    the harmless ones the policy's own.

    Harmful completions are all in the policy's own style, so without as many harmless ones in that
    style the model would learn the style.
    """
    # By id: a draw by seed must not depend on the order in which files were read.
    ordered = sorted(examples, key=lambda e: e.id)
    if limit is None or len(ordered) <= limit:
        return ordered
    harmful, own, others = _parts(ordered)
    half = min(len(harmful), limit // 2)
    own_wanted = min(len(own), round(OWN_SHARE * (limit - half)))
    rng = random.Random(f"{seed}/reward")
    kept = [
        *_stratified(harmful, half, rng),
        *_stratified(own, own_wanted, rng),
        *_stratified(others, limit - half - own_wanted, rng),
    ]
    return sorted(kept, key=lambda e: e.id)


def _parts(
    examples: list[RewardExample],
) -> tuple[list[RewardExample], list[RewardExample], list[RewardExample]]:
    """(harmful, harmless and the policy's own, harmless and written for it)"""
    own = []
    for e in examples:
        if not e.harmful and e.origin.startswith("policy_"):
            own.append(e)
    return (
        [e for e in examples if e.harmful],
        own,
        [e for e in examples if not e.harmful and not e.origin.startswith("policy_")],
    )


def _stratified(
    examples: list[RewardExample], count: int, rng: random.Random
) -> list[RewardExample]:
    """`count` of the examples, or all where there are fewer; origins in proportion, the largest
    remainders rounded up.
    """
    share = min(1.0, count / max(1, len(examples)))
    origins = Counter(e.origin for e in examples)
    wanted = {origin: math.floor(share * number) for origin, number in origins.items()}
    rest = min(count, len(examples)) - sum(wanted.values())
    # Furthest below their exact share first, so that the counts sum to what is wanted.
    for origin in sorted(origins, key=lambda o: (wanted[o] - share * origins[o], o))[:rest]:
        wanted[origin] += 1
    found: list[RewardExample] = []
    for origin in sorted(origins):
        found.extend(rng.sample([e for e in examples if e.origin == origin], wanted[origin]))
    return found
