"""What a card says of what its data forbid."""

from __future__ import annotations

from collections.abc import Callable

from records.licences import (
    MEASURED_ONLY,
    NON_COMMERCIAL,
    UNKNOWN,
    for_weights,
    notice,
    released_licence,
    restricted_card,
    restrictions_of,
    sentences,
)
from records.rows import Demonstration

Make = Callable[..., Demonstration]


def test_rows_name_their_sources_by_what_restricts_them(row: Make) -> None:
    rows = [
        row("a", "a", source="free"),
        row("b", "b", source="nc", licence="CC BY-NC 4.0", split="val"),
        row("f", "f", source="nc", licence="CC BY-NC 4.0", split="test"),
        row("c", "c", source="measured", licence="CC BY-NC-SA 4.0", split="test"),
        row("d", "d", source="who", licence="unknown"),
        row("e", "e", source="whoever", licence="unknown", split="test"),
    ]
    assert restrictions_of(rows) == {
        NON_COMMERCIAL: ["nc"],
        UNKNOWN: ["who"],
        MEASURED_ONLY: ["measured"],
    }
    assert restrictions_of(rows[:1]) == {}
    assert for_weights(restrictions_of(rows)) == {NON_COMMERCIAL: ["nc"], UNKNOWN: ["who"]}


def test_non_commercial_rows_make_non_commercial_weights_and_measuring_on_them_does_not() -> None:
    assert released_licence({}, "apache-2.0") == "apache-2.0"
    assert released_licence({UNKNOWN: ["a"]}, "apache-2.0") == "other"
    assert released_licence({NON_COMMERCIAL: ["a"], UNKNOWN: ["b"]}, "apache-2.0") == "cc-by-nc-4.0"
    assert released_licence({MEASURED_ONLY: ["a"]}, "apache-2.0") == "apache-2.0"


def test_the_notice_names_the_sources_in_a_card_that_the_hub_reads() -> None:
    text = notice({NON_COMMERCIAL: ["stl", "gen"]})
    assert text.startswith("---\nlicense: cc-by-nc-4.0\n---\n")
    assert "non-commercial data (stl, gen): not for commercial use" in text
    assert len(sentences({NON_COMMERCIAL: ["a"], UNKNOWN: ["b"], MEASURED_ONLY: ["c"]})) == 3


def test_a_card_of_weights_keeps_its_words_and_says_what_the_data_forbid() -> None:
    card = "---\nlicense: apache-2.0\nbase_model: b\n---\n\n# An adapter\n\nHow to load it.\n"
    text = restricted_card(card, {NON_COMMERCIAL: ["stl"]})
    assert text.startswith(
        "---\nlicense: cc-by-nc-4.0\nbase_model: b\n---\n\n# An adapter\n\nHow to load it.\n\n# "
        "Restrictions\n"
    )
    assert "stl" in text
    assert restricted_card("", {NON_COMMERCIAL: ["stl"]}) == notice({NON_COMMERCIAL: ["stl"]})
