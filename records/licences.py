"""What a licence allows, and the mark that data under it leave on everything made from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from records.escaping import markdown_text
from records.excerpts import excerpt
from records.rows import Prompt

CommercialUse = Literal["allowed", "forbidden", "unknown"]
Restrictions = dict[str, list[str]]
"""Names of sources by what restricts them; a key without a source is left out."""

NON_COMMERCIAL = "non_commercial"
UNKNOWN = "unknown_licence"
MEASURED_ONLY = "non_commercial_evaluation"
"""Sources whose rows were only measured on: they bind what quotes the rows, not the weights."""

SENTENCES = {
    NON_COMMERCIAL: "made from non-commercial data ({names}): not for commercial use",
    UNKNOWN: (
        "made from data of unknown licence ({names}): nobody has said that commercial use is "
        "allowed"
    ),
    MEASURED_ONLY: (
        "measured on non-commercial data ({names}): the rows quoted from them are not for "
        "commercial use"
    ),
}

_SPELLINGS = (
    (r"creative\s*commons", "cc"),
    (r"\bcc[\s_-]*by[\s_-]*(nc)?[\s_-]*(sa|nd)?", r"cc by \1 \2 "),
    (r"\bcc[\s_-]*(?:0|zero)", "czero "),
    (r"non[\s_-]*commercial", "nc"),
    (r"share[\s_-]*alike", "sa"),
    (r"no[\s_-]*deriv\w*", "nd"),
    (r"\battribution\b", "by"),
)
_EMPTY_WORDS = {
    "cc",
    "the",
    "license",
    "licence",
    "licenses",
    "v",
    "version",
    "international",
    "unported",
}
_EMPTY_WORDS |= {"https", "http", "www", "org", "com", "deed", "legalcode", "txt"}
_FORBIDDEN = re.compile(
    r"\b(?:no|not|never|non|without)\b(?!\s+(?:restrict|limit))[\w\s]{0,20}\bcommercial|commercial[\w\s]*\b(?:prohibited|"
    r"forbidden|not)\b"
    r"|\b(?:research|academic|educational?|evaluation|personal)\b[\w\s,/-]*\bonly\b|"
    r"\bonly\s+for\s+(?:research|academic|education|evaluation|personal)"
)
_ALLOWED = re.compile(
    r"(?:mit|apache|bsd|czero|by|isc|unlicense|zlib|pddl|odbl|odc-by|cdla|mpl|[al]?gpl|eupl|ncsa|"
    r"postgresql|public-domain|wtfpl)(?:-.*)?"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .,:+/()_-]{0,79}")


def licence_fault(licence: str) -> str:
    """What is wrong with a text that should name a licence; empty where it may.

    It is printed on cards.
    """
    if _NAME.fullmatch(licence):
        return ""
    return (
        f"licence is {excerpt(licence)}, wanted the name of one, such as CC-BY-4.0 or MIT: "
        "letters, digits, spaces and . , : + / ( ) _ - on one line, 80 at most; write its SPDX "
        "name, or `unknown`"
    )


def commercial_use(licence: str) -> CommercialUse:
    """Whether a licence's name says that commercial use is allowed; `A OR B` offers the better of
    the two.

    >>> commercial_use("CC BY-NC 4.0"), commercial_use("cc-by-4.0"), commercial_use("custom")
    ('forbidden', 'allowed', 'unknown')
    """
    offered = {_commercial_use(part) for part in re.split(r"\s+OR\s+", licence)}
    # Whoever receives data under `A OR B` may choose, so the better one counts. A licence that
    # nobody could read is worse than an allowed one and better than a stated prohibition.
    ranked: tuple[CommercialUse, ...] = ("allowed", "unknown", "forbidden")
    return next(use for use in ranked if use in offered)


def is_non_commercial(licence: str) -> bool:
    """Whether the licence forbids commercial use in so many words."""
    return commercial_use(licence) == "forbidden"


def may_be_passed_on(licence: str) -> bool:
    """Whether its name says that rows under it may be given to others, be it for uses that earn
    nothing.

    >>> may_be_passed_on("CC-BY-NC-4.0"), may_be_passed_on("research only")
    (True, False)
    """
    return any(_lets_pass_on(part) for part in re.split(r"\s+OR\s+", licence))


def same_licence(one: str, other: str) -> bool:
    """Whether two spellings name one licence; a version that only one of them gives is no
    difference.

    >>> same_licence("CC BY-NC 4.0", "cc-by-nc"), same_licence("MIT", "Apache-2.0")
    (True, False)
    """
    words = _words(one), _words(other)
    versions = []
    for side in words:
        versions.append({word for word in side if word[0].isdigit()})
    names = []
    for side in words:
        names.append([word for word in side if not word[0].isdigit()])
    return names[0] == names[1] and (versions[0] == versions[1] or not all(versions))


def restrictions_of(rows: Iterable[Prompt]) -> Restrictions:
    """What the licences of rows forbid to users of anything that is made from the rows.

    Rows of the test split shape no weight, so their sources are named apart, and an unknown licence
    among them is no matter.
    """
    found: dict[str, set[str]] = {}
    uses: dict[str, CommercialUse] = {}
    for row in rows:
        # The same few licences stand in a hundred thousand rows; reading one takes a dozen
        # patterns.
        use = uses.setdefault(row.licence, commercial_use(row.licence))
        if use == "forbidden":
            found.setdefault(MEASURED_ONLY if row.split == "test" else NON_COMMERCIAL, set()).add(
                row.source
            )
        # What an unknown licence might forbid is use in weights, and no weight is made from test
        # rows.
        elif use == "unknown" and row.split != "test":
            found.setdefault(UNKNOWN, set()).add(row.source)
    return _ordered(found)


def union(parts: Iterable[Mapping[str, Iterable[str]]]) -> Restrictions:
    """Every restriction of every part, with all sources that it comes from."""
    found: dict[str, set[str]] = {}
    for part in parts:
        for key, names in part.items():
            found.setdefault(key, set()).update(names)
    return _ordered(found)


def for_weights(restrictions: Restrictions) -> Restrictions:
    """Without what binds only those who quote evaluation rows."""
    made = {}
    for key, names in restrictions.items():
        if key != MEASURED_ONLY:
            made[key] = names
    return made


def sentences(restrictions: Restrictions) -> list[str]:
    """The restrictions as people read them, a sentence each."""
    kept: list[str] = []
    for key, names in restrictions.items():
        kept.append(SENTENCES[key].format(names=", ".join(names)))
    return kept


def released_licence(restrictions: Restrictions, base: str) -> str:
    """A Hugging Face licence id for weights that start under the licence `base`; a person has to
    state what `other` is.
    """
    if restrictions.get(NON_COMMERCIAL):
        return "cc-by-nc-4.0"
    return "other" if restrictions.get(UNKNOWN) else base


def notice(restrictions: Restrictions) -> str:
    """The README.md of a directory of weights that are not free to use."""
    return (
        f"---\nlicense: {released_licence(restrictions, 'other')}\n---\n\n{_section(restrictions)}"
    )


def restricted_card(card: str, restrictions: Restrictions) -> str:
    """The card of weights with what their data forbid said in it; a notice alone where there is no
    card.
    """
    if not card:
        return notice(restrictions)
    # count=1: only the front matter holds the licence; the words may stand in the card's text
    # again.
    licensed = re.sub(
        r"(?m)^license: .*$", f"license: {released_licence(restrictions, 'other')}", card, count=1
    )
    return f"{licensed.rstrip()}\n\n{_section(restrictions)}"


def _section(restrictions: Restrictions) -> str:
    lines = "\n".join(f"- {markdown_text(line)}" for line in sentences(restrictions))
    return f"# Restrictions\n\n{lines}\n"


def _commercial_use(licence: str) -> CommercialUse:
    words = _words(licence)
    # A prohibition is looked for first: "Apache-2.0, research use only" begins like a free licence.
    if "nc" in words or _FORBIDDEN.search(licence.lower()):
        return "forbidden"
    return "allowed" if _ALLOWED.fullmatch("-".join(words)) else "unknown"


def _lets_pass_on(licence: str) -> bool:
    # Creative Commons' NC licences let anybody share the rows unpaid, which a free text such as
    # "research only" does not say.
    creative_commons = {"by", "nc"} <= set(_words(licence)) and not _FORBIDDEN.search(
        licence.lower()
    )
    return creative_commons or _commercial_use(licence) == "allowed"


def _words(licence: str) -> list[str]:
    text = licence.lower()
    for pattern, plain in _SPELLINGS:
        text = re.sub(pattern, plain, text)
    words = re.findall(r"[a-z]+|\d+(?:\.\d+)*", text)
    found: list[str] = []
    for word in words:
        if word not in _EMPTY_WORDS:
            # "4.0" and "4" name one version of a licence.
            found.append(re.sub(r"(\.0)+$", "", word))
    return found


def _ordered(found: Mapping[str, set[str]]) -> Restrictions:
    told = {key: found.get(key, set()) for key in SENTENCES}
    # A source that binds the weights binds the quoted rows all the more; it is named once.
    told[MEASURED_ONLY] -= told[NON_COMMERCIAL]
    made = {}
    for key, names in told.items():
        if names:
            made[key] = sorted(names)
    return made
