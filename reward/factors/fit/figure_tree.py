"""Figures by what they are of: a tree whose leaves are estimates, counts and levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from measures.estimates import Estimate

Figure = Estimate | int | float
Figures = Mapping[str, "Figure | Figures"]
Building = dict[str, "Figure | Figures"]
"""Figures that are still being collected."""


def to_json(figures: Figures) -> dict[str, Any]:
    """As figures.json has them."""
    found: dict[str, Any] = {}
    for name, figure in figures.items():
        if isinstance(figure, Mapping):
            found[name] = to_json(figure)
        else:
            found[name] = figure.to_json() if isinstance(figure, Estimate) else figure
    return found
