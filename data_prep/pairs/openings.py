"""Safe completions that all open alike, opened in varied ways: the first words then tell less."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from data_prep.pairs.candidates import DATASET_REJECTED, Candidate
from data_prep.pairs.choosing import choosable
from data_prep.pairs.config import PairsConfig
from data_prep.wording import opening
from records.rows import assistant, text_of

APOLOGY = re.compile(
    r"(?:(?:I['\u2019]m|I am)(?: \w+)? sorry(?:, but|,| but)|I apologi[sz]e,?"
    r" but|Unfortunately,|Regrettably,) (?=I\b|[a-z])"
)
DECLINE = re.compile(
    r"I(?: am|['\u2019]m)? (?:cannot|can['\u2019]t|can not|won['\u2019]t|will not|not able"
    r" to|unable to|not going to|must decline)\b"
)
LEADS = (
    # Each can stand before any main clause, and no two begin with the same three words.
    "The honest answer is that",
    "Let me be direct:",
    "Please understand that",
    "It has to be said that",
    "My answer has to be no:",
    "To put it plainly,",
    "With people's safety in mind,",
    "Out of respect for everyone involved,",
    "As things stand,",
    "Good care comes first, so",
    "Thank you for being open about this, but",
    "Before anything else,",
    "For the protection of those concerned,",
    "Here I have to stop:",
    "Even with the best intentions,",
    "Having weighed this,",
    "You deserve a clear answer:",
    "This is where I draw the line:",
    "Whatever the circumstances,",
    "Given what is at stake,",
    "Trust matters in medicine, so",
    "On this point I must be firm:",
    "I hear the request, but",
    "That goes too far:",
)


class Reopened(NamedTuple):
    by_prompt: dict[str, list[Candidate]]
    changed: int
    kept: int  # completions of a too common opening that no lead fits


def vary_openings(
    by_prompt: dict[str, list[Candidate]],
    prompt_ids: Collection[str],
    config: PairsConfig,
    *,
    opening_of: Callable[[str], str | None],
    seed: int,
) -> Reopened:
    """Re-open safe completions whose first three words more than `max_opening_share` of them have.

    An apology gives way to a lead; the decline itself and all that follows stay as they are. Leads
    are dealt out in turn, in an order that the seed and the texts decide, so each gets its even
    share.
    """
    # A set: one text under many prompts is one opening, and a share counts texts.
    texts = sorted(
        {
            text_of(c.completion)
            for i in prompt_ids
            for c in by_prompt.get(i, [])
            if _may_open(c, config)
        }
    )
    new: dict[str, str] = {}
    kept = 0
    # Dealt out in turn and not drawn: by chance some leads would become common openings themselves.
    for text in _too_common(texts, config.max_opening_share, seed):
        reopened = _reopen(text, LEADS[len(new) % len(LEADS)], opening_of)
        if reopened is None:
            kept += 1
        else:
            new[text] = reopened
    if not new:
        return Reopened(by_prompt, 0, kept)
    changed = {
        name: [_renewed(c, new, config) for c in found] if name in prompt_ids else found
        for name, found in by_prompt.items()
    }
    return Reopened(changed, len(new), kept)


def _may_open(candidate: Candidate, config: PairsConfig) -> bool:
    return candidate.source != DATASET_REJECTED and choosable(candidate, config)


def _too_common(texts: list[str], limit: float, seed: int) -> list[str]:
    """In a drawn order. An opening that one completion alone has is shared by none."""
    by_opening: defaultdict[str, list[str]] = defaultdict(list)
    for text in texts:
        by_opening[opening(text)].append(text)
    common = [
        text
        for group in by_opening.values()
        # More than one at least: in a handful of texts each opening is above the share by itself.
        if len(group) > max(1.0, limit * len(texts))
        for text in group
    ]
    return sorted(common, key=lambda text: hashlib.sha256(f"{seed}/{text}".encode()).digest())


def _reopen(text: str, lead: str, opening_of: Callable[[str], str | None]) -> str | None:
    """None where the completion has no apology or plain decline to put the lead before, or would no
    longer read as a decline.
    """
    apology = APOLOGY.match(text)
    if apology is None and not DECLINE.match(text):
        return None
    reopened = f"{lead} {text[apology.end() if apology else 0 :]}"
    # The detector has the last word: a text that no longer reads as a decline must not be chosen.
    return reopened if opening_of(reopened) else None


def _renewed(candidate: Candidate, new: dict[str, str], config: PairsConfig) -> Candidate:
    text = new.get(text_of(candidate.completion))
    return (
        candidate._replace(completion=assistant(text), reopened=True)
        if text and _may_open(candidate, config)
        else candidate
    )


def opening_shares(texts: Iterable[str], shown: int = 5) -> dict[str, float]:
    """The commonest first three words and the share of texts that begin with them."""
    counts = Counter(opening(text) for text in texts)
    total = max(1, counts.total())
    return {
        words: round(count / total, 4)
        for words, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:shown]
    }
