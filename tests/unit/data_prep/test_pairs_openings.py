"""Safe answers that open alike are opened anew: varied, still declining, and the same after the
opening.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from data_prep.config import SourceConfig
from data_prep.pairs.candidates import Candidate
from data_prep.pairs.config import PairsConfig
from data_prep.pairs.openings import LEADS, Reopened, opening_shares, vary_openings
from data_prep.sources import builtin, medsafetybench
from data_prep.wording import opening
from records.rows import assistant, text_of
from reward.refusal.rule import refusal, split_refusal

SORRY = (
    "I'm sorry, but I cannot help with plan {}, as it would hurt people. Please speak to a nurse."
)


def opening_of(text: str) -> str | None:
    parts = split_refusal(text)
    return parts[0] if parts else None


def by_prompt(texts: list[str], source: str = "demonstration") -> dict[str, list[Candidate]]:
    return {
        str(i): [Candidate(assistant(text), source, 1.0, "full", True)]
        for i, text in enumerate(texts)
    }


def varied(
    texts: list[str], seed: int = 0, source: str = "demonstration", **settings: Any
) -> tuple[list[str], Reopened]:
    found = by_prompt(texts, source)
    result = vary_openings(
        found, set(found), PairsConfig(**settings), opening_of=opening_of, seed=seed
    )
    return [
        text_of(c.completion) for candidates in result.by_prompt.values() for c in candidates
    ], result


def test_a_shared_opening_falls_under_the_limit_and_nothing_after_it_changes() -> None:
    texts = [SORRY.format(i) for i in range(100)]
    new, result = varied(texts)
    assert result.changed == 100
    assert max(opening_shares(new).values()) <= 0.2
    for before, after in zip(texts, new, strict=True):
        assert before.removeprefix("I'm sorry, but ") == after[after.index("I cannot help") :]
        assert after[: after.index("I cannot help")].strip() in LEADS


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize(
    "clause",
    ["I cannot provide guidance on this, as it is unsafe.", "I must decline to help with that."],
)
def test_an_answer_with_any_lead_still_reads_as_a_full_refusal(lead: str, clause: str) -> None:
    assert refusal(f"{lead} {clause} Please speak to a nurse.") == "full"


def test_no_two_leads_share_their_first_three_words() -> None:
    assert len({opening(f"{lead} I cannot") for lead in LEADS}) == len(LEADS) >= 20


def test_answers_below_the_limit_are_left_as_they_are() -> None:
    texts = [f"{lead} I cannot help with {i}." for i, lead in enumerate(LEADS)]
    assert varied(texts)[0] == texts


@pytest.mark.parametrize("count", [1, 2, 5, 11])
def test_few_answers_are_varied_as_far_as_they_can_be(count: int) -> None:
    """An opening that one answer alone has is shared by none."""
    new, result = varied([SORRY.format(i) for i in range(count)])
    assert len({opening(text) for text in new}) == count
    assert result.changed == (count if count > 1 else 0)


def test_a_limit_of_one_leaves_everything() -> None:
    texts = [SORRY.format(i) for i in range(30)]
    assert varied(texts, max_opening_share=1.0)[0] == texts


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        (
            "I am truly sorry, but it would be wrong, and I cannot help.",
            "it would be wrong, and I cannot help.",
        ),
        ("I apologize, but I can't assist with that.", "I can't assist with that."),
        ("Unfortunately, I am unable to help with this.", "I am unable to help with this."),
        ("I cannot help with this one.", "I cannot help with this one."),
        ("I\u2019m sorry, I won\u2019t write this.", "I won\u2019t write this."),
    ],
)
def test_the_lead_takes_the_place_of_the_apology_and_of_nothing_else(
    text: str, clause: str
) -> None:
    new, _ = varied([text, f"{text} No."])
    assert new[0].endswith(clause)
    assert any(new[0] == f"{lead} {clause}" for lead in LEADS)


@pytest.mark.parametrize(
    "text",
    [
        # what follows is no main clause
        "I'm sorry you feel that way {}. I cannot help with this.",
        "I'm sorry, but {} using a patient's trust is wrong.",  # declines by its apology alone
        "Helping you here is not something I can do, {}.",
    ],
)
def test_an_answer_that_no_lead_fits_is_left_and_counted(text: str) -> None:
    texts = [text.format(i) for i in "ab"]
    new, result = varied(texts)
    assert new == texts
    assert (result.changed, result.kept) == (0, 2)


def test_the_seed_deals_the_leads_and_the_order_of_rows_does_not() -> None:
    texts = [SORRY.format(i) for i in range(40)]
    first, _ = varied(texts, seed=1)
    assert sorted(varied(texts[::-1], seed=1)[0]) == sorted(first)
    assert varied(texts, seed=2)[0] != first


def test_only_what_may_be_chosen_is_opened_anew() -> None:
    texts = [SORRY.format(i) for i in range(10)]
    assert varied(texts, source="dataset_rejected")[0] == texts
    assert varied(texts, source="base")[0] == texts
    assert varied(texts, source="base", chosen="best")[0] != texts


def test_the_projects_own_answers_need_no_new_openings() -> None:
    texts = [text_of(d.completion) for d in builtin.read(SourceConfig()) if d.kind == "harmful"]
    new, result = varied(texts)
    assert (new, result.changed) == (texts, 0)


def test_medsafetybench_opens_in_many_ways_and_declines_as_before() -> None:
    folder = Path(os.environ.get("PRIMUM_TEST_DATA", "")) / "medsafetybench"
    if not os.environ.get("PRIMUM_TEST_DATA") or not folder.is_dir():
        pytest.skip(
            "set PRIMUM_TEST_DATA to a folder with medsafetybench/ in it to test on the real data"
        )
    rows = medsafetybench.read(SourceConfig(name="m", format="medsafetybench", path=str(folder)))
    texts = sorted({text_of(row.completion) for row in rows if row.completion})
    assert max(opening_shares(texts).values()) > 0.9
    new, result = varied(texts)
    assert max(opening_shares(new).values()) < 0.1
    assert result.kept < 0.05 * len(texts)
    assert sum(refusal(text) == "full" for text in new) == sum(
        refusal(text) == "full" for text in texts
    )
    for before, after in zip(texts, new, strict=True):
        assert before == after or before.endswith(after.split("I ", 1)[-1][-40:])
