"""The terms of the sets that a generic source may read without knowing them by its format."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from data_prep.source_kind import UNKNOWN_LICENCE, Terms
from data_prep.source_registry import SOURCES, source_kind

EVALUATION_SETS = (
    (
        r"medqa(usmle.*|4options.*)?|phrasesnoexclude(test|dev)",
        Terms(licence="MIT", use="evaluation", title="MedQA"),
    ),
    (r"medmcqa(val.*|dev.*|test.*)?", Terms(licence="MIT", use="evaluation", title="MedMCQA")),
    (
        r"mmlu(pro|redux.*|medical)?|hendryckstest",
        Terms(licence="MIT", use="evaluation", title="MMLU"),
    ),
    (
        r"donotanswer(en)?",
        Terms(licence="CC-BY-NC-SA-4.0", use="evaluation", title="Do-Not-Answer"),
    ),
    (
        r"strongreject(small)?(dataset)?",
        Terms(licence=UNKNOWN_LICENCE, use="evaluation", title="StrongREJECT"),
    ),
    (r"harmbench(behaviou?rs.*)?", Terms(licence="MIT", use="evaluation", title="HarmBench")),
    (
        r"simplesafetytests?.*",
        Terms(licence="CC-BY-4.0", use="evaluation", title="SimpleSafetyTests"),
    ),
    (
        r"ailuminate|airr(official)?10.*",
        Terms(licence="CC-BY-4.0", use="evaluation", title="AILuminate"),
    ),
    (r"hexphi", Terms(licence=UNKNOWN_LICENCE, use="evaluation", title="HEx-PHI")),
    (
        r"jbbbehaviou?rs|jailbreakbench",
        Terms(licence="MIT", use="evaluation", title="JailbreakBench"),
    ),
    (r"orbench.*", Terms(licence="CC-BY-4.0", use="evaluation", title="OR-Bench")),
    (r"sorrybench.*", Terms(licence=UNKNOWN_LICENCE, use="evaluation", title="SORRY-Bench")),
    (r"healthbench(consensus|hard)?", Terms(licence="MIT", use="evaluation", title="HealthBench")),
)
"""Public sets for evaluation only that no format of our own reads."""
_CACHED = re.compile(r"datasets--[^/]+--([^/]+)")
"""How the hub's cache names a set's folder."""


def known_terms(format: str, path: str) -> Terms | None:
    """The terms of a source, or of a public set that a generic source's path names: a hub id by its
    last part whoever hosts it, a file or folder by its name or its folder's."""
    known = source_kind(format).known
    return known.terms if known else _named(path, tuple(SOURCES))


@lru_cache
def _named(path: str, sources: tuple[str, ...]) -> Terms | None:
    """Kept, since every row asks."""
    cached = _CACHED.search(path)
    last = Path(path)
    names = set()
    for name in (last.name, last.stem, last.parent.name, cached[1] if cached else ""):
        # Spelling aside: hubs, mirrors and downloads write the same name with hyphens, underscores,
        # capitals.
        names.add(re.sub(r"[^a-z0-9]", "", name.lower()))
    # The sets with a format of our own first: their terms are the more exact.
    for pattern, terms in (*_of_sources(sources), *EVALUATION_SETS):
        # fullmatch: "medqa" inside of another name must not close somebody's own data.
        if any(re.fullmatch(pattern, name) for name in names):
            return terms
    return None


def _of_sources(sources: tuple[str, ...]) -> list[tuple[str, Terms]]:
    found: list[tuple[str, Terms]] = []
    for source in sources:
        known = source_kind(source).known
        if known:
            found.extend(known.names.items())
    return found
