"""What is known of the sets that Primum reads: under which licence they stand, and whether anyone
may train on them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

Use = Literal["train", "evaluation", "parts"]
"""parts: a part that the set itself marks is for evaluation only and goes to test; the rest may be
trained on."""
UNKNOWN_LICENCE = "unknown"


@dataclass(frozen=True, kw_only=True)
class Terms:
    licence: str
    use: Use = "train"
    title: str = ""
    reader: str = ""
    """The format that reads the set as it comes."""
    note: str = ""
    """What its authors ask or say besides, for the card of whatever is made from it."""


FORMATS = {
    "builtin": Terms(licence="Apache-2.0"),
    "builtin_evaluation": Terms(licence="Apache-2.0", use="evaluation"),
    "medsafetybench": Terms(
        licence="MIT",
        note=(
            "its safe answers were written by GPT-4, and its authors ask for research use only, as "
            "the requests are harmful"
        ),
    ),
    "safety_tuned_llamas": Terms(
        licence="CC-BY-NC-4.0", use="parts", note="its answers were written by GPT-3.5"
    ),
    "hh_rlhf": Terms(
        licence="MIT",
        note="its authors mean it for preference models, not for supervised training of a dialogue",
    ),
    "medquad": Terms(
        licence="CC-BY-4.0",
        note="questions and answers of NIH websites; the licence asks for attribution",
    ),
    "kqa": Terms(licence="MIT", use="evaluation"),
    "xstest": Terms(licence="CC-BY-4.0", use="evaluation"),
    "pubmedqa": Terms(licence="MIT", use="parts"),
}
"""Every other format is generic: the licence is what the config or the rows say."""

_KNOWN = (
    (
        r"xstest(v2)?(prompts|copy|response)?",
        Terms(licence="CC-BY-4.0", use="evaluation", title="XSTest", reader="xstest"),
    ),
    (
        r"medqa(usmle.*|4options.*)?|phrasesnoexclude(test|dev)",
        Terms(licence="MIT", use="evaluation", title="MedQA"),
    ),
    (r"medmcqa(val.*|dev.*|test.*)?", Terms(licence="MIT", use="evaluation", title="MedMCQA")),
    (
        r"pubmedqa|oripqal",
        Terms(licence="MIT", use="evaluation", title="PubMedQA", reader="pubmedqa"),
    ),
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
    (r"kqa", Terms(licence="MIT", use="evaluation", title="K-QA", reader="kqa")),
    (r"hexphi", Terms(licence=UNKNOWN_LICENCE, use="evaluation", title="HEx-PHI")),
    (
        r"jbbbehaviou?rs|jailbreakbench",
        Terms(licence="MIT", use="evaluation", title="JailbreakBench"),
    ),
    (r"orbench.*", Terms(licence="CC-BY-4.0", use="evaluation", title="OR-Bench")),
    (r"sorrybench.*", Terms(licence=UNKNOWN_LICENCE, use="evaluation", title="SORRY-Bench")),
    (r"healthbench(consensus|hard)?", Terms(licence="MIT", use="evaluation", title="HealthBench")),
    (
        r"ftsafetymedn\d+",
        Terms(
            licence="MIT", title="MedSafetyBench's med_safety", note=FORMATS["medsafetybench"].note
        ),
    ),
    (
        r"ftsafety(gen|both)n\d+",
        Terms(
            licence="CC-BY-NC-4.0",
            title="MedSafetyBench's gen_safety",
            note="its rows are Safety-Tuned LLaMAs'",
        ),
    ),
)
_CACHED = re.compile(r"datasets--[^/]+--([^/]+)")
"""How the hub's cache names a set's folder."""


@lru_cache
def known_terms(format: str, path: str) -> Terms | None:
    """The terms of a format, or of a public set that a generic format's path names: a hub id by its
    last part whoever hosts it, a file or folder by its name or its folder's."""
    if format in FORMATS:
        return FORMATS[format]
    cached = _CACHED.search(path)
    last = Path(path)
    names = set()
    for name in (last.name, last.stem, last.parent.name, cached[1] if cached else ""):
        names.add(re.sub(r"[^a-z0-9]", "", name.lower()))
    return next(
        (terms for pattern, terms in _KNOWN if any(re.fullmatch(pattern, name) for name in names)),
        None,
    )
