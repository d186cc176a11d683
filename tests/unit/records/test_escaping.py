"""Text from outside says what it says, and nothing that the page, the terminal or the file would
act on.
"""

from __future__ import annotations

import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from records.escaping import (
    UNSEEN,
    json_text,
    markdown_cell,
    markdown_text,
    one_line,
    visible,
    yaml_text,
)

ODD = "\x1b[31m\u202eevil\u2066\u200b\ufeff\x00\x07\r\x85\u2028\ufe0f\U000e0041"
texts = st.text(
    st.characters(codec=None, categories=None)
    | st.sampled_from("\n\t|`*_[]<>&#-+=.\\ \x1b\u202e\u200b")
)


@given(texts)
def test_nothing_unseen_is_left_for_any_target(text: str) -> None:
    for target in (visible, one_line, markdown_cell, markdown_text, yaml_text, json_text):
        assert not UNSEEN.search(target(text))


@given(texts)
def test_one_line_stays_one(text: str) -> None:
    for target in (one_line, markdown_cell, markdown_text, yaml_text, json_text):
        assert len(target(text).splitlines()) <= 1


def test_what_nobody_sees_is_spelled_out() -> None:
    assert one_line(ODD) == (
        "\\x1b[31m\\u202eevil\\u2066\\u200b\\ufeff\\x00\\x07\\r\\x85\\u2028\\ufe0f\\U000e0041"
    )
    assert visible("a\n\tb\x1b") == "a\n\tb\\x1b"
    assert one_line("ü 中文 العربية µ") == "ü 中文 العربية µ"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("CC0\n\n## Release gates\n\n- passed: all", "CC0 ## Release gates - passed: all"),
        ("# Heading", "\\# Heading"),
        ("- item", "\\- item"),
        ("12. item", "12\\. item"),
        ("3.5 of 12", "3.5 of 12"),
        ("===", "\\==="),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("a | b", "a \\| b"),
        ("![x](javascript:y)", "!\\[x\\](javascript:y)"),
        (
            "`code` **bold** _em_ ~~out~~ $x$",
            "\\`code\\` \\*\\*bold\\*\\* \\_em\\_ \\~\\~out\\~\\~ \\$x\\$",
        ),
        ("patient_questions", "patient_questions"),
        (
            "see https://evil.example and www.evil.example",
            "see https\\://evil.example and www\\.evil.example",
        ),
        ("\\", "\\\\"),
    ],
)
def test_markdown_takes_it_for_words(text: str, written: str) -> None:
    assert markdown_text(text) == written


@given(texts)
def test_markdown_keeps_every_word(text: str) -> None:
    unescaped = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown_text(text))
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        unescaped = unescaped.replace(entity, character)
    assert unescaped == one_line(" ".join(text.split()))


@given(st.text())
def test_yaml_and_json_read_back_as_the_same_text(text: str) -> None:
    assert json.loads(json_text({text: [text]})) == {text: [text]}
    assert yaml.safe_load(f"name: {yaml_text(text)}\n") == {"name": text}


def test_json_reads_back_what_utf_8_could_not_hold() -> None:
    json_text(["\ud800", ODD]).encode()
    assert json.loads(json_text(["\ud800", ODD])) == ["\ud800", ODD]
