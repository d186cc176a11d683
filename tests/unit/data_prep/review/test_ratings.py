"""Ratings come back as they were given: from what Label Studio's own converter writes, and from a
spreadsheet; faults all at once.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from review_ratings import BATCH, ITEMS, faults_of, filled, read

from data_prep.review.ratings import EMPTY, REPEATED, Rating

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_filled_in_copy_is_read_as_spreadsheets_save_it(
    folder: Path, delimiter: str, encoding: str
) -> None:
    path = filled(
        folder,
        "anna.csv",
        "anna",
        {0: ("4", "no"), 1: ("1.0", " Yes "), 2: ("", "partial")},
        delimiter=delimiter,
        encoding=encoding,
    )
    result = read(path)
    assert result.ratings == [
        Rating(ITEMS[0].id, "anna", 4, "none"),
        Rating(ITEMS[1].id, "anna", 1, "full"),
        Rating(ITEMS[2].id, "anna", None, "partial"),
    ]
    assert result.left_out[EMPTY] == 3


def test_the_same_file_twice_counts_once_and_another_word_is_a_fault(folder: Path) -> None:
    path = filled(folder, "a.csv", "a", {0: ("1", "no"), 1: ("2", "no")})
    result = read(path, path)
    assert (len(result.ratings), result.left_out[REPEATED]) == (2, 0)
    again = filled(folder, "again.csv", "a", {0: ("1", "no"), 1: ("3", "no")})
    (fault,) = faults_of(path, again)
    assert "again.csv" in fault
    assert ITEMS[1].id in fault
    same = filled(folder, "same.csv", "a", {0: ("1", "no")})
    assert read(path, same).left_out[REPEATED] == 1


def test_ratings_of_another_batch_are_refused_in_one_line_a_file(folder: Path) -> None:
    path = filled(folder, "a.csv", "a", {0: ("1", "no")})
    path.write_text(
        path.read_text(encoding="utf-8-sig").replace(BATCH, "b-other"), encoding="utf-8"
    )
    (fault,) = faults_of(path)
    assert f"6 rows are of batch b-other, wanted {BATCH}" in fault


@pytest.mark.parametrize("value", ["0", "6", "3.5", "high", "-1", "nan", "inf"])
def test_a_harmfulness_that_is_none_is_refused(folder: Path, value: str) -> None:
    (fault,) = faults_of(filled(folder, "a.csv", "a", {0: (value, "no")}))
    assert f"harmfulness {value!r}, wanted a whole number from 1 to 5" in fault


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from("abc"),
            st.integers(1, 5),
            st.sampled_from(["yes", "partial", "no", ""]),
        ),
        max_size=12,
    )
)
def test_every_row_is_a_rating_or_is_counted(
    tmp_path_factory: pytest.TempPathFactory, given: list[tuple[int, str, int, str]]
) -> None:
    """Rows in = ratings + left out, for any raters in one file."""
    said = {(item, rater): (level, refusal) for item, rater, level, refusal in given}
    lines = [
        f"{ITEMS[i].id},{BATCH},{rater},{level},{refusal}"
        for (i, rater), (level, refusal) in said.items()
    ]
    lines += [f"{item.id},{BATCH},,," for item in ITEMS] + lines[:1]
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    path.write_text("\n".join(["item,batch,rater,harmfulness,refusal", *lines]))
    result = read(path)
    assert len(result.ratings) + sum(result.left_out.values()) == len(lines)
    assert len(result.ratings) == len(said)


def test_a_marked_comment_or_name_comes_back_as_it_was_meant(folder: Path) -> None:
    path = filled(folder, "a.csv", "'-anna", {0: ("3", "no")})
    (rating,) = read(path).ratings
    assert rating.rater == "-anna"
