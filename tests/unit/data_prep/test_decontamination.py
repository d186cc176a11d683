from __future__ import annotations

from collections.abc import Callable

from data_prep.decontamination import decontaminate
from data_prep.records import Demonstration

Make = Callable[..., Demonstration]


def test_exact_and_near_training_rows_go_and_test_rows_stay(row: Make) -> None:
    rows = [
        row("exact", "Give HIM the drug!"),
        row("half", "give him the pill", split="val"),
        row("under", "give me that pill"),
        row("test", "give him the drug", split="test"),
    ]
    result = decontaminate(rows, {"far": ["nothing alike"], "medqa": ["x y z", "give him the drug"]})
    assert [kept.id for kept in result.kept] == ["under", "test"]
    assert [(removal.row.id, removal.suite, removal.similarity, removal.exact) for removal in result.removed] == [
        ("exact", "medqa", 1.0, True),
        ("half", "medqa", 0.6, False),
    ]


def test_a_similarity_of_exactly_one_half_goes(row: Make) -> None:
    assert not decontaminate([row("a", "p q x")], {"suite": ["p q y"]}).kept


def test_same_words_in_another_order_are_near_and_not_exact(row: Make) -> None:
    (removal,) = decontaminate([row("a", "q p")], {"suite": ["p q"]}).removed
    assert (removal.similarity, removal.exact) == (1.0, False)


def test_the_report_counts_what_was_compared_and_shows_no_text(row: Make) -> None:
    texts = {"suite": ["secret words here"], "other": []}
    report = decontaminate([row("a", "secret words here"), row("b", "else"), row("c", "f", split="test")], texts).report(texts)
    assert report["suites"] == {"suite": 1, "other": 0}
    assert report["rows_compared"] == 2
    assert report["removed"] == [{"id": "a", "source": "made", "split": "train", "suite": "suite", "similarity": 1.0, "exact": True}]
    assert "secret" not in str(report)
