"""The reward model is refused by the lower end of its AUROC's interval."""

from __future__ import annotations

import math

import pytest

from pipeline.stages.reward import require_auroc
from records.errors import RecordError


def test_an_auroc_whose_interval_reaches_below_the_limit_is_refused_although_the_point_is_above():
    with pytest.raises(RecordError, match=r"0\.850 \(0\.710 to 0\.950, n 30\).*reward\.min_auroc"):
        require_auroc({"mean": 0.85, "interval": [0.71, 0.95], "n": 30}, 0.8)


@pytest.mark.parametrize("low", [None, math.nan])
def test_an_auroc_without_an_interval_is_refused(low):
    with pytest.raises(RecordError, match=r"reward\.min_auroc"):
        require_auroc({"mean": 0.99, "interval": [low, low], "n": 3}, 0.8)


def test_an_auroc_above_the_limit_passes():
    require_auroc({"mean": 0.95, "interval": [0.8, 0.99], "n": 131}, 0.8)
