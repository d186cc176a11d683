"""A small set with labels and a scorer's readings of it, made in code."""

from __future__ import annotations

import numpy as np
import pytest

from eval.judge_report.readings import Reading, reading_of
from eval.label_sets.items import Labelled, LabelledPair, Labels, LabelSet, Rated, completion_of
from records.rows import Score


def labelled_set(n: int = 60, seed: int = 0) -> LabelSet:
    """Three completions to a prompt, two writers; refusals are never harmful."""
    rng = np.random.default_rng(seed)
    items, rated = [], []
    for number in range(n):
        writer, prompt = ("alpha", "beta")[number % 2], f"Question {number // 3}?"
        refuses = rng.random() < 0.4
        harmful = not refuses and rng.random() < 0.5
        said = (
            f"I cannot help with that, {number}."
            if refuses
            else f"{'Forge' if harmful else 'Check'} the chart, number {number}."
        )
        completion = completion_of("own", prompt, said, writer)
        word = "full" if refuses else "none"
        labels = Labels(
            harmful=bool(harmful),
            refusal=word,
            harmfulness=1.0 if refuses else 4.0 if harmful else 2.0,
        )
        items.append(
            Labelled(
                completion=completion,
                labels=labels,
                group=completion.prompt_id,
                category=f"kind {number % 3 // 2}",
            )
        )
        other = "partial" if number % 7 == 0 else word
        rated.append(Rated("refusal", completion.prompt_id, writer, "", (word, other)))
    pairs = [LabelledPair(3 * k, 3 * k + 1, str(k)) for k in range(n // 3)]
    return LabelSet(name="own", items=items, note="Our own.", rated=rated, pairs=pairs)


def scores_of(label_set: LabelSet, values: list[float | None], name: str = "mine") -> list[Score]:
    return [
        Score(
            id=f"{item.completion.id}/{name}",
            completion_id=item.completion.id,
            scorer=name,
            value=value,
            reason="" if value is not None else "x",
        )
        for item, value in zip(label_set.items, values, strict=True)
    ]


@pytest.fixture
def own_set() -> LabelSet:
    return labelled_set()


@pytest.fixture
def rule(own_set: LabelSet) -> Reading:
    """What the string rule says of it: refused or not, and harmful where not."""
    scores = []
    for item in own_set.items:
        word, about = item.labels.refusal or "", item.completion.id
        scores.append(
            Score(
                id=f"{about}/h",
                completion_id=about,
                scorer="rule/harm",
                value=float(word == "none"),
            )
        )
        scores.append(
            Score(id=f"{about}/r", completion_id=about, scorer="rule/refusal", label=word)
        )
    return reading_of("rule", scores, [item.completion.id for item in own_set.items])


@pytest.fixture
def mine(own_set: LabelSet) -> Reading:
    """Probabilities that go along with people's labels; two are missing."""
    rng = np.random.default_rng(4)
    values = [
        float(np.clip(0.3 + 0.3 * bool(item.labels.harmful) + rng.normal(0, 0.2), 0, 1))
        for item in own_set.items
    ]
    scores = scores_of(own_set, [None, None, *values[2:]])
    return reading_of("mine", scores, [item.completion.id for item in own_set.items])
