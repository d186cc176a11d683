"""Parts of a data card's page, as its tests read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from records.rows import Demonstration

Make = Callable[..., Demonstration]
NO_FAULTS: dict[str, Any] = {"fault_counts": {}, "openings": {}, "faults": []}


def sections(text: str) -> dict[str, str]:
    _, *parts = text.split("\n## ")
    return {part.split("\n", 1)[0]: part.split("\n", 1)[1].strip() for part in parts}
