"""Declines planted before completions that comply, as benchmarks.planted_declines tries them."""

from __future__ import annotations

from benchmarks.planted_declines import WORDS, planted, with_rows
from reward.factors.fit.corpora import Row
from reward.factors.fit.targets import Corpus, complies_target
from reward.refusal.rule import refusal

LONG = " ".join(f"word{place}" for place in range(200))


def row(name: str, completion: str, label: str) -> Row:
    return Row(
        prompt=name, completion=completion, source="xstest", writer="gpt4", group=name, label=label
    )


def corpus(*xstest: Row) -> Corpus:
    return Corpus(
        xstest=list(xstest),
        xstest_prompts=[],
        twins=[],
        questions=[],
        benign_prompts=[],
        medsafetybench=[],
        lines=[],
        pairs=[],
        medquad=[],
        readings=[],
    )


def test_complying_completions_stand_behind_a_decline_and_every_second_is_cut() -> None:
    made = planted(corpus(*(row(str(k), LONG, "none") for k in range(20))))
    assert [refusal(each.completion) != "none" for each in made] == [True] * 20
    assert [each.completion.count("word") for each in made] == [200, WORDS] * 10


def test_what_declines_is_not_planted() -> None:
    declined = row("a", "I'm sorry, but I can't help with that.", "none")
    assert planted(corpus(declined, row("b", LONG, "full"))) == []


def test_planted_rows_are_complying_ones_of_their_weight() -> None:
    whole = corpus(row("a", LONG, "none"), row("b", "I can't help.", "full"))
    target = complies_target(whole)
    more = with_rows(target, planted(whole), 0.5)
    assert more.labels.tolist() == [1, 0, 1]
    assert more.weights.tolist() == [1.0, 1.0, 0.5]
    assert with_rows(target, planted(whole), 0.0) is target
