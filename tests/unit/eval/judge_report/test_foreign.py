from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest
from present import present
from sklearn.metrics import roc_auc_score

from eval.judge_report.foreign import out_of_domain
from eval.judge_report.readings import Reading
from eval.label_sets.items import LabelSet

if TYPE_CHECKING:
    from numpy.typing import NDArray


def reading(values: Sequence[float] | NDArray[np.float64]) -> Reading:
    return Reading("m", {"harm": np.array(values)}, [""] * len(values), {"harm": 0.5})


def test_a_foreign_set_is_told_by_the_entropy_of_its_probabilities(own_set: LabelSet) -> None:
    rng = np.random.default_rng(1)
    sure, unsure = (
        np.clip(rng.normal(0.1, 0.08, 60), 0.001, 0.999),
        np.clip(rng.normal(0.4, 0.15, 60), 0.001, 0.999),
    )
    unsure[0] = np.nan
    found = out_of_domain((own_set, reading(sure)), (own_set, reading(unsure)), resamples=100)[
        "out_of_domain_auroc"
    ]
    closeness = -np.abs(np.concatenate([sure, unsure[1:]]) - 0.5)
    assert found.mean == pytest.approx(roc_auc_score([0] * 60 + [1] * 59, closeness))
    assert found.n == 119
    assert present(found.low) <= present(found.mean) <= present(found.high)


def test_who_states_no_uncertainty_tells_nothing(own_set: LabelSet) -> None:
    assert (
        out_of_domain((own_set, reading([0.0, 1.0] * 30)), (own_set, reading([0.0, 1.0] * 30)))
        == {}
    )
    silent = Reading("m", {}, [""] * 60)
    assert out_of_domain((own_set, silent), (own_set, silent)) == {}
