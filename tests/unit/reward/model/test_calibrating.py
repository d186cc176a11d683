"""Isotonic regression beside Platt's line: scikit-learn's, kept in a file, and chosen where it errs
less on groups left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from present import present
from sklearn.isotonic import IsotonicRegression

from reward.config import RewardConfig
from reward.model.calibrating import EDGE, Rows, fitted, held_out_loss
from reward.model.link import Link

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rows_of(
    chance: Callable[[NDArray[np.float64]], NDArray[np.float64]], n: int = 600, seed: int = 0
) -> Rows:
    """Three rows to a group; `chance` maps logits to the chance of harm."""
    rng = np.random.default_rng(seed)
    logits = rng.uniform(-4, 4, size=n)
    harms = (rng.random(n) < chance(logits)).astype(float)
    return Rows(logits, harms, [f"g{k // 3}" for k in range(n)])


def steps(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """No sigmoid comes near it: two flat parts."""
    return np.where(logits < 2, 0.3, 0.9)


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-1.3 * logits + 0.4))


def test_isotonic_is_scikit_learns_within_its_edges() -> None:
    rows = rows_of(steps)
    link, how = fitted(Link(), rows, "isotonic")
    oracle = IsotonicRegression(y_min=EDGE, y_max=1 - EDGE, out_of_bounds="clip")
    wanted = oracle.fit(rows.logits, rows.harms).predict([-9.0, -1.0, 1.9, 3.0, 9.0])
    assert [link.harm(z) for z in (-9.0, -1.0, 1.9, 3.0, 9.0)] == pytest.approx(wanted)
    assert link.harmfulness(3.0) == pytest.approx(1 + 4 * link.harm(3.0))
    assert how.kind == "isotonic"


def test_the_one_with_less_loss_on_groups_left_out_is_chosen() -> None:
    assert fitted(Link(), rows_of(steps), "chosen")[1].kind == "isotonic"
    chosen, how = fitted(Link(), rows_of(sigmoid, n=150), "chosen")
    assert (how.kind, chosen.knots) == ("platt", ())
    losses = how.held_out_log_loss
    assert present(losses["platt"]) < present(losses["isotonic"])


def test_a_group_is_left_out_whole() -> None:
    """The same rows twice: left out one by one, each would have been seen."""
    rows = rows_of(sigmoid, n=30)
    twice = Rows(np.tile(rows.logits, 2), np.tile(rows.harms, 2), [*rows.groups, *rows.groups])
    assert held_out_loss(Link(), twice, "isotonic") == pytest.approx(
        held_out_loss(Link(), rows, "isotonic"), rel=0.2
    )
    assert held_out_loss(Link(), Rows(rows.logits, rows.harms, ["g"] * 30), "platt") is None


def test_an_ordinal_link_has_platts_line_alone() -> None:
    ordinal = Link(thresholds=(-1.5, -0.5, 0.5, 1.5))
    link, how = fitted(ordinal, rows_of(sigmoid, n=60), "chosen")
    assert (how.kind, link.knots) == ("platt", ())
    assert how.held_out_log_loss["isotonic"] is None
    with pytest.raises(ValueError, match="wanted one threshold, got 4"):
        fitted(ordinal, rows_of(sigmoid, n=60), "isotonic")
    with pytest.raises(ValueError, match="use platt with ordinal"):
        RewardConfig(objective="ordinal", calibration="isotonic")


def test_knots_survive_their_file_and_falling_ones_are_refused() -> None:
    link, _ = fitted(Link(), rows_of(steps), "isotonic")
    assert Link.from_json(link.to_json()) == link
    stored = {**Link().to_json(), "knots": [[0.0, 0.4], [1.0, 0.2]]}
    with pytest.raises(ValueError, match="chances from 0 to 1 that do not fall"):
        Link.from_json(stored)
    with pytest.raises(ValueError, match="one threshold beside them, got 2"):
        Link.from_json({"thresholds": [0.0, 1.0], "temperature": 1.0, "knots": [[0.0, 0.4]]})
    with pytest.raises(ValueError, match="wanted pairs of numbers"):
        Link.from_json({**stored, "knots": [["a"]]})
