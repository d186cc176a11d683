from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import pytest

from data_prep.config import LintConfig, SourceConfig
from data_prep.lint.linter import lint
from data_prep.sources import read_source
from records.errors import ResourceError
from records.rows import Demonstration

Find = Callable[[str], list[Any]]


@pytest.fixture(scope="module")
def find() -> Find:
    pytest.importorskip("presidio_analyzer", reason="the extra `pii` is not installed")
    from data_prep.lint.personal_data import finder

    return finder()


# Numbers that standards and regulators set aside for examples, or that only pass a checksum.
PLANTED = [
    ("EMAIL_ADDRESS", "jane.doe@example.com"),
    ("PHONE_NUMBER", "212-555-0142"),
    ("PHONE_NUMBER", "+44 20 7946 0958"),
    ("CREDIT_CARD", "4111 1111 1111 1111"),
    ("IBAN_CODE", "DE89370400440532013000"),
    ("IP_ADDRESS", "192.0.2.17"),
    ("US_SSN", "219-09-9999"),
    ("MEDICAL_LICENSE", "BB1388568"),
    ("UK_NHS", "943 476 5919"),
    ("US_MBI", "1EG4-TE5-MK73"),
]


@pytest.mark.parametrize(("kind", "secret"), PLANTED)
def test_what_identifies_a_person_is_found_at_its_place(find: Find, kind: str, secret: str) -> None:
    text = f"The patient gave {secret} at the desk."
    assert find(text) == [(kind, 17, 17 + len(secret))]


@pytest.mark.parametrize(
    "text",
    [
        "BP 120/80, HR 72, 1.5 mg/kg/h over 10-20-30 minutes",
        "see section 3.2.1",
        "call 988 or 911",
        "ICD-10 code F32.1, 25 to 50 %",
        "write to name@host",
    ],
)
def test_clinical_numbers_are_not_personal(find: Find, text: str) -> None:
    assert find(text) == []


def test_the_report_names_kinds_and_places_and_never_the_text(
    find: Find, row: Callable[..., Demonstration]
) -> None:
    rows = [
        row("a", "Mail jane.doe@example.com or ring 212-555-0142", "I cannot help."),
        row("b", "Nothing here", "No."),
    ]
    report = lint(rows, LintConfig(personal_data=True))
    assert [fault for fault in report["faults"] if fault["kind"] == "personal_data"] == [
        {
            "kind": "personal_data",
            "id": "a",
            "detail": "EMAIL_ADDRESS at 5-25 of the prompt; PHONE_NUMBER at 34-46 of the prompt",
            "source": "made",
            "dropped": False,
        }
    ]
    assert report["checked"]["personal_data"] == 2
    assert "example.com" not in json.dumps(report)


def test_nothing_is_fetched(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> NoReturn:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    from data_prep.lint.personal_data import finder

    assert len(finder()("jane.doe@example.com")) == 1


def test_our_own_data_holds_none(find: Find) -> None:
    rows = read_source(SourceConfig(), seed=0)
    assert not [
        fault
        for fault in lint(rows, LintConfig(personal_data=True))["faults"]
        if fault["kind"] == "personal_data"
    ]


def test_a_missing_library_is_told_with_what_to_install(
    row: Callable[..., Demonstration], monkeypatch: pytest.MonkeyPatch
) -> None:
    modules: Sequence[str] = [
        name for name in sys.modules if name.split(".")[0] == "presidio_analyzer"
    ]
    for name in (*modules, "data_prep.lint.personal_data"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(
        ResourceError, match=r"presidio_analyzer is not installed; pip install -e '\.\[pii\]'"
    ):
        lint([row("a", "Q", "A")], LintConfig(personal_data=True))
