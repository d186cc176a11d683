"""The audit passes a scorer that looks at the completion and fails one that scores the prompt, a
constant or gibberish.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

import pytest

from measures.estimates import MIN_PRINTED
from records.harm_scale import CHANCE, HARMFULNESS, Scale
from records.rows import Completion, Score, text_of
from reward.factors.audit import (
    Limits,
    advice_audit,
    audit,
    change_audit,
    harm_audit,
)
from reward.factors.probe_result import failures
from reward.factors.probes import NEVER_HARMFUL, PER_PRINCIPLE, PROBES, advice, cases, unsafe_pairs


class By:
    """Scores by a function of the completion row."""

    name = "by"

    def __init__(self, function: Callable[..., float | None]) -> None:
        self.function = function

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        return [
            Score(id=row.id, completion_id=row.id, scorer="by", value=self.function(row))
            for row in completions
        ]


def test_a_scorer_that_calls_nothing_harmful_passes() -> None:
    results = harm_audit(By(lambda row: 0.1))
    assert failures(results) == []
    assert {result.figure.n for result in results} == {9 * PER_PRINCIPLE}


def test_a_scorer_of_prompts_fails_on_every_text_that_is_no_answer() -> None:
    results = harm_audit(By(lambda row: 0.9))
    assert [result.probe for result in results if result.passed is False] == [
        "echo",
        "constant",
        "weather",
        "loop",
        "decline",
    ]
    assert "echo: 1.000, wanted never" in failures(results)


def test_a_whole_audit_asks_the_scorer_once_and_answers_every_probe() -> None:
    asked = []

    class Counted(By):
        def score(self, completions: Sequence[Completion]) -> list[Score]:
            asked.append(len(completions))
            return super().score(completions)

    results = audit(Counted(lambda row: 0.2), per_principle=3)
    assert [result.probe for result in results] == list(PROBES)
    # 11 probes and their originals, 27 each, and both sides of every pair.
    assert asked == [27 * 12 + 2 * len(unsafe_pairs())]


def test_a_judge_that_gives_level_one_to_everything_calls_nothing_harmful() -> None:
    """1 is the lowest level of harmfulness as well as the highest chance."""
    results = audit(By(lambda row: 1.0), per_principle=3)
    assert not {result.probe for result in results if result.passed is False} & set(NEVER_HARMFUL)


def test_with_few_cases_a_probe_fails_only_where_it_is_shown_to() -> None:
    """One of 27 texts called harmful is 4 %: over "never", and no more than chance allows of a
    limit of 5 %.
    """
    first = [case.changed.id for case in cases(0, 3) if case.probe == "loop"]
    lenient = Limits(called=0.05, shown=True)
    for wrong, passed in ((1, True), (3, True), (4, False)):
        scorer = By(lambda row, wrong=wrong: float(row.id in first[:wrong]))
        found = {one.probe: one for one in audit(scorer, lenient, per_principle=3)}
        assert found["loop"].passed is passed
        strict = {one.probe: one for one in audit(scorer, per_principle=3)}
        assert strict["loop"].passed is False


def test_what_has_no_bar_has_no_verdict() -> None:
    results = audit(By(lambda row: 0.5), Limits(pairs=None), per_principle=3)
    (advised,) = [one for one in results if one.probe == "unsafe_advice"]
    assert (advised.passed, advised.bar, advised.figure.n) == (None, "no bar", len(unsafe_pairs()))


def test_harmfulness_from_one_to_five_is_read_as_such() -> None:
    assert failures(harm_audit(By(lambda row: 1.4))) == []
    assert failures(harm_audit(By(lambda row: 4.5)))


def test_a_factor_of_the_completion_may_not_follow_the_prompt() -> None:
    moved = change_audit(By(lambda row: (len(text_of(row.prompt)) % 5) / 5))
    assert [result.probe for result in moved if result.passed is False] == [
        "swap",
        "swap_harmful",
        "twin_swap",
    ]
    assert failures(change_audit(By(lambda row: 0.3))) == []


def test_unsafe_advice_must_rank_above_safe() -> None:
    unsafe = {row.id for row in advice("unsafe")}
    assert advice_audit(By(lambda row: float(row.id in unsafe))).passed
    assert advice_audit(By(lambda row: 0.5)).passed is False


def test_what_is_unscored_is_no_figure() -> None:
    results = harm_audit(By(lambda row: None))
    assert all(result.passed is None for result in results)
    assert all(set(result.to_json()) == {"n", "bar", "passed"} for result in results)
    assert MIN_PRINTED == 20


def test_there_are_sixty_pairs_of_our_own_and_length_does_not_tell_their_sides() -> None:
    pairs = unsafe_pairs()
    assert len(pairs) >= 60
    assert len({pair["question"] for pair in pairs}) == len(pairs)
    longer = sum(len(pair["unsafe"]) > len(pair["safe"]) for pair in pairs)
    assert 0.3 < longer / len(pairs) < 0.7


def test_no_unsafe_side_holds_a_dose() -> None:
    for pair in unsafe_pairs():
        assert not re.search(r"\d\s*(?:mg|ml|g|tablets?|drops?)\b", pair["unsafe"]), pair["id"]
        assert set(pair) == {"id", "topic", "form", "question", "unsafe", "safe"}
        assert pair["form"] in {"false_reassurance", "missed_referral", "delayed_referral"}


def test_cases_are_the_same_for_the_same_seed() -> None:
    assert json.dumps([case.changed.to_json() for case in cases(1)]) == json.dumps(
        [case.changed.to_json() for case in cases(1)]
    )


class Declared(By):
    """A scorer that says its scale."""

    def __init__(self, value: float, scale: Scale) -> None:
        super().__init__(lambda row: value)
        self.scale = scale


@pytest.mark.parametrize(("scale", "fails"), [(CHANCE, True), (HARMFULNESS, False)])
def test_values_of_one_are_read_by_the_scale_that_a_scorer_states(
    scale: Scale, fails: bool
) -> None:
    """The most that a chance can be, and the least of a harmfulness."""
    scorer = Declared(1.0, scale)
    alone = harm_audit(scorer, per_principle=3)
    together = audit(scorer, per_principle=3)
    assert bool(failures(alone)) is fails
    assert [one for one in together if one.probe in NEVER_HARMFUL] == alone
