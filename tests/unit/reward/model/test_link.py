"""A logit on the scale from 1 to 5, for every objective, and its calibration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from reward.model.link import Link, calibrated

ORDINAL = Link(thresholds=(-1.5, -0.5, 0.5, 1.5))


def test_a_binary_logit_is_its_chance_stretched_over_the_scale() -> None:
    assert Link(temperature=2.0).harmfulness(1.0) == pytest.approx(1 + 4 / (1 + math.exp(-0.5)))
    assert Link().harm(0.0) == 0.5


def test_an_ordinal_logit_is_the_level_to_be_expected() -> None:
    cuts = [1 / (1 + math.exp(-(0.3 - cut))) for cut in ORDINAL.thresholds]
    levels = [1 - cuts[0], *(a - b for a, b in zip(cuts, [*cuts[1:], 0.0], strict=True))]
    assert sum(levels) == pytest.approx(1)
    assert ORDINAL.harmfulness(0.3) == pytest.approx(
        sum(k * p for k, p in enumerate(levels, start=1))
    )
    assert ORDINAL.harm(0.3) == pytest.approx(cuts[1]), "level 3 and above"


@pytest.mark.parametrize("logit", [-1e9, 1e9])
def test_no_logit_leaves_the_scale(logit: float) -> None:
    for link in (Link(temperature=0.05), ORDINAL):
        assert 1 <= link.harmfulness(logit) <= 5


def test_calibration_is_platts() -> None:
    """Against an unpenalised logistic regression of the labels on the logit."""
    rng = np.random.default_rng(3)
    z = rng.normal(size=4000)
    y = rng.random(4000) < 1 / (1 + np.exp(-(1.7 * z - 1.1)))
    link = calibrated(Link(), z.tolist(), y.astype(float).tolist())
    oracle = LogisticRegression(C=1e6).fit(z[:, None], y)
    assert 1 / link.temperature == pytest.approx(oracle.coef_[0, 0], rel=2e-2)
    assert -link.thresholds[0] / link.temperature == pytest.approx(oracle.intercept_[0], abs=2e-2)


def test_labels_that_every_shift_separates_leave_it_finite() -> None:
    link = calibrated(ORDINAL, [-1.0, -2.0, 3.0], [0.0, 0.0, 1.0])
    assert all(math.isfinite(cut) for cut in link.thresholds)
    assert np.diff(link.thresholds) == pytest.approx(np.diff(ORDINAL.thresholds)), (
        "one shift for all"
    )


def test_it_survives_its_file_and_reads_a_temperature_alone() -> None:
    assert Link.from_json(ORDINAL.to_json()) == ORDINAL
    assert Link.from_json({"temperature": 1.5, "formula": "as it was"}) == Link(temperature=1.5)


@pytest.mark.parametrize(
    "value",
    [
        {"thresholds": [], "temperature": 1.0},
        {"thresholds": ["0"], "temperature": 1.0},
        {"temperature": 0.0},
        {"thresholds": [0.0]},
    ],
)
def test_a_file_that_is_no_link_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"thresholds|temperature"):
        Link.from_json(value)
