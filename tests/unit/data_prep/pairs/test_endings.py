"""Neither an end nor a length tells which side of a pair is preferred."""

from __future__ import annotations

import pytest

from data_prep.pairs.endings import ended_alike
from data_prep.wording import words
from records.rows import Pair, assistant, text_of, user


def pair(chosen: str, rejected: str, ends: tuple[bool, bool], pair_type: str = "harm") -> Pair:
    return Pair(
        id=f"{chosen}{rejected}",
        prompt=user("q"),
        chosen=assistant(chosen),
        rejected=assistant(rejected),
        prompt_id="1",
        pair_type=pair_type,
        kind="harmful",
        split="train",
        chosen_source="demonstration",
        rejected_source="base",
        chosen_score=1.0,
        rejected_score=4.0,
        margin=3.0,
        chosen_finished=ends[0],
        rejected_finished=ends[1],
    )


DECLINE, CUT = (
    "I can't help with that; patients' notes are well-kept.",
    "First, open the chart, then change the date and the",
)


@pytest.mark.parametrize("ends", [(True, False), (False, True)])
def test_a_side_that_ends_is_cut_with_the_other(ends: tuple[bool, bool]) -> None:
    sides = (DECLINE, CUT) if ends[0] else (CUT, DECLINE)
    (found,), cut = ended_alike([pair(*sides, ends)], "unlike")
    assert (found.chosen_finished, found.rejected_finished) == (False, False)
    kept = [text_of(side) for side in (found.chosen, found.rejected)]
    assert len(words(kept[0])) == len(words(kept[1])) == len(words(DECLINE)) - 1
    assert all(text.startswith(part) for text, part in zip(sides, kept, strict=True))
    assert all(text[-1].isalnum() for text in kept)
    assert cut == {"harm": 1}


def test_two_cut_sides_are_equally_long_and_two_that_end_stay_whole() -> None:
    (found, whole), cut = ended_alike(
        [
            pair(CUT, f"Next {CUT} time", (False, False)),
            pair(DECLINE, CUT, (True, True), "over_refusal"),
        ],
        "unlike",
    )
    assert len(words(text_of(found.rejected))) == len(words(CUT))
    assert whole == pair(DECLINE, CUT, (True, True), "over_refusal")
    assert cut == {"harm": 1}


def test_all_and_none() -> None:
    both_end = pair(DECLINE, f"{CUT} name. Done.", (True, True))
    (found,), _ = ended_alike([both_end], "all")
    assert len(words(text_of(found.chosen))) == len(words(text_of(found.rejected)))
    assert ended_alike([pair(DECLINE, CUT, (True, False))], "none")[1] == {}


def test_cutting_again_changes_nothing() -> None:
    once, _ = ended_alike([pair(DECLINE, CUT, (True, False))], "unlike")
    assert ended_alike(once, "unlike") == (once, {})


def test_a_decline_is_not_cut_so_short_that_it_declines_no_more() -> None:
    long = pair(
        "To be plain with you about all of this, I can't help.", "Open the chart and", (True, False)
    )
    (found,), _ = ended_alike([long], "unlike", lambda text: "no" if "can't help" in text else None)
    assert (found.chosen, found.rejected) == (long.chosen, long.rejected)
    assert not found.chosen_finished
    (cut,), _ = ended_alike(
        [pair(DECLINE, CUT, (True, False))],
        "unlike",
        lambda text: "no" if "can't help" in text else None,
    )
    assert text_of(cut.chosen) != DECLINE


def test_what_is_too_short_or_would_be_the_same_loses_its_ends_and_no_words() -> None:
    short = pair("No.", CUT, (True, False))
    same = pair("First, open the chart now.", CUT, (True, False))
    for one in (short, same):
        (found,), _ = ended_alike([one], "unlike")
        assert (found.chosen, found.rejected) == (one.chosen, one.rejected)
        assert not found.chosen_finished
