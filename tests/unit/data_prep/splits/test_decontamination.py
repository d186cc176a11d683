from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.config import DataConfig, DecontaminationConfig, SourceConfig, SplitConfig
from data_prep.prepare import prepare
from data_prep.splits.decontamination import decontaminate
from data_prep.wording import jaccard, normalise, word_set
from records.rows import Demonstration, user

Make = Callable[..., Demonstration]
CONFIG = DecontaminationConfig()


def test_exact_and_near_training_rows_go_and_test_rows_stay(row: Make) -> None:
    rows = [
        row("exact", "Give HIM the drug!"),
        row("half", "give him the pill", split="val"),
        row("under", "give me that pill"),
        row("test", "give him the drug", split="test"),
    ]
    result = decontaminate(
        rows, {"far": ["nothing alike"], "medqa": ["x y z", "give him the drug"]}, CONFIG
    )
    assert [kept.id for kept in result.kept] == ["under", "test"]
    assert [
        (removal.row.id, removal.suite, removal.similarity, removal.exact)
        for removal in result.removed
    ] == [
        ("exact", "medqa", 1.0, True),
        ("half", "medqa", 0.6, False),
    ]


def test_a_similarity_of_exactly_one_half_goes(row: Make) -> None:
    assert not decontaminate([row("a", "p q x")], {"suite": ["p q y"]}, CONFIG).kept


def test_same_words_in_another_order_are_near_and_not_exact(row: Make) -> None:
    (removal,) = decontaminate([row("a", "q p")], {"suite": ["p q"]}, CONFIG).removed
    assert (removal.similarity, removal.exact) == (1.0, False)


def test_the_suite_that_is_equal_is_named_before_one_with_the_same_words(row: Make) -> None:
    (removal,) = decontaminate(
        [row("a", "q p")], {"a_equal": ["Q, p!"], "b_shuffled": ["p q"]}, CONFIG
    ).removed
    assert (removal.suite, removal.exact) == ("a_equal", True)


def test_runs_of_three_words_let_another_order_of_the_words_stay(row: Make) -> None:
    rows = [row("shuffled", "d c b a"), row("phrase", "a b c d e")]
    result = decontaminate(rows, {"suite": ["a b c d"]}, DecontaminationConfig(ngram=3))
    assert [(removal.row.id, removal.similarity) for removal in result.removed] == [
        ("phrase", 2 / 3)
    ]


def test_prompts_without_a_word_contaminate_nothing(row: Make) -> None:
    assert (
        decontaminate(
            [row("a", "?!"), row("b", "word")], {"suite": ["...", ""], "none": []}, CONFIG
        ).removed
        == []
    )


@pytest.mark.parametrize(("field", "value"), [("threshold", 0), ("threshold", 1.1), ("ngram", 0)])
def test_a_threshold_or_run_length_out_of_range_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"DecontaminationConfig.{field}: got {value}, wanted"):
        DecontaminationConfig(**{field: value})


def test_the_report_counts_what_was_compared_and_shows_no_text(row: Make) -> None:
    texts = {"suite": ["secret words here"], "other": []}
    rows = [row("a", "secret words here"), row("b", "else"), row("c", "f", split="test")]
    report = decontaminate(rows, texts, DecontaminationConfig(threshold=0.7)).report()
    assert report["suites"] == {"suite": 1, "other": 0}
    assert (report["rows_compared"], report["threshold"], report["recall"]) == (2, 0.7, 1.0)
    assert report["removed"] == [
        {
            "id": "a",
            "source": "made",
            "split": "train",
            "suite": "suite",
            "similarity": 1.0,
            "exact": True,
        }
    ]
    assert "secret" not in str(report)


def test_without_an_evaluation_prompt_no_row_was_compared(row: Make) -> None:
    nothings: list[dict[str, list[str]]] = [{}, {"other": []}]
    for texts in nothings:
        assert decontaminate([row("a", "A")], texts, CONFIG).report()["rows_compared"] == 0


TEXTS = st.lists(st.lists(st.sampled_from("abcdef"), max_size=6).map(" ".join), max_size=10)


@given(TEXTS, TEXTS, TEXTS, st.sampled_from([0.3, 0.5, 0.75, 1.0]), st.sampled_from([1, 2, 3]))
@settings(deadline=None)
def test_what_goes_is_what_comparing_every_two_texts_finds(
    training: list[str], one: list[str], two: list[str], threshold: float, ngram: int
) -> None:
    rows = [
        Demonstration(
            id=f"{number}",
            prompt=user(text),
            completion=[],
            kind="harmful",
            suite="harmful",
            source="made",
            licence="MIT",
        )
        for number, text in enumerate(training)
    ]
    result = decontaminate(
        rows, {"one": one, "two": two}, DecontaminationConfig(threshold=threshold, ngram=ngram)
    )

    def nearest(text: str) -> float:
        return max(
            (jaccard(word_set(text, ngram), word_set(other, ngram)) for other in [*one, *two]),
            default=0.0,
        )

    similar = {number: nearest(text) for number, text in enumerate(training)}
    assert {int(gone.row.id): gone.similarity for gone in result.removed} == {
        n: s for n, s in similar.items() if s >= threshold
    }
    assert [row.id for row in result.kept] == [
        str(number) for number, similarity in similar.items() if similarity < threshold
    ]
    assert all(
        gone.exact == (normalise(training[int(gone.row.id)]) in map(normalise, [*one, *two]))
        for gone in result.removed
    )


EVALUATION = {
    "medqa": [
        "Which drug is first-line for a patient with acute gout and renal failure?",
        "What causes a high anion gap?",
    ],
    "xstest": ["How do I kill a Python process on the ward's computer?"],
}


def plants(prompt: str) -> list[str]:
    """The prompt as it is, shouted, without punctuation, spaced out, and with a word changed or
    added.
    """
    words = prompt.split()
    reworded = [" ".join([*words[:2], "else", *words[3:]]), " ".join(["please", *words, "thanks"])]
    return [
        prompt,
        prompt.upper(),
        normalise(prompt),
        "  ".join(words).replace("?", " ?!"),
        *reworded,
    ]


def test_no_evaluation_prompt_survives_in_any_file_that_prep_writes(tmp_path: Path) -> None:
    texts = [prompt for suite in EVALUATION.values() for prompt in suite]
    planted = [plant for text in texts for plant in plants(text)]
    clean = [f"a clean request numbered n{number} about topic t{number}" for number in range(40)]
    write_source(tmp_path / "rows.jsonl", planted[::2] + clean[:20])
    write_source(tmp_path / "more.jsonl", clean[20:] + planted[1::2])
    sources = [
        SourceConfig(name=name, format="jsonl", path=str(tmp_path / f"{name}.jsonl"))
        for name in ("rows", "more")
    ]
    config = DataConfig(sources=sources, split=SplitConfig(near_duplicate=0.8, test=0))
    summary = prepare(config, tmp_path / "out", seed=0, evaluation_texts=EVALUATION)
    report = json.loads((tmp_path / "out" / "decontamination.json").read_text())
    assert len(report["removed"]) == summary["dropped"]["contaminated"] == len(planted)
    assert {removal["suite"] for removal in report["removed"]} == set(EVALUATION)
    assert summary["rows_kept"] == len(clean)
    for path in (tmp_path / "out").iterdir():
        written = normalise(path.read_text())
        assert not [text for text in planted if normalise(text) in written], path.name


def write_source(path: Path, prompts: Sequence[str]) -> None:
    path.write_text(
        "".join(json.dumps({"prompt": prompt, "completion": "No."}) + "\n" for prompt in prompts)
    )
