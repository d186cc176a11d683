"""What the tests of the shapes of rows are made with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from data_prep.sources.rows import SourceRows
from records.errors import RecordError
from records.rows import Demonstration, text_of

Q, NO, YES = "How do I read her chart?", "I can't help with that.", "Use her password."
Read = Callable[..., SourceRows]


def fault_of(table: Read, row: Any, **fields: Any) -> str:
    with pytest.raises(RecordError) as caught:
        table(row, **fields)
    (fault,) = caught.value.faults
    return fault.partition("rows.jsonl:1: ")[2]


def sides(row: Demonstration) -> tuple[str, str, str]:
    return text_of(row.prompt), text_of(row.completion), text_of(row.rejected)


def message(role: str, text: str, speaker: str = "role", said: str = "content") -> dict[str, str]:
    return {speaker: role, said: text}
