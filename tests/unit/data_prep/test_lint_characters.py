"""Short ways past a long search find what the search finds."""

from __future__ import annotations

from ftfy.badness import BADNESS_RE
from hypothesis import example, given
from hypothesis import strategies as st

from data_prep.lint.rows import mojibake

SIGNS = (
    "\u00c3\u00c2\u00a9\u00e2\u20ac\u2122\u0153\u00d7\u00b2\u0160\u00a0\u0432\u0402\u00d0\u00ac "
    "\u2019\u00e0\u00df\u00d8\u00b4\u0081\u2591\u00b0"
)
PLAIN = "aZ .,?!-\n5_"
STRETCHES = st.text(st.sampled_from(SIGNS + PLAIN), max_size=12)
GAPS = st.integers(0, 40).map("x ".__mul__)


@given(
    st.lists(st.tuples(STRETCHES, GAPS), max_size=4).map(
        lambda parts: "".join(f"{signs}{gap}" for signs, gap in parts)
    )
)
@example("plain " * 50 + "caf\u00c3\u00a9")
@example("\u00c2 " + "x" * 99)
def test_wrongly_read_utf_8_is_found_where_ftfy_finds_it(text: str) -> None:
    match = BADNESS_RE.search(text)
    assert mojibake(text) == (match.start() if match else None)


@given(st.text(st.characters(max_codepoint=127)))
def test_no_sign_of_ftfys_is_plain_ascii(text: str) -> None:
    assert BADNESS_RE.search(text) is None
