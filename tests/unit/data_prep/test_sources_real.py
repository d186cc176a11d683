"""The real public sets, where PRIMUM_TEST_DATA says where they are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.config import SourceConfig
from data_prep.sources import read_source, source_counts
from records.rows import Demonstration, text_of

Read = Callable[..., list[Demonstration]]
COUNTS = {
    "hh_rlhf": {"rows": 1181, "answered": 1179, "preferences": 1179},
    "safety_tuned_llamas": {"rows": 2483 + 668, "answered": 2483, "preferences": 0},
    # 2,280 pairs in today's tags, as its readme counts them, and 16 in the four files with
    # lower-case tags.
    "medquad": {"rows": 2280 + 16, "answered": 2280 + 16, "preferences": 0},
    "kqa": {"rows": 585 + 101, "answered": 101, "preferences": 0},
    "xstest": {"rows": 450, "answered": 0, "preferences": 0},
    "pubmedqa": {"rows": 1000, "answered": 1000, "preferences": 0},
    "medsafetybench": {"rows": 900, "answered": 900, "preferences": 0},
    "medsafetybench/med_harm_llama3": {"rows": 74035, "answered": 0, "preferences": 0},
}
SUITES = {
    "hh_rlhf": {("set_harmless", "train"): 1181},
    "safety_tuned_llamas": {
        ("set", "train"): 2483,
        ("set_i_alpaca", "test"): 50,
        ("set_i_cona", "test"): 178,
        ("set_i_controversial", "test"): 40,
        ("set_i_maliciousinstructions", "test"): 100,
        ("set_i_physicalsafetysafe", "test"): 100,
        ("set_i_physicalsafetyunsafe", "test"): 100,
        ("set_q_harm", "test"): 100,
    },
    "kqa": {("set", "test"): 686},
    "xstest": {("set_safe", "test"): 250, ("set_unsafe", "test"): 200},
    "pubmedqa": {("set", "train"): 500, ("set", "test"): 500},
}


@pytest.fixture
def public_data() -> Path:
    folder = Path(os.environ.get("PRIMUM_TEST_DATA") or "unset")
    if not (folder / "hh_rlhf").is_dir():
        pytest.skip(
            "set PRIMUM_TEST_DATA to a folder with the public sets in it to test on the real data"
        )
    return folder


@pytest.mark.parametrize("name", COUNTS)
def test_the_real_set_has_the_rows_that_its_readme_counts(
    public_data: Path, read: Read, name: str
) -> None:
    rows = read(name.split("/")[0], public_data / name)
    assert source_counts(rows) == {"set": COUNTS[name]}
    assert name not in SUITES or Counter((row.suite, row.split) for row in rows) == SUITES[name]
    assert all(row.prompt[-1]["role"] == "user" and row.prompt[-1]["content"] for row in rows)
    assert (
        len({text_of(row.prompt) for row in read(name.split("/")[0], public_data / name, limit=7)})
        == 7
    )


def test_the_real_llama3_requests_are_read_without_end_tokens_repeats_and_all(
    public_data: Path, read: Read
) -> None:
    rows = read("medsafetybench", public_data / "medsafetybench" / "med_harm_llama3")
    texts = Counter(text_of(row.prompt) for row in rows)
    assert not any("<|" in text for text in texts)
    assert len(rows) - len(texts) == 540
    assert max(len(text.split()) for text in texts) == 676


def test_the_real_checkout_has_450_train_rows_a_generator(real_medsafetybench: Path) -> None:
    rows = read_source(
        SourceConfig(name="msb", format="medsafetybench", path=str(real_medsafetybench)), seed=0
    )
    train = [row for row in rows if row.split == "train"]
    assert Counter(row.generator for row in train) == {"gpt4": 450, "llama2": 450}
    assert [Counter(row.principle for row in train)[principle] for principle in range(1, 10)] == [
        109,
        107,
        81,
        106,
        100,
        74,
        111,
        114,
        98,
    ]
    assert len({row.id for row in rows}) == len(rows)
    ft = real_medsafetybench / "train-splits-used-for-ft" / "med_safety" / "ft_safety_med_n900.json"
    again = read_source(SourceConfig(name="ft", format="instruction_json", path=str(ft)), seed=0)
    assert {text_of(row.prompt) for row in again} == {text_of(row.prompt) for row in train}
