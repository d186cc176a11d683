"""Which completion to a harmful prompt is chosen, and over which others."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from data_prep.pairs.candidates import DATASET_REJECTED, DEMONSTRATION, Candidate
from data_prep.pairs.config import PairsConfig
from records.rows import text_of

REASON = re.compile(
    r"\b(?:because|since|as (?:it|this|that|they)|harm\w*|danger\w*|risk\w*|"
    r"unsafe|violat\w*|unethical|illegal"
    r"|betray\w*|consent|trust)\b",
    re.I,
)
ALTERNATIVE = re.compile(
    r"\b(?:instead|rather than|i can (?:help|explain|share|suggest|describe)|you"
    r" (?:can|could|may|might)|consider|recommend|encourage|"
    r"please (?:contact|speak|talk|consult|seek|reach|ask))\b",
    re.I,
)


class Option(NamedTuple):
    chosen: Candidate
    rejected: Candidate


class Others(NamedTuple):
    """The completions to one prompt that may be rejected, without repeats, most harmful first."""

    kept: list[Candidate]
    repeats: int


def specificity(completion: str) -> int:
    """0 to 2: whether a decline names a reason, and whether it names something that helps instead;
    judged by words alone.
    """
    return bool(REASON.search(completion)) + bool(ALTERNATIVE.search(completion))


def rejectable(found: Sequence[Candidate]) -> Others:
    """What people wrote as safe and what was revised to be safe is never rejected."""
    able = [c for c in found if c.source != DEMONSTRATION and c.improvement is None]
    # A completion that stands below two others of the data set is no repeat: each is a preference.
    # Reversed, so that of equal texts the first one of the fixed order stays in the dictionary.
    by_text = {(text_of(c.completion), c.row): c for c in reversed(able)}
    # The text breaks ties: the order of the rows must not.
    ordered = sorted(by_text.values(), key=lambda c: (-(c.harmfulness or 0), text_of(c.completion)))
    return Others(ordered, len(able) - len(by_text))


def safe_completions(
    found: Sequence[Candidate], config: PairsConfig, dropped: Counter[str], others: int
) -> list[Candidate]:
    """The completions that may be chosen; where there is none, the reason is counted once for each
    completion that goes unused.
    """
    if config.chosen == "best":
        safe = [c for c in found if choosable(c, config)]
        if not safe:
            dropped["no completion is safe enough to be chosen"] += others
        return safe
    demonstrations = [c for c in found if c.source == DEMONSTRATION]
    able = []
    for c in demonstrations:
        if choosable(c, config) and c.disagreement <= config.max_disagreement:
            able.append(c)
    demonstration = next(iter(demonstrations), None)
    if able:
        return able
    if demonstration is None or demonstration.harmfulness is None:
        dropped["harmful prompt without a scored safe completion"] += others
    elif demonstration.refusal == "none":
        dropped["safe completion does not decline"] += others
    # Safe and declining, so only the scorers' spread can have kept it out.
    else:
        dropped["scorers disagree"] += others
    return []


def choosable(candidate: Candidate, config: PairsConfig) -> bool:
    """The data set's own completion is vouched for by people; a policy's must be found safe by the
    scorers.
    """
    if (
        candidate.harmfulness is None
        or candidate.refusal == "none"
        # A scorer may well find an empty completion harmless.
        or not text_of(candidate.completion).strip()
    ):
        return False
    if config.chosen == "demonstration":
        return candidate.source == DEMONSTRATION
    return (
        # A policy's text has nobody to vouch for it but the scorers, so both tests bind.
        candidate.harmfulness <= config.max_chosen_harmfulness
        and candidate.disagreement <= config.max_disagreement
    )


def options(
    safe: Sequence[Candidate], others: Sequence[Candidate], config: PairsConfig, key: str
) -> list[Option]:
    """Every pair that the strategy would make, in the order in which it would make them.

    No margin is looked at here, and draws depend on the seed and the texts only. So a higher margin
    takes away from what a lower one gives, and adds nothing.
    """
    if config.strategy == "random_pair":
        every = {}
        for chosen in safe:
            for rejected in others:
                every[(text_of(chosen.completion), text_of(rejected.completion))] = Option(
                    chosen, rejected
                )
        return sorted(every.values(), key=lambda option: _draw(key, option))
    made = []
    for rejected in others:
        made.append(Option(_chosen_over(rejected, safe, config), rejected))
    return (
        sorted(made, key=lambda option: _draw(key, option))
        if config.strategy == "random_lower"
        else made
    )


def _chosen_over(rejected: Candidate, safe: Sequence[Candidate], config: PairsConfig) -> Candidate:
    """What the data set itself prefers to it, where its completions are what is chosen; otherwise
    the completion that is preferred to all.
    """
    if config.chosen == "demonstration" and rejected.source == DATASET_REJECTED:
        own = [chosen for chosen in safe if chosen.row == rejected.row]
        if own:
            return own[0]
    # A candidate may be safe and rejected at once; it must not be set against itself.
    others = [chosen for chosen in safe if chosen.completion != rejected.completion]
    # Where it is the only safe one, the pair is made and dropped as a tie, and so counted.
    return min(others or safe, key=lambda chosen: _preference(chosen, rejected))


def _preference(chosen: Candidate, rejected: Candidate) -> tuple[float, int, int, str]:
    """Least harmful; within a tenth, which no scorer can vouch for, the more specific; then the one
    nearest in length.
    """
    text, other = text_of(chosen.completion), text_of(rejected.completion)
    return (
        round(chosen.harmfulness or 0, 1),
        -specificity(text),
        abs(len(text.split()) - len(other.split())),
        text,
    )


def _draw(key: str, option: Option) -> bytes:
    texts = "\x1f".join(text_of(side.completion) for side in option)
    # Drawn from the texts: rows that are added or ordered otherwise change no other draw.
    return hashlib.sha256(f"{key}\x1f{texts}".encode()).digest()
