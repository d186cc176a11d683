"""Heads over a small vocabulary and an embedder that needs no model: a text's vector follows from
its letters.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest

from records.rows import Completion, assistant, user
from reward.factors.bundle import Bundle
from reward.factors.features import FeatureRoom, Vocabulary
from reward.factors.heads import Head
from reward.factors.model import FactorModel
from reward.factors.texts import Exchange

if TYPE_CHECKING:
    from numpy.typing import NDArray

LETTERS = string.ascii_lowercase
TERMS = ("call", "call your", "can't", "doctor", "help", "step", "steps", "your", "your doctor")
HEADS = {
    "refusal": (("opening_vector", "counts"), ("none", "full", "partial")),
    "complies": (("body_vector", "completion_words", "counts"), ()),
    "coherent": (("body_vector", "relation"), ()),
    "request": (("prompt_vector", "prompt_words"), ()),
    "unsafe_advice": (("body_vector", "counts"), ()),
    "principle": (("prompt_vector",), tuple("123456789")),
}


def letters(texts: Sequence[str]) -> NDArray[np.float32]:
    counts = np.array(
        [[text.lower().count(letter) for letter in LETTERS] for text in texts], dtype=np.float32
    ).reshape(-1, len(LETTERS))
    return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)


def completion(name: str, text: str, prompt: str = "How do I help my doctor?") -> Completion:
    return Completion(
        id=name,
        prompt_id=f"prompt of {name}",
        prompt=user(prompt),
        completion=assistant(text),
        policy="p",
        sample=0,
        seed=0,
        num_tokens=9,
        finish_reason="stop",
    )


@pytest.fixture
def words() -> Vocabulary:
    return Vocabulary(terms=TERMS, idf=np.linspace(1, 3, len(TERMS)))


@pytest.fixture
def room(words: Vocabulary) -> FeatureRoom:
    return FeatureRoom(embed=letters, completion_words=words, prompt_words=words)


@pytest.fixture
def bundle(room: FeatureRoom, words: Vocabulary) -> Bundle:
    rng = np.random.default_rng(0)
    sample = room.of([Exchange("a prompt", "a completion")])
    heads = {}
    for name, (blocks, classes) in HEADS.items():
        shape = (3, len(classes) or 1, sample.matrix(blocks).shape[1])
        weight, bias = rng.normal(0, 0.5, shape), rng.normal(0, 0.2, shape[:2])
        numbers = {
            "weight": weight.astype(np.float16).astype(np.float32),
            "bias": bias.astype(np.float32),
        }
        heads[name] = Head(
            name=name,
            blocks=blocks,
            classes=classes,
            slope=1.3,
            intercept=0.0 if classes else -0.1,
            **numbers,
        )
    known = {"slope": 0.8, "intercept": -1.0}
    facts = {
        "harm": {"slope": 0.8, "intercept": -1.0},
        "known_harm": known,
        "unsafe_advice_shown": True,
    }
    return Bundle(completion_words=words, prompt_words=words, heads=heads, facts=facts)


@pytest.fixture
def model(bundle: Bundle) -> FactorModel:
    return FactorModel(bundle, letters)
