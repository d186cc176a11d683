"""What each head is fitted on: rows with labels, weights and the groups that stay together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reward.factors.fit import corpora, public_corpora
from reward.factors.fit.corpora import Row
from reward.factors.fit.negatives import no_answers
from reward.factors.probes import unsafe_pairs
from reward.factors.teacher import BLOCKS, COHERENT, COMPLIES

REFUSALS = ("none", "full", "partial")
TEMPLATED, MACHINE = 0.5, 0.3
"""Weights of rows that follow a template (MedSafetyBench's declines, MedQuAD) and of requests that
a model wrote."""
PAIR_WEIGHT = 0.4
"""Of a preference, beside a label."""


@dataclass(frozen=True, kw_only=True)
class Target:
    name: str
    blocks: tuple[str, ...]
    rows: list[Row]
    labels: NDArray[np.intp]
    """Places in `classes`; 0 and 1 without classes."""
    weights: NDArray[np.float64]
    classes: tuple[str, ...] = ()
    worse: list[Row] = field(default_factory=list)
    """Of preferences: what has more of the head's yes than the row of `better` in the same
    place."""
    better: list[Row] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Everything read once."""

    xstest: list[Row]
    xstest_prompts: list[Row]
    twins: list[tuple[Row, Row]]
    questions: list[Row]
    benign_prompts: list[Row]
    medsafetybench: list[Row]
    lines: list[Row]
    pairs: list[tuple[Row, Row]]
    medquad: list[Row]
    readings: list[Row]

    @property
    def labelled(self) -> list[Row]:
        """What people have labelled, in the order in which `complies` and `coherent` hold it."""
        return [*self.xstest, *self.readings]

    @property
    def answered(self) -> list[Row]:
        """The project's benign prompts with helpful completions."""
        return [benign for _, benign in self.twins] + self.questions

    @property
    def declined(self) -> list[Row]:
        """The harmful halves of our own twins."""
        return [harmful for harmful, _ in self.twins]


def read_corpus(data: Path, seed: int) -> Corpus:
    """Every set that heads are fitted on."""
    return Corpus(
        xstest=corpora.xstest(data),
        xstest_prompts=corpora.xstest_prompts(data),
        twins=corpora.own_twins(),
        questions=corpora.own_questions(),
        benign_prompts=corpora.own_benign_prompts() + corpora.everyday_questions(),
        medsafetybench=public_corpora.medsafetybench(data),
        lines=public_corpora.medsafetybench_lines(data, seed),
        pairs=public_corpora.hh_pairs(data),
        medquad=public_corpora.medquad(data, seed),
        readings=corpora.readings(),
    )


def refusal_target(corpus: Corpus) -> Target:
    """Does the completion refuse: none, full or partial?"""
    labelled = [(row, REFUSALS.index(row.label), 1.0) for row in corpus.xstest]
    labelled += [(row, 1, 1.0) for row in corpus.declined] + [
        (row, 0, 1.0) for row in corpus.answered
    ]
    labelled += [(row, 1, TEMPLATED) for row in corpus.medsafetybench] + [
        (row, 0, TEMPLATED) for row in corpus.medquad
    ]
    labelled += [(row, REFUSALS.index(row.label), 1.0) for row in corpus.readings]
    blocks = (
        "opening_vector",
        "body_vector",
        "prompt_vector",
        "completion_words",
        "counts",
        "relation",
    )
    return _target("refusal", blocks, labelled, classes=REFUSALS)


def complies_target(corpus: Corpus) -> Target:
    """The completion alone: does it give something, or does it decline, deflect and warn?"""
    # XSTest first: harm_rows reads its rows by their place.
    labelled = [(row, int(row.label == "none"), 1.0) for row in corpus.xstest]
    labelled += [(row, 0, 1.0) for row in corpus.declined] + [
        (row, 1, 1.0) for row in corpus.answered
    ]
    labelled += [(row, 0, TEMPLATED) for row in corpus.medsafetybench] + [
        (row, 1, TEMPLATED) for row in corpus.medquad
    ]
    labelled += [(row, int(row.complies), 1.0) for row in corpus.readings]
    chosen, rejected = [pair[0] for pair in corpus.pairs], [pair[1] for pair in corpus.pairs]
    return _target(
        "complies",
        # No block that reads the prompt: what moves under another prompt fails the audit.
        ("body_vector", "completion_words", "counts"),
        labelled,
        # Annotators preferred what is harmless, so the rejected side gives more of what was asked.
        better=chosen,
        worse=rejected,
    )


def teacher_targets(corpus: Corpus, seed: int) -> list[Target]:
    """`complies` and `coherent` from words and counts alone (reward/factors/teacher.py)."""
    complies, coherent = complies_target(corpus), coherent_target(corpus, seed)
    return [
        # The same rows and labels: they differ in what is read alone.
        replace(complies, name=COMPLIES, blocks=BLOCKS),
        replace(coherent, name=COHERENT, blocks=BLOCKS),
    ]


def coherent_target(corpus: Corpus, seed: int) -> Target:
    """Is the completion an answer to its prompt, or made to be none?"""
    real = [
        *corpus.xstest,
        *corpus.declined,
        *corpus.answered,
        *corpus.medsafetybench,
        *corpus.medquad,
    ]
    # As above: `real` begins with XSTest.
    labelled = [(row, 1, 1.0) for row in real] + [(row, 0, 1.0) for row in no_answers(real, seed)]
    labelled += [(row, int(row.coherent), 1.0) for row in corpus.readings]
    return _target("coherent", ("body_vector", "completion_words", "counts", "relation"), labelled)


def request_target(corpus: Corpus) -> Target:
    """The prompt alone: is something harmful asked?"""
    labelled = []
    for row in corpus.xstest_prompts:
        labelled.append((row, int(row.label == "unsafe"), 1.0))
    labelled += [(row, 1, 1.0) for row in corpus.declined]
    labelled += [(row, 0, 1.0) for row in [*corpus.answered, *corpus.benign_prompts]]
    labelled += [(row, 1, TEMPLATED) for row in corpus.medsafetybench] + [
        (row, 0, TEMPLATED) for row in corpus.medquad
    ]
    labelled += [(row, 1, MACHINE) for row in corpus.lines]
    return _target("request", ("prompt_vector", "prompt_words"), labelled)


def unsafe_advice_target(corpus: Corpus) -> Target:
    """Our own pairs, and answers of ours that are right to reassure."""
    labelled: list[tuple[Row, int, float]] = []
    for pair in unsafe_pairs():
        facts: dict[str, Any] = {
            "prompt": pair["question"],
            "source": "primum",
            "writer": "primum",
            "group": pair["id"],
        }
        labelled += [
            (Row(completion=pair["unsafe"], **facts), 1, 1.0),
            (Row(completion=pair["safe"], **facts), 0, 1.0),
        ]
    labelled += [(row, 0, MACHINE) for row in [*corpus.answered, *corpus.medquad]]
    blocks = ("body_vector", "completion_words", "prompt_vector", "counts")
    return _target("unsafe_advice", blocks, labelled)


def principle_target(corpus: Corpus) -> Target:
    """Which principle does a harmful request break?"""
    labelled = []
    for row in [*corpus.declined, *corpus.medsafetybench]:
        # Principles count from 1, places in `classes` from 0.
        labelled.append((row, int(row.label) - 1, 1.0))
    labelled += [(row, int(row.label) - 1, MACHINE) for row in corpus.lines]
    classes = tuple(str(principle) for principle in corpora.PRINCIPLES)
    return _target("principle", ("prompt_vector", "prompt_words"), labelled, classes=classes)


def all_targets(corpus: Corpus, seed: int) -> list[Target]:
    """What every head is fitted on."""
    return [
        refusal_target(corpus),
        complies_target(corpus),
        coherent_target(corpus, seed),
        request_target(corpus),
        unsafe_advice_target(corpus),
        principle_target(corpus),
        *teacher_targets(corpus, seed),
    ]


def _target(
    name: str,
    blocks: tuple[str, ...],
    labelled: Iterable[tuple[Row, int, float]],
    *,
    classes: tuple[str, ...] = (),
    better: Sequence[Row] = (),
    worse: Sequence[Row] = (),
) -> Target:
    rows, labels, weights = zip(*labelled, strict=True)
    return Target(
        name=name,
        blocks=blocks,
        rows=list(rows),
        labels=np.array(labels, dtype=np.intp),
        weights=np.array(weights, dtype=np.float64),
        classes=classes,
        better=list(better),
        worse=list(worse),
    )
