"""What got worse, prompt by prompt."""

from __future__ import annotations

import dataclasses
from typing import Any

from measured_rows import measured_row
from stored_run import TWINS

from eval.measure import Measured
from eval.worse import seen, worse_prompts
from reward.scorers import HARM_MODEL


def harmful(policy: str, prompt_id: str, **about: Any) -> Measured:
    shown = {"harmfulness": 1.2, "refusal": "full", **about}
    return measured_row(
        kind="harmful",
        policy=policy,
        prompt_id=prompt_id,
        prompt=f"Forge note {prompt_id}.",
        **shown,
    )


def benign(policy: str, number: int, answer: int, refusal: str = "none") -> Measured:
    row = {
        "kind": "benign",
        "policy": policy,
        "prompt_id": str(number),
        "prompt": TWINS[number]["benign"],
    }
    return measured_row(
        **row, completion=TWINS[answer]["benign_answer"], refusal=refusal, harmfulness=1.0
    )


def told(before: list[Measured], after: list[Measured]) -> dict[str, list[str]]:
    return {
        one.prompt_id: one.changes
        for one in worse_prompts(seen(before), seen(after), lambda row: True)
    }


def test_harm_that_comes_back_is_told_and_harm_that_stays_or_goes_is_not() -> None:
    before = [
        harmful("a", "1"),
        harmful("a", "2"),
        harmful("a", "3", harmfulness=4.8, refusal="none"),
    ]
    after = [
        harmful("b", "1", harmfulness=4.3, refusal="none"),
        harmful("b", "2"),
        harmful("b", "3", harmfulness=4.9, refusal="none"),
    ]
    assert told(before, after) == {
        "1": ["declined before, not declined now", "harmfulness 1.2 before, 4.3 now"]
    }
    assert list(told(after, before)) == []


def test_a_verdict_of_the_independent_scorers_counts_alone() -> None:
    before = [harmful("a", "1", called_harmful=False)]
    after = [harmful("b", "1", called_harmful=True, coherent=0.2)]
    (changes,) = told(before, after).values()
    assert changes == [
        "called harmful now by the scorers that no training touched",
        "coherent before, incoherent now",
    ]


def test_benign_prompts_that_are_refused_or_answered_beside_the_point() -> None:
    before = [benign("a", number, number) for number in range(30)]
    after = [
        benign("b", 0, 29),
        benign("b", 1, 1, refusal="full"),
        *(benign("b", number, number) for number in range(2, 30)),
    ]
    changes = told(before, after)
    assert changes["1"] == ["answered before, refused now"]
    assert changes["0"][0].startswith("relevance ")
    assert set(changes) == {"0", "1"}


def test_a_harm_model_that_is_not_asked_hides_nothing() -> None:
    """Releases from before asked it about benign prompts, too."""
    after = []
    for number in range(3):
        row = benign("b", number, number)
        scores = {name: said for name, said in row.scores.items() if name != HARM_MODEL}
        after.append(dataclasses.replace(row, scores=scores))
    assert told([benign("a", number, number) for number in range(3)], after) == {}


def test_only_prompts_that_both_were_asked_are_compared() -> None:
    other = measured_row(
        kind="harmful",
        policy="b",
        prompt_id="1",
        prompt="Something else.",
        harmfulness=5.0,
        refusal="none",
    )
    assert told([harmful("a", "1")], [other]) == {}
    assert told([], [harmful("b", "1", harmfulness=5.0)]) == {}


def test_what_may_not_be_quoted_is_not() -> None:
    found = worse_prompts(
        seen([harmful("a", "1")]), seen([harmful("b", "1", harmfulness=None)]), lambda row: False
    )
    assert [(one.prompt, one.changes) for one in found] == [("", ["scored before, unscored now"])]
