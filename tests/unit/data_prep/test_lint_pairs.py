from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW  # type: ignore[import-untyped]

from data_prep.config import LintConfig
from data_prep.lint.faults import FAULT_KINDS
from data_prep.lint.items import of_pair
from data_prep.lint.linter import LintedPairs, lint_pairs, require_fit
from data_prep.lint.pairs import Cut
from data_prep.lint.tells import is_biased, length_bias
from records.errors import RecordError
from records.rows import Pair, assistant, user
from reward.refusal.rule import refusal


def pair(name: str, prompt: str, chosen: str, rejected: str, **fields: Any) -> Pair:
    defaults: dict[str, Any] = {
        "kind": "benign",
        "split": "train",
        "pair_type": "harm",
        "prompt_id": f"p-{name}",
    }
    scores: dict[str, Any] = {
        "chosen_source": "made",
        "rejected_source": "made",
        "chosen_score": 1.0,
        "rejected_score": 4.0,
        "margin": 3.0,
    }
    return Pair(
        id=name,
        prompt=user(prompt),
        chosen=assistant(chosen),
        rejected=assistant(rejected),
        **(defaults | scores | fields),
    )


def found(linted: LintedPairs) -> set[tuple[str, str]]:
    return {(fault["kind"], fault["id"]) for fault in linted.report["faults"]}


FINE = [
    pair(f"fine{n}", f"Question {n}?", f"Good answer {n}.", f"Bad answer {n}!") for n in range(9)
]


def test_clean_pairs_all_stay_and_have_no_fault() -> None:
    linted = lint_pairs(FINE, LintConfig(), refuses=refusal, cut=lambda pair: "whole")
    assert (linted.pairs, linted.dropped, linted.report["faults"]) == (FINE, Counter(), [])
    assert set(linted.report["checked"]) | set(linted.report["not_checked"]) == set(FAULT_KINDS)


def test_every_planted_fault_of_a_pair_is_found_and_the_unusable_are_left_out() -> None:
    bad = [
        pair("same", "A?", "x  y", " x y "),
        pair("double", "Question 0?", "Good  answer 0.", "Bad answer 0!"),
        pair("over", "B?", "up", "down"),
        pair("under", "B?", "down", "up"),
        pair("there", "C?", "left", "right"),
        pair("back", "D?", "right", "left"),
        pair("ab", "E?", "a", "b"),
        pair("bc", "E?", "b", "c"),
        pair("ca", "E?", "c", "a"),
        pair("ad", "E?", "a", "d"),
        pair("cut", "F?", "long one", "long two"),
        pair("full", "G?", "p", "q"),
        pair("equal", "H?", "r s", "r t"),
        pair("token", "I?", "fine", "not </s> fine"),
        pair("complies", "J?", "Sure thing.", "I cannot.", kind="harmful"),
    ]
    cuts: dict[str, Cut] = {"cut": "cut", "full": "no_room", "equal": "identical"}
    linted = lint_pairs(
        [*FINE, *bad], LintConfig(), refuses=refusal, cut=lambda pair: cuts.get(pair.id, "whole")
    )
    assert found(linted) == {
        ("identical_pair", "same"),
        ("duplicate_pair", "double"),
        *(("contradictory_pair", name) for name in ("over", "under", "ab", "bc", "ca")),
        *(("swapped_pair", name) for name in ("there", "back")),
        ("cut_pair", "cut"),
        ("no_room", "full"),
        ("identical_after_cut", "equal"),
        ("special_token", "token"),
        ("no_refusal", "complies"),
    }
    assert {p.id for p in linted.pairs} == {p.id for p in FINE} | {
        "there",
        "back",
        "ad",
        "cut",
        "complies",
    }
    assert linted.dropped.total() + len(linted.pairs) == len(FINE) + len(bad)
    assert {
        kind
        for kind, dropped in ((f["kind"], f["dropped"]) for f in linted.report["faults"])
        if dropped
    } == set(linted.dropped)


def test_an_equal_pair_with_the_same_id_is_dropped_once() -> None:
    linted = lint_pairs([FINE[0], FINE[0]], LintConfig())
    assert (linted.pairs, linted.dropped) == ([FINE[0]], Counter(duplicate_pair=1))


def test_two_orders_of_one_prompt_in_capitals_are_two_prompts() -> None:
    """Case and punctuation can carry the meaning of a question (140 < BP), so nothing is dropped
    for them.
    """
    linted = lint_pairs(
        [pair("a", "BP > 140?", "up", "down"), pair("b", "BP < 140?", "down", "up")], LintConfig()
    )
    assert found(linted) == {("swapped_pair", "a"), ("swapped_pair", "b")}


def test_without_a_tokenizer_the_report_says_what_it_could_not_check() -> None:
    report = lint_pairs(FINE, LintConfig()).report
    assert {
        report["not_checked"][kind] for kind in ("no_room", "identical_after_cut", "cut_pair")
    } == {"no tokenizer was given"}


def test_too_many_contradictions_stop_the_stage() -> None:
    linted = lint_pairs(
        [pair("a", "B?", "up", "down"), pair("b", "B?", "down", "up"), FINE[0]], LintConfig()
    )
    with pytest.raises(RecordError, match=r"contradictory_pair: 0\.667 over 3 pairs"):
        require_fit(linted.report, LintConfig())
    require_fit(linted.report, LintConfig(fail_above={"contradictory_pair": 0.7}))


TEXTS = st.sampled_from(["a", " a ", "b", "c", "d", "", "</s>", "\ud800", "\ufffd"])


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["A?", "B?"]),
            TEXTS,
            TEXTS,
            st.sampled_from(["whole", "cut", "identical", "no_room"]),
        ),
        max_size=12,
    )
)
def test_pairs_in_are_pairs_out_and_pairs_dropped_with_a_reason(
    rows: list[tuple[str, str, str, Cut]],
) -> None:
    pairs = [pair(f"{n % 5}", *texts) for n, (*texts, _) in enumerate(rows)]
    cuts = iter([cut for *_, cut in rows])
    linted = lint_pairs(pairs, LintConfig(), refuses=refusal, cut=lambda pair: next(cuts))
    assert len(pairs) == len(linted.pairs) + linted.dropped.total()
    assert all(FAULT_KINDS[kind].dropped for kind in linted.dropped)
    json.dumps(linted.report, allow_nan=False, ensure_ascii=False).encode()
    again = lint_pairs(linted.pairs, LintConfig(), refuses=refusal)
    assert not again.dropped


def bias(*words: tuple[int, int]) -> dict[str, Any]:
    return length_bias(
        [of_pair(pair(f"{n}", "Q?", "w " * c, "w " * r)) for n, (c, r) in enumerate(words)]
    )


def test_length_bias_by_hand() -> None:
    """chosen 8, 10, 12, rejected 4, 6, 2: the difference is 6 on average, the variances are 4 and
    4, so d = 3.
    """
    assert bias((8, 4), (10, 6), (12, 2)) | {
        "effect": 3.0,
        "n": 3,
        "chosen_is_longer": 1.0,
    } == bias((8, 4), (10, 6), (12, 2))
    assert bias((8, 4), (10, 6), (12, 2))["mean_words"] == {"chosen": 10.0, "rejected": 4.0}


@given(words=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=3, max_size=30))
def test_length_bias_is_antisymmetric_and_its_interval_is_that_of_statsmodels(
    words: list[tuple[int, int]],
) -> None:
    ours, swapped = bias(*words), bias(*((rejected, chosen) for chosen, rejected in words))
    assert ours["effect"] == -swapped["effect"]
    chosen, rejected = np.array(words, dtype=float).T
    if np.std(chosen - rejected) > 0:
        scale = max(1.0, float(np.sqrt((chosen.var(ddof=1) + rejected.var(ddof=1)) / 2)))
        low, high = DescrStatsW(chosen - rejected).zconfint_mean(0.05)
        assert ours["interval"] == pytest.approx([low / scale, high / scale], abs=1e-3)


def test_answers_of_one_length_leave_a_finite_number_and_few_pairs_none() -> None:
    assert bias((9, 4), (9, 4), (9, 4))["effect"] == 5.0
    assert bias((9, 4)) == {}
    assert not is_biased({}, 0.5)


def test_a_bias_is_reported_when_it_is_large_and_no_chance() -> None:
    assert is_biased(bias(*[(20, 10), (22, 9), (18, 12)] * 7), 0.5)
    assert not is_biased(bias(*[(20, 10), (22, 9), (18, 12)] * 7), 9.0)
    assert not is_biased(bias(*[(20, 10), (22, 9), (18, 12)] * 2), 0.5)
    pairs = [pair(f"{n}", f"Q{n}?", "w " * (20 + n % 3), "v " * (10 + n % 2)) for n in range(30)]
    linted = lint_pairs(pairs, LintConfig())
    assert linted.report["fault_counts"] == {"length_bias": 1}
    with pytest.raises(RecordError, match=r"length_bias: .* over 30 pairs"):
        require_fit(linted.report, LintConfig(fail_above={"length_bias": 0.5}))
