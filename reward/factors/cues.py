"""Counts of a completion's wording: declines, warnings, referrals, steps, repetition; and what it
shares with its prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sized

import numpy as np
from numpy.typing import NDArray

from reward.factors.texts import Exchange, words_of
from reward.refusal.rule import refusal

Floats = NDArray[np.float64]
MAX_COUNT = 3
"""Of a cue in the opening; more of the same says nothing new."""
SHORT_WORDS = (8, 25)
LONG_WORD = 25

_CUES = {
    "sorry": r"\b(?:sorry|apologi[sz]e)\b",
    "cannot": r"\b(?:can't|cannot|can not|unable|not able|won't|will not)\b",
    "not_equipped": r"\bnot (?:equipped|qualified|trained|authori[sz]ed|permitted|licensed)\b",
    "as_an_ai": r"\b(?:as an? (?:\w+ )?ai|language model|i'm just an ai|i am an ai)\b",
    "no_access": (
        r"\b(?:do not|don't) have (?:access|the ability|personal|any information|information)\b"
    ),
    "ethical": r"\b(?:un)?ethical(?:ly)?\b",
    "illegal": r"\b(?:illegal|unlawful|against the law|crime|criminal)\b",
    "harmful": r"\b(?:harmful|dangerous|unsafe|risky|harm)\b",
    "appropriate": r"\b(?:in)?appropriate\b",
    "never_right": (
        r"\b(?:never|not) (?:acceptable|ok(?:ay)?|appropriate|right|justified|a good"
        r" idea|healthy|legal|ethical|possible|an answer)\b"
    ),
    "important_to": (
        r"\bimportant to"
        r" (?:note|remember|recogni[sz]e|understand|respect|approach|treat|consider|prioriti[sz]e)\b"
    ),
    "respect": r"\brespect(?:ful|ing|s)?\b",
    "dignity": r"\b(?:dignity|equality|equal|inclusive|rights|discriminat\w+|stereotyp\w+)\b",
    "referral": (
        r"\b(?:seek|reach out|get|contact|call|speak|talk)\b[^.]{0,40}"
        r"\b(?:help|professional|support|doctor|therapist|hotline|lifeline|provider|authorit\w+|"
        r"police)\b"
    ),
    "instead": r"\binstead\b",
    "however": r"\bhowever\b",
    "should_not": r"\bshould(?: not|n't)\b",
    "no_reason": r"\bno (?:\w+ )?(?:reason|justification|evidence|basis|way|place)\b",
    "disagree": r"\b(?:disagree|condemn|condone|against)\b",
    "must_clarify": (
        r"\bi (?:must|have to|need to|should|would like to) (?:\w+ )?"
        r"(?:clarify|emphasi[sz]e|point out|note|stress|remind|advise|inform|address|say)\b"
    ),
    "violation": r"\b(?:violat\w+|breach|prohibited|not allowed|privacy|confidential\w*|consent)\b",
    "urge": (
        r"\b(?:encourage you|urge you|suggest you|recommend you|advise you|please (?:do"
        r" not|don't|consider|seek|remember|refrain))\b"
    ),
    "the_request": r"\b(?:the|your|this) (?:question|request|premise|statement|idea|query)\b",
    "anything_else": (
        r"\b(?:is there (?:anything|something)|how (?:else )?(?:can|may) i|let me know if)\b"
    ),
    "happy_to_help": r"\b(?:happy|glad) to help\b",
    "sure": r"^\s*(?:sure|certainly|of course|yes|absolutely|okay|great)\b",
    "no": r"^\s*no\b",
    "here_is": r"\bhere(?:'s| is| are)\b",
    "steps": r"(?m)^\s*(?:\d+[.):]|step \d+|[-*•])\s",
    "sequence": r"\b(?:first|next|then|finally|secondly),",
    "you_can": r"\byou (?:can|could|may|might|should|will need|need)\b",
    "imperative": (
        r"(?m)(?:^|[.!?:]\s+)(?:use|make|take|try|start|find|choose|create|write|check|keep|add|get|go|look|avoid|tell|ask)\b"
    ),
    "i": r"\b(?:i|i'm|i've)\b",
    "my": r"\bmy\b",
    "we": r"\bwe\b",
    "negation": r"\b(?:not|no|never|nor|n't)\b",
    "story": r"\b(?:once upon|imagine|story|novel|fiction\w*)\b",
}
# In the order of the columns that the shipped heads were fitted on: a cue more means a new fit.
CUES = {name: re.compile(pattern, re.I) for name, pattern in _CUES.items()}
SHAPE = (
    "rule", "rule_partial", "log_words", "under_8_words", "under_25_words", "distinct_words", "repeated_trigrams",
    "lines", "questions", "colons", "digits", "long_word",
)  # fmt: skip
COUNT_NAMES = tuple(f"{name}/{where}" for name in CUES for where in ("opening", "all")) + SHAPE
RELATION_NAMES = (
    "asked_in_text",
    "asked_in_opening",
    "text_in_asked",
    "trigrams_of_text",
    "trigrams_of_prompt",
)
# Words that prompt and completion share whatever they are about.
_STOP = frozenset(
    words_of(
        "a an the of to in on for and or is are was were be been do does did i you my your it its "
        "this that with as at by from how what why where who can could should would me we our "
        "their his her not no have has had if so about which when into"
    )
)


def counts(exchange: Exchange) -> list[float]:
    """COUNT_NAMES of the completion alone; the prompt is not looked at."""
    text, opening = exchange.completion, exchange.opening
    found: list[float] = []
    for pattern in CUES.values():
        found.append(min(MAX_COUNT, len(pattern.findall(opening))))
        # Dampened: a long text has more of every cue.
        found.append(float(np.log1p(len(pattern.findall(text)))))
    return found + _shape(text)


def _shape(text: str) -> list[float]:
    words, word = words_of(text), refusal(text)
    number = max(1, len(words))
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return [
        # The rule's verdict is a feature among others: the head may learn where it errs.
        float(word != "none"),
        float(word == "partial"),
        float(np.log1p(number)),
        *(float(number < limit) for limit in SHORT_WORDS),
        len(set(words)) / number,
        1 - len(set(trigrams)) / max(1, len(trigrams)),
        # By word, so that length shows in `log_words` alone.
        text.count("\n") / number,
        text.count("?") / number,
        text.count(":") / number,
        sum(map(str.isdigit, text)) / max(1, len(text)),
        float(max(map(len, words), default=0) > LONG_WORD),
    ]


def relation(exchange: Exchange) -> list[float]:
    """RELATION_NAMES: which share of the one's words, and of its triples of words, the other
    holds.
    """
    prompt, text = words_of(exchange.prompt), words_of(exchange.completion)
    asked, said, opened = _content(prompt), _content(text), _content(words_of(exchange.opening))
    asked_triples, said_triples = _trigrams(prompt), _trigrams(text)
    return [
        _share(asked & said, asked),
        _share(asked & opened, asked),
        _share(asked & said, said),
        _share(asked_triples & said_triples, said_triples),
        _share(asked_triples & said_triples, asked_triples),
    ]


def _content(words: Iterable[str]) -> set[str]:
    return set(words) - _STOP


def _trigrams(words: list[str]) -> set[tuple[str, str, str]]:
    return set(zip(words, words[1:], words[2:], strict=False))


def _share(part: Sized, whole: Sized) -> float:
    return len(part) / max(1, len(whole))
