"""What identifies a person and is called so, or shows by its form, is found without any extra."""

from __future__ import annotations

import time

import pytest

from data_prep.config import SourceConfig
from data_prep.lint import personal_patterns
from data_prep.lint.personal_patterns import best_search, find
from data_prep.sources import read_source
from records.rows import text_of

PLANTED = [
    ("EMAIL_ADDRESS", "jane.doe@example.com"),
    ("RECORD_NUMBER", "MRN 00482913"),
    ("RECORD_NUMBER", "record number 4711-0815"),
    ("RECORD_NUMBER", "patient's ID: AB-123456"),
    ("RECORD_NUMBER", "NHS number 943 476 5919"),
    ("DATE_OF_BIRTH", "born 3 May 1961"),
    ("DATE_OF_BIRTH", "DOB: 03/05/1961"),
    ("PHONE_NUMBER", "212-555-0142"),
    ("PHONE_NUMBER", "+44 20 7946 0958"),
    ("CREDIT_CARD", "4111 1111 1111 1111"),
    ("IBAN_CODE", "DE89370400440532013000"),
    ("IP_ADDRESS", "192.0.2.17"),
    ("US_SSN", "219-09-9999"),
]


@pytest.mark.parametrize(("kind", "secret"), PLANTED)
def test_what_identifies_a_person_is_found_at_its_place(kind: str, secret: str) -> None:
    assert find(f"The woman gave {secret} at the desk.") == [(kind, 15, 15 + len(secret))]


@pytest.mark.parametrize(
    "text",
    [
        "BP 120/80, HR 72, 1.5 mg/kg/h over 10-20-30 minutes",
        "see section 3.2.1, ICD-10 code F32.1, 25 to 50 %",
        "call 988 or 911, write to name@host",
        "100000 patients, children born in 2020",
        "4111 1111 1111 1112 fails its checksum",
    ],
)
def test_clinical_numbers_are_not_personal(text: str) -> None:
    assert find(text) == []


def test_nothing_is_found_in_the_packaged_data() -> None:
    rows = read_source(SourceConfig(), seed=0)
    assert not [row.id for row in rows if find(text_of([*row.prompt, *row.completion]))]


@pytest.mark.parametrize(
    "text",
    ["1 " * 50_000, "+1 " * 30_000, "born " * 20_000 + "1", "AB12 " * 20_000, "a" * 100_000 + "@"],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    find(text)
    assert time.process_time() - started < 5


def test_the_extra_that_would_find_more_is_named_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(personal_patterns, "find_spec", lambda name: None)
    search = best_search()
    assert (search.find, search.by) == (find, "built-in patterns")
    assert "pip install -e '.[pii]'" in search.missing
