from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.config import SourceConfig
from data_prep.near_duplicates import WordIndex, jaccard, near_duplicate_groups, normalise, request_text, word_set
from data_prep.sources import read_source

TEXTS = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8).map(" ".join), max_size=16)
THRESHOLDS = st.sampled_from([0.1, 0.3, 1 / 3, 0.5, 0.6, 0.7, 0.75, 0.9, 1.0])


def brute_force_pairs(texts: Sequence[str], threshold: float) -> set[tuple[int, int]]:
    words = [word_set(text) for text in texts]
    return {(i, j) for i in range(len(texts)) for j in range(i) if jaccard(words[i], words[j]) >= threshold}


def brute_force_groups(texts: Sequence[str], threshold: float) -> list[int]:
    groups = list(range(len(texts)))
    for later, earlier in brute_force_pairs(texts, threshold):
        old, new = groups[later], groups[earlier]
        groups = [new if group == old else group for group in groups]
    return [groups.index(group) for group in groups]


@given(TEXTS, THRESHOLDS)
def test_groups_equal_those_of_comparing_every_two_texts(texts: list[str], threshold: float) -> None:
    assert near_duplicate_groups(texts, threshold) == brute_force_groups(texts, threshold)


@given(TEXTS, st.lists(st.sampled_from("abcdxy"), max_size=8).map(" ".join), THRESHOLDS)
def test_matches_of_a_new_text_equal_those_of_comparing_it_with_every_text(texts: list[str], text: str, threshold: float) -> None:
    found = {match.position: match.similarity for match in WordIndex(texts, threshold).matches(text)}
    similarities = {position: jaccard(word_set(text), word_set(other)) for position, other in enumerate(texts)}
    assert found == {position: similarity for position, similarity in similarities.items() if similarity >= threshold}


def test_a_chain_of_near_duplicates_is_one_group() -> None:
    assert near_duplicate_groups(["a b c d", "x y", "c d e f", "b c d e"], 0.5) == [0, 1, 0, 0]


def test_normalising_drops_case_punctuation_and_both_apostrophes() -> None:
    assert normalise("  The PATIENT\u2019s  follow-up: isn't due? ") == "the patients follow up isnt due"


def test_texts_without_words_are_near_nothing() -> None:
    assert near_duplicate_groups(["?!", "...", ""], 0.5) == [0, 1, 2]


def test_a_shared_system_message_does_not_make_requests_alike() -> None:
    prompt = [{"role": "system", "content": "You are a doctor"}, {"role": "user", "content": "hello"}]
    assert request_text(prompt) == "hello"  # type: ignore[arg-type]


@pytest.mark.parametrize("threshold", [0.9, 0.7, 0.5])
def test_real_requests_group_as_by_brute_force(real_medsafetybench: Path, threshold: float) -> None:
    rows = read_source(SourceConfig(name="msb", format="medsafetybench", path=str(real_medsafetybench)), seed=0)
    texts = [request_text(row.prompt) for row in rows if row.split == "train"]
    pairs = set(WordIndex(texts, threshold).pairs())
    assert pairs == brute_force_pairs(texts, threshold)
    # 5, 87 and 255 test rows have a train neighbour at these thresholds; within the train half the counts are these.
    assert len(pairs) == {0.9: 3, 0.7: 59, 0.5: 290}[threshold]
    assert max(Counter(near_duplicate_groups(texts, threshold)).values()) == {0.9: 2, 0.7: 7, 0.5: 26}[threshold]
