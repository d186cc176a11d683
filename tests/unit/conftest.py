"""Rows for the tests of every room that reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from records.rows import Demonstration, assistant, user


@pytest.fixture
def row() -> Callable[..., Demonstration]:
    def make(row_id: str, request: str, answer: str | None = "No.", **fields: Any) -> Demonstration:
        defaults: dict[str, Any] = {
            "kind": "harmful",
            "suite": "harmful",
            "source": "made",
            "licence": "MIT",
            "principle": 1,
        }
        completion = [] if answer is None else assistant(answer)
        return Demonstration(
            id=row_id, prompt=user(request), completion=completion, **(defaults | fields)
        )

    return make
