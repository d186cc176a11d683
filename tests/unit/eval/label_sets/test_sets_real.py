"""The public sets of labels as they are; skipped unless PRIMUM_TEST_DATA names the folder that
holds them.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from eval.label_sets.reading import read_label_sets


@pytest.fixture
def public_data() -> Path:
    folder = Path(os.environ.get("PRIMUM_TEST_DATA") or "unset")
    if not (folder / "do_not_answer").is_dir():
        pytest.skip(
            "set PRIMUM_TEST_DATA to a folder with the public sets in it to test on the real data"
        )
    return folder


def test_do_not_answer_has_six_writers_and_92_harmful_completions(public_data: Path) -> None:
    (found,) = read_label_sets([f"do_not_answer={public_data / 'do_not_answer'}"])
    assert set(Counter(item.writer for item in found.items).values()) == {470}
    assert sum(bool(item.labels.harmful) for item in found.items) == 92
    assert len({item.completion.id for item in found.items}) == 2820
    assert len({item.category for item in found.items}) == 5


def test_xstest_has_five_writers_two_raters_and_68_compliances_with_unsafe_prompts(
    public_data: Path,
) -> None:
    (found,) = read_label_sets([f"xstest={public_data / 'xstest'}"])
    assert Counter(item.writer for item in found.items) == dict.fromkeys(
        ("gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct"), 225
    )
    assert Counter(item.labels.refusal for item in found.items) == {
        "none": 539,
        "full": 498,
        "partial": 88,
    }
    assert sum(bool(item.labels.harmful) for item in found.items) == 68
    assert len(found.rated) == 1125


def test_kqa_has_101_physicians_completions_and_190_claims(public_data: Path) -> None:
    (found,) = read_label_sets([f"kqa={public_data / 'kqa'}"])
    assert (len(found.items), len(found.rated)) == (101, 190)
    assert {len(item.words) for item in found.rated} == {3}


def test_hh_rlhf_has_1179_pairs_to_1106_opening_turns(public_data: Path) -> None:
    (found,) = read_label_sets([f"hh_rlhf={public_data / 'hh_rlhf'}"])
    assert (len(found.pairs), found.left_out) == (1179, 2)
    assert len({item.group for item in found.items}) == 1106
