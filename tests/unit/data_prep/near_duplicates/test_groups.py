from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

import data_prep.near_duplicates.similarity_join as similarity_join
from data_prep.config import SourceConfig, SplitConfig
from data_prep.near_duplicates.groups import near_duplicate_groups, near_matches, near_pairs
from data_prep.near_duplicates.similarity_join import Near
from data_prep.sources import read_source
from data_prep.wording import jaccard, normalise, request_text, word_set

TEXTS = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8).map(" ".join), max_size=16)
THRESHOLDS = st.sampled_from([0.1, 0.3, 1 / 3, 0.5, 0.6, 0.7, 0.75, 0.9, 1.0])
NGRAMS = st.sampled_from([1, 2, 3])


def as_dict(found: Iterable[Near]) -> dict[tuple[int, int], float]:
    """Pairs to similarities; none may come twice."""
    rows = [
        row
        for near in found
        for row in zip(
            near.left.tolist(), near.right.tolist(), near.similarity.tolist(), strict=True
        )
    ]
    pairs = {(left, right): similarity for left, right, similarity in rows}
    assert len(pairs) == len(rows)
    return pairs


def unordered(found: Iterable[Near]) -> dict[tuple[int, int], float]:
    """As above, the later text first."""
    pairs = {(max(pair), min(pair)): similarity for pair, similarity in as_dict(found).items()}
    assert all(later > earlier for later, earlier in pairs)
    return pairs


def brute_force_pairs(
    texts: Sequence[str], threshold: float, ngram: int = 1
) -> dict[tuple[int, int], float]:
    words = [word_set(text, ngram) for text in texts]
    similarities = {
        (i, j): jaccard(words[i], words[j]) for i in range(len(texts)) for j in range(i)
    }
    return {
        pair: similarity for pair, similarity in similarities.items() if similarity >= threshold
    }


def brute_force_groups(texts: Sequence[str], threshold: float, ngram: int) -> list[int]:
    groups = list(range(len(texts)))
    for later, earlier in brute_force_pairs(texts, threshold, ngram):
        old, new = groups[later], groups[earlier]
        groups = [new if group == old else group for group in groups]
    return [groups.index(group) for group in groups]


@given(TEXTS, THRESHOLDS, NGRAMS)
@settings(deadline=None)
def test_groups_equal_those_of_comparing_every_two_texts(
    texts: list[str], threshold: float, ngram: int
) -> None:
    assert near_duplicate_groups(texts, threshold, ngram) == brute_force_groups(
        texts, threshold, ngram
    )


@given(TEXTS, THRESHOLDS, NGRAMS, st.sampled_from([1, 3, 1000]), st.sampled_from([2, 1000]))
@settings(deadline=None)
def test_pairs_equal_those_of_comparing_every_two_texts_however_small_the_blocks(
    texts: list[str], threshold: float, ngram: int, block: int, panel: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity_join, "BLOCK", block * 16)
        patch.setattr(similarity_join, "PANEL", panel)
        assert unordered(near_pairs(texts, threshold, ngram)) == brute_force_pairs(
            texts, threshold, ngram
        )


@given(
    TEXTS,
    st.lists(st.lists(st.sampled_from("abcdxy"), max_size=8).map(" ".join), max_size=8),
    THRESHOLDS,
    NGRAMS,
)
@settings(deadline=None)
def test_matches_equal_those_of_comparing_every_text_with_every_other(
    texts: list[str], others: list[str], threshold: float, ngram: int
) -> None:
    similarities = {
        (i, j): jaccard(word_set(text, ngram), word_set(other, ngram))
        for i, text in enumerate(texts)
        for j, other in enumerate(others)
    }
    expected = {
        pair: similarity for pair, similarity in similarities.items() if similarity >= threshold
    }
    assert as_dict(near_matches(texts, others, threshold, ngram)) == expected


def test_long_texts_with_hundreds_of_common_words_are_measured_right() -> None:
    """More shared words than a byte counts, and more than one word for each of the signature's
    bits.
    """
    texts = [
        " ".join(f"w{number}" for number in range(start, start + 900)) for start in (0, 0, 300, 450)
    ]
    assert unordered(near_pairs(texts, 0.5)) == {
        (1, 0): 1.0,
        (2, 0): 0.5,
        (2, 1): 0.5,
        (3, 2): 750 / 1050,
    }


def test_a_chain_of_near_duplicates_is_one_group() -> None:
    assert near_duplicate_groups(["a b c d", "x y", "c d e f", "b c d e"], 0.5) == [0, 1, 0, 0]


def test_equal_texts_are_one_group_before_anything_is_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hundred thousand copies would be five thousand million pairs."""
    assert set(near_duplicate_groups(["The SAME words."] * 100_000, 0.5)) == {0}


def test_normalising_drops_case_punctuation_and_both_apostrophes() -> None:
    assert (
        normalise("  The PATIENT\u2019s  follow-up: isn't due? ")
        == "the patients follow up isnt due"
    )


def test_runs_of_words_are_counted_once_and_a_short_text_is_one_run() -> None:
    assert word_set("a b a b", 2) == {"a b", "b a"}
    assert word_set("a b", 3) == {"a b"}
    assert word_set("?!", 3) == frozenset()


def test_texts_without_words_are_near_nothing() -> None:
    assert near_duplicate_groups(["?!", "...", ""], 0.5) == [0, 1, 2]
    assert near_duplicate_groups([], 0.5) == []


def test_a_shared_system_message_does_not_make_requests_alike() -> None:
    prompt = [
        {"role": "system", "content": "You are a doctor"},
        {"role": "user", "content": "hello"},
    ]
    assert request_text(prompt) == "hello"  # type: ignore[arg-type]


def test_a_run_of_no_words_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"SplitConfig.near_duplicate_ngram: got 0, wanted a whole number from 1"
    ):
        SplitConfig(near_duplicate_ngram=0)


def requests(folder: Path) -> list[str]:
    rows = read_source(SourceConfig(name="msb", format="medsafetybench", path=str(folder)), seed=0)
    return [request_text(row.prompt) for row in rows if row.split == "train"]


def llama3(folder: Path) -> list[str]:
    path = str(folder / "med_harm_llama3")
    return [
        request_text(row.prompt)
        for row in read_source(SourceConfig(name="l3", format="medsafetybench", path=path), seed=0)
    ]


@pytest.mark.parametrize(("ngram", "thresholds"), [(1, (0.8, 0.5)), (3, (0.7, 0.5))])
def test_all_llama3_requests_against_the_train_half_agree_with_a_product_of_count_vectors(
    real_medsafetybench: Path, ngram: int, thresholds: tuple[float, ...]
) -> None:
    texts, others = llama3(real_medsafetybench), requests(real_medsafetybench)
    vectors = CountVectorizer(
        analyzer=lambda text: word_set(text, ngram), binary=True
    ).fit_transform([*texts, *others])
    left, right = vectors[: len(texts)], vectors[len(texts) :]
    shared = (left @ right.T).tocoo()
    sizes = [np.asarray(side.sum(axis=1)).ravel() for side in (left, right)]
    similarity = shared.data / (sizes[0][shared.row] + sizes[1][shared.col] - shared.data)
    for threshold in thresholds:
        kept = similarity >= threshold
        expected = dict(
            zip(
                zip(shared.row[kept].tolist(), shared.col[kept].tolist(), strict=True),
                similarity[kept].tolist(),
                strict=True,
            )
        )
        assert as_dict(near_matches(texts, others, threshold, ngram)) == expected


def test_ten_llama3_requests_equal_a_training_request(real_medsafetybench: Path) -> None:
    """Nine where the 339 that are near an upstream test request were taken out before."""
    known, texts = set(map(normalise, requests(real_medsafetybench))), llama3(real_medsafetybench)
    assert sum(normalise(text) in known for text in texts) == {74_374: 10, 74_035: 9}[len(texts)]


@pytest.mark.parametrize(
    ("ngram", "counts"),
    [(1, {0.9: 6, 0.8: 39, 0.7: 87, 0.6: 161, 0.5: 255}), (3, {0.8: 7, 0.7: 16, 0.5: 85})],
)
def test_as_many_upstream_test_rows_have_a_train_neighbour_as_documented(
    real_medsafetybench: Path, ngram: int, counts: dict[float, int]
) -> None:
    rows = read_source(
        SourceConfig(name="msb", format="medsafetybench", path=str(real_medsafetybench)), seed=0
    )
    test = [request_text(row.prompt) for row in rows if row.split == "test"]
    if len(test) != 900:
        pytest.skip("this copy of MedSafetyBench is without its 900 test rows")
    train = requests(real_medsafetybench)
    found = {
        at: {place for near in near_matches(test, train, at, ngram) for place in near.left.tolist()}
        for at in counts
    }
    assert {at: len(places) for at, places in found.items()} == counts


@pytest.mark.parametrize("threshold", [0.9, 0.7, 0.5])
def test_real_requests_group_as_by_brute_force(real_medsafetybench: Path, threshold: float) -> None:
    texts = requests(real_medsafetybench)
    pairs = unordered(near_pairs(texts, threshold))
    assert pairs == brute_force_pairs(texts, threshold)
    # Within the train half the counts are these.
    assert len(pairs) == {0.9: 3, 0.7: 59, 0.5: 290}[threshold]
    assert (
        max(Counter(near_duplicate_groups(texts, threshold)).values())
        == {0.9: 2, 0.7: 7, 0.5: 26}[threshold]
    )
