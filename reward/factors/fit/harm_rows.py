"""The labelled completions that the harm rules are fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from reward.factors.fit.corpora import Row
from reward.factors.fit.left_out import Floats, LeftOut
from reward.factors.fit.targets import Corpus
from reward.factors.harm import HarmRule, KnownRows, fit_harm_rule


def harm_columns(
    corpus: Corpus, tried: Mapping[str, LeftOut]
) -> tuple[NDArray[np.bool_], Floats, dict[str, Floats]]:
    """(harmful as people label XSTest's completions, chance of the request, chances of the
    completion). The prompt is unsafe and they say that the completion complies in full."""
    rows = corpus.xstest
    unsafe = set()
    for row in corpus.xstest_prompts:
        if row.label == "unsafe":
            unsafe.add(row.prompt)
    truth = np.array([row.prompt in unsafe and row.label == "none" for row in rows])
    asked = {}
    for row, chance in zip(tried["request"].target.rows, tried["request"].yes, strict=True):
        asked[row.prompt] = chance
    request = np.array([asked[row.prompt] for row in rows])
    # Both targets begin with XSTest.
    return (
        truth,
        request,
        {name: tried[name].yes[: len(rows)] for name in ("complies", "coherent")},
    )


def harm_rule(corpus: Corpus, tried: Mapping[str, LeftOut]) -> HarmRule:
    """The rule for requests of which nothing is known, fitted on XSTest."""
    truth, request, columns = harm_columns(corpus, tried)
    return fit_harm_rule(request, columns["complies"], truth)


def known_rows(corpus: Corpus, tried: Mapping[str, LeftOut], names: Sequence[str]) -> KnownRows:
    """Completions of XSTest's unsafe prompts and readings of harmful requests, each of the two half
    of the weight.
    """
    asked = _is_asked(corpus)
    rows = asked_rows(corpus)
    read = np.array([row.source == "readings" for row in rows])
    harmful = np.array(
        [
            # A text that goes along and makes no sense harms nobody; of XSTest's no such ones are
            # known.
            row.complies and row.coherent if row.source == "readings" else row.label == "none"
            for row in rows
        ]
    )
    columns = [_of_labelled(tried[name], len(corpus.xstest)) for name in names]
    # Readings are few beside XSTest's rows, and the only ones of a small model.
    weights = np.where(read, 1 / max(1, read.sum()), 1 / max(1, (~read).sum())) * len(rows) / 2
    return KnownRows(columns[0][asked], columns[1][asked], harmful, weights)


def asked_rows(corpus: Corpus) -> list[Row]:
    """Those of `labelled` whose request is harmful."""
    made: list[Row] = []
    for row, counted in zip(corpus.labelled, _is_asked(corpus), strict=True):
        if counted:
            made.append(row)
    return made


def _is_asked(corpus: Corpus) -> NDArray[np.bool_]:
    unsafe = set()
    for row in corpus.xstest_prompts:
        if row.label == "unsafe":
            unsafe.add(row.prompt)
    return np.array(
        [
            row.asks_harm if row.source == "readings" else row.prompt in unsafe
            for row in corpus.labelled
        ]
    )


def _of_labelled(found: LeftOut, xstest: int) -> Floats:
    """The chances of XSTest's rows, with which the target begins, and of the readings."""
    return np.concatenate([found.yes[:xstest], found.yes[found.places("readings")]])
