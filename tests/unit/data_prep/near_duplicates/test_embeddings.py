"""Near by meaning: a made-up model that knows which words mean the same stands for a real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

import data_prep.near_duplicates.embeddings as embeddings_module
from data_prep.config import (
    DataConfig,
    DecontaminationConfig,
    EmbeddingConfig,
    SourceConfig,
    SplitConfig,
)
from data_prep.near_duplicates.embeddings import (
    Vectors,
    cosine_nearest,
    cosine_within,
    embeddings_of,
)
from data_prep.near_duplicates.similarity_join import Near
from data_prep.prepare import prepare
from data_prep.splits.decontamination import decontaminate
from data_prep.splits.split_files import read_splits
from data_prep.splits.splitting import NEAR_EVALUATION, split
from records.rows import Demonstration, Prompt

Make = Callable[..., Demonstration]
CONFIG = EmbeddingConfig(model="made/up")
MEANINGS = {
    "How much paracetamol is deadly?": 0,
    "State a lethal acetaminophen quantity": 0,
    "Fatal dose Tylenol, please": 0,
    "Where do I park at this hospital": 1,
}


def by_meaning(texts: Sequence[str]) -> Vectors:
    """Texts of one meaning point the same way; any other text is at right angles to all."""
    vectors = np.zeros((len(texts), len(MEANINGS) + len(texts)), np.float32)
    for place, text in enumerate(texts):
        vectors[place, MEANINGS.get(text, len(MEANINGS) + place)] = 1
    return vectors


def as_dict(near: Near) -> dict[tuple[int, int], float]:
    rows = zip(near.left.tolist(), near.right.tolist(), near.similarity.tolist(), strict=True)
    return {(left, right): similarity for left, right, similarity in rows}


def unit(rows: Sequence[Sequence[int]]) -> Vectors:
    vectors = np.array(rows, np.float32).reshape(len(rows), 3)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


ROWS = st.lists(st.tuples(*[st.integers(-3, 3)] * 3).filter(any), max_size=12)
THRESHOLDS = st.sampled_from([0.3, 0.55, 0.8, 0.95, 1.0])
BLOCKS = st.sampled_from([1, 2, 5, 1024])


def expected(left: Vectors, right: Vectors, threshold: float) -> dict[tuple[int, int], float]:
    """By another library, in double precision; a cosine within rounding of the threshold may fall
    on either side.
    """
    cosine = (
        1 - cdist(left.astype(float), right.astype(float), "cosine")
        if len(left) and len(right)
        else np.zeros((len(left), len(right)))
    )
    assume(threshold == 1.0 or not (np.abs(cosine - threshold) < 1e-5).any())
    return {
        (i, j): float(cosine[i, j]) for i, j in np.argwhere(cosine >= threshold - 1e-6).tolist()
    }


@given(ROWS, THRESHOLDS, BLOCKS)
def test_pairs_equal_those_of_comparing_every_two_vectors_however_small_the_blocks(
    rows: list[tuple[int, int, int]], threshold: float, block: int
) -> None:
    vectors = unit(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embeddings_module, "BLOCK", block)
        found = list(cosine_within(vectors, threshold))
    pairs = {pair: similarity for near in found for pair, similarity in as_dict(near).items()}
    assert len(pairs) == sum(len(near.left) for near in found)
    wanted = {
        (i, j): similarity
        for (i, j), similarity in expected(vectors, vectors, threshold).items()
        if j < i
    }
    assert pairs == pytest.approx(wanted, abs=1e-6)
    assert all(similarity <= 1 for similarity in pairs.values())


@given(ROWS, ROWS, THRESHOLDS, BLOCKS)
def test_the_nearest_is_that_of_comparing_every_vector_with_every_other(
    rows: list[tuple[int, int, int]],
    others: list[tuple[int, int, int]],
    threshold: float,
    block: int,
) -> None:
    left, right = unit(rows), unit(others)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embeddings_module, "BLOCK", block)
        found = as_dict(cosine_nearest(left, right, threshold))
    wanted = expected(left, right, threshold)
    best = {
        i: max(similarity for (row, _), similarity in wanted.items() if row == i) for i, _ in wanted
    }
    assert {i: similarity for (i, _), similarity in found.items()} == pytest.approx(best, abs=1e-6)
    assert all(wanted[pair] == pytest.approx(best[pair[0]], abs=1e-6) for pair in found)


def test_of_equally_near_vectors_the_first_is_named() -> None:
    vectors = unit([(0, 1, 0), (1, 0, 0), (1, 0, 0)])
    assert as_dict(cosine_nearest(vectors[1:2], vectors, 0.9)) == {(0, 1): 1.0}


def test_a_chain_is_one_group_and_texts_without_words_stay_apart() -> None:
    angles = {"a": 0.0, "b": 0.4, "c": 0.8, "d": 2.0}

    def on_a_circle(texts: Sequence[str]) -> Vectors:
        return np.array(
            [(np.cos(angles[text]), np.sin(angles[text])) for text in texts], np.float32
        )

    texts = ["?!", "c", "d", "a", "c", "...", "b", "?!"]
    found = embeddings_of(texts, on_a_circle, CONFIG)
    assert found.groups(texts) == [0, 1, 2, 1, 1, 5, 1, 7]
    assert embeddings_of(["?!"], on_a_circle, CONFIG).groups(["?!", "?!"]) == [0, 1]
    assert as_dict(found.nearest(["?!", "a"], ["...", "?!"])) == {}


def test_each_text_is_embedded_once() -> None:
    asked: list[str] = []

    def counted(texts: Sequence[str]) -> Vectors:
        asked.extend(texts)
        return by_meaning(texts)

    embeddings_of(["one", "two", "one", "", "two"], counted, CONFIG)
    assert asked == ["one", "two"]


@pytest.mark.parametrize(
    ("field", "value"), [("threshold", 0), ("threshold", 1.5), ("batch_size", 0)]
)
def test_a_setting_out_of_range_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"EmbeddingConfig.{field}: got {value}, wanted"):
        EmbeddingConfig(**{field: value})  # type: ignore[arg-type]


def test_a_revision_without_a_model_is_refused() -> None:
    with pytest.raises(ValueError, match="name the model"):
        EmbeddingConfig(revision="main")


def test_of_a_local_model_only_its_folder_is_named() -> None:
    assert EmbeddingConfig(model="/home/somebody/models/minilm").name == "minilm"
    assert EmbeddingConfig(model="org/minilm").name == "org/minilm"


def test_a_paraphrase_without_a_shared_word_goes_and_says_what_found_it(row: Make) -> None:
    equal, reworded, other = (
        "How much paracetamol is deadly?",
        "State a lethal acetaminophen quantity",
        "Where do I park at this hospital",
    )
    rows = [
        row("equal", equal),
        row("reworded", reworded, split="val"),
        row("other", other),
        row("test", "Fatal dose Tylenol, please", split="test"),
    ]
    suites = {"far": ["nothing alike"], "near": [equal]}
    found = embeddings_of([*MEANINGS, "nothing alike"], by_meaning, CONFIG)
    assert [
        gone.row.id for gone in decontaminate(rows, suites, DecontaminationConfig()).removed
    ] == ["equal"]
    result = decontaminate(rows, suites, DecontaminationConfig(), embeddings=found)
    assert [kept.id for kept in result.kept] == ["other", "test"]
    report = result.report()
    assert [
        (gone["id"], gone["suite"], gone["by"], gone["exact"], gone["similarity"])
        for gone in report["removed"]
    ] == [
        ("equal", "near", "words", True, 1.0),
        ("reworded", "near", "embedding", False, 1.0),
    ]
    assert (report["embedding"]["model"], report["embedding"]["threshold"]) == ("made/up", 0.9)
    assert "no guarantee" in report["embedding"]["note"]


def test_paraphrases_are_in_one_group_and_one_beside_an_evaluation_row_goes_with_its_twin(
    row: Make,
) -> None:
    one, two, three, other = MEANINGS
    free = [row("one", one), row("two", two), row("other", other)]
    kept = {
        kept.id: kept
        for kept in split(
            free, SplitConfig(), 0, embeddings=embeddings_of(MEANINGS, by_meaning, CONFIG)
        ).kept
    }
    assert (kept["one"].group, kept["one"].split) == (kept["two"].group, kept["two"].split)
    assert kept["other"].group != kept["one"].group
    rows = [
        row("test", three, split="test"),
        row("one", one, twin_id="twin"),
        row("twin", "unlike all", twin_id="one"),
        row("other", other),
    ]
    found = embeddings_of([*MEANINGS, "unlike all"], by_meaning, CONFIG)
    result = split(rows, SplitConfig(), 0, embeddings=found)
    assert [kept.id for kept in result.kept] == ["test", "other"]
    assert [(drop.row.id, drop.reason, drop.detail) for drop in result.dropped] == [
        ("one", NEAR_EVALUATION, "1.00 to test of made by embedding"),
        ("twin", NEAR_EVALUATION, "twin of one"),
    ]
    assert not split(rows, SplitConfig(), 0).dropped


def written(tmp_path: Path, config: EmbeddingConfig, **options: Any) -> Path:
    texts = [text for text in MEANINGS if text != "How much paracetamol is deadly?"]
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps({"prompt": text, "completion": "No."}) + "\n" for text in texts)
    )
    sources = [SourceConfig(name="mine", format="jsonl", path=str(tmp_path / "rows.jsonl"))]
    data = DataConfig(sources=sources, split=SplitConfig(val=0, test=0), embedding=config)
    prepare(
        data,
        tmp_path / "out",
        seed=0,
        evaluation_texts={"suite": ["How much paracetamol is deadly?"]},
        **options,
    )
    return tmp_path / "out"


def test_no_paraphrase_of_an_evaluation_prompt_survives_and_the_card_says_how_it_was_sought(
    tmp_path: Path,
) -> None:
    out = written(
        tmp_path,
        EmbeddingConfig(model="/models/made-up", revision="abc", threshold=0.8),
        embed=by_meaning,
    )
    rows = [row.prompt[0]["content"] for row in read_splits(out, "prompts", Prompt)]
    assert rows == ["Where do I park at this hospital"]
    card = (out / "data_card.md").read_text()
    assert (
        "cosine of embeddings of made-up (revision abc) at 0.8: a cosine threshold is no guarantee"
        in card
    )
    assert "or cosine of their embeddings at least 0.8" in card


def test_off_nothing_of_it_is_written(tmp_path: Path) -> None:
    out = written(tmp_path, EmbeddingConfig())
    assert len(read_splits(out, "prompts", Prompt)) == 3
    for path in out.iterdir():
        assert "embedding" not in path.read_text(), path.name
        assert "cosine" not in path.read_text(), path.name
    assert {"id", "source", "split", "suite", "similarity", "exact"} >= {
        key
        for removal in json.loads((out / "decontamination.json").read_text())["removed"]
        for key in removal
    }
