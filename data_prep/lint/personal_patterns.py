"""What identifies a person, found by patterns and checksums of our own: always at hand, and a
beginning.

Numbers of records and days of birth that are called so, and what is told by its form alone: e-mail
addresses, phone, card, social security and bank account numbers, addresses of machines. The extra
`pii` (Presidio) knows more kinds; names and addresses in prose are found by neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

EXTRA = "pip install -e '.[pii]'"
_DAY = (
    r"(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}(?:st|nd|rd|th)? \w{3,9},? \d{4}|\w{3,9}"
    r" \d{1,2}(?:st|nd|rd|th)?,? \d{4})"
)
_OF_RECORDS = (
    r"(?:MRN|(?:medical |health |hospital |patient |case )?record|patient|chart|case"
    r" file|NHS|insurance|member)(?:'s)?"
)
_PATTERNS = {
    "EMAIL_ADDRESS": r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.[A-Za-z]{2,24}\b",
    "RECORD_NUMBER": (
        rf"(?i)\b{_OF_RECORDS}\W{{0,3}}(?:(?:no|nr|num|number|id|is)\b\W{{0,3}}){{0,2}}[A-Z]{{0,4}}-?\d(?:["
        r" -]?\d){5,14}\b"
    ),
    "DATE_OF_BIRTH": (
        rf"(?i)\b(?:born(?: on)?|date of birth|d\.?o\.?b\.?)\W{{0,3}}(?:is |the )?{_DAY}"
    ),
    "US_SSN": r"\b(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b",
    "PHONE_NUMBER": (
        r"(?<![\w.])\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}\b|(?<![\w.-])(?:\(\d{3}\) ?|"
        r"\d{3}[ .-])\d{3}[.-]\d{4}\b"
        r"|(?<![\w.-])0\d{2,4} \d{3,4} \d{3,4}\b"
    ),
    "CREDIT_CARD": r"\b\d(?:[ -]?\d){12,18}\b",
    "IBAN_CODE": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
    "IP_ADDRESS": (
        r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.])"
    ),
}
_COMPILED = {kind: re.compile(pattern) for kind, pattern in _PATTERNS.items()}


class Found(NamedTuple):
    kind: str
    """As Presidio names it, such as EMAIL_ADDRESS."""
    start: int
    end: int


class Search(NamedTuple):
    """How personal data are looked for here."""

    find: Callable[[str], list[Found]]
    by: str
    missing: str
    """What to install to find more; empty where it is."""


def best_search() -> Search:
    """Presidio's recognisers beside our patterns, where the extra is installed."""
    if find_spec("presidio_analyzer") is None:
        return Search(
            find,
            "built-in patterns",
            f"the extra `pii` knows more kinds and is not installed: {EXTRA}",
        )
    presidio = import_module("data_prep.lint.personal_data").finder()
    # The patterns go on beside Presidio, which has no kind for record numbers.
    return Search(
        lambda text: _apart([*find(text), *presidio(text)]), "built-in patterns and Presidio", ""
    )


def find(text: str) -> list[Found]:
    """What the patterns find, in the text's order; of two findings that overlap the longer one."""
    return _apart(_found(text))


def _found(text: str) -> Iterator[Found]:
    # Every pattern holds a digit or an @; most texts of a set have neither.
    if not any(character.isdigit() or character == "@" for character in text):
        return
    for kind, pattern in _COMPILED.items():
        for match in pattern.finditer(text):
            # Checksums where there are some: any 13 digits in a row look like a card.
            if _CHECKS.get(kind, bool)(match[0]):
                yield Found(kind, match.start(), match.end())


def _apart(found: Iterator[Found] | list[Found]) -> list[Found]:
    kept: list[Found] = []
    # The longest first: a card number holds runs that look like a phone number.
    for one in sorted(found, key=lambda one: (one.start - one.end, one.start)):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)


def _is_card(text: str) -> bool:
    """The checksum of Luhn."""
    digits = []
    for character in text:
        if character.isdigit():
            digits.append(int(character))
    # divmod by 10 gives the two digits of a doubled one, which Luhn adds up.
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    """The checksum of ISO 7064."""
    plain = text.replace(" ", "")
    moved = f"{plain[4:]}{plain[:4]}"
    # int(character, 36) is the standard's own numbering, A = 10 to Z = 35.
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


_CHECKS: dict[str, Callable[[str], bool]] = {"CREDIT_CARD": _is_card, "IBAN_CODE": _is_iban}
