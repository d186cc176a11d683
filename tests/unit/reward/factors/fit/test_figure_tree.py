"""Figures keep their order, and every estimate becomes its JSON."""

from __future__ import annotations

import json

from measures.estimates import Estimate
from reward.factors.fit.figure_tree import to_json


def test_a_tree_of_figures_becomes_json_leaf_by_leaf() -> None:
    kappa = Estimate(0.5, 0.4, None, 12)
    found = to_json({"b": {"kappa": kappa, "positives": 3}, "a": 0.25, "empty": {}})
    assert list(found) == ["b", "a", "empty"]
    assert found == {"b": {"kappa": kappa.to_json(), "positives": 3}, "a": 0.25, "empty": {}}
    json.dumps(found)
