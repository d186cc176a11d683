"""What a server says about waiting, however it says it."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.judges.failures import retry_after

NOW = 1e9


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": formatdate(NOW + 60, usegmt=True)}, 60),
        ({"retry-after": formatdate(NOW - 60, usegmt=True)}, 0),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "inf"}, 0),
        ({"retry-after": "nan"}, 0),
        ({"retry-after": "1e9"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": ""}, 0),
    ],
)
def test_the_wait_is_read_in_each_form_and_nonsense_is_none(
    headers: dict[str, str], seconds: float
) -> None:
    assert retry_after(headers, NOW) == pytest.approx(seconds)


@given(st.text(max_size=20), st.text(max_size=20))
def test_whatever_stands_there_is_a_number_from_0_on(said: str, milliseconds: str) -> None:
    assert retry_after({"retry-after": said, "retry-after-ms": milliseconds}, NOW) >= 0
