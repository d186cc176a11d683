"""The training of a policy stays near its stage: few functions get more of a run than they need."""

from __future__ import annotations

import ast

import pytest

from benchmarks.training_walk import ROOT, TRAININGS, Stay, climbs, is_wide, walk

STAYS, CLIMBS = 25, 6


@pytest.mark.parametrize("stage", TRAININGS)
def test_the_walk_of_a_training_is_short(stage: str) -> None:
    stays = walk(stage)
    assert stays[0] == Stay(ROOT / "pipeline" / "stages" / f"{stage}.py", "work")
    assert "train_policy" in [stay.name for stay in stays] or stage == "reward"
    assert len(stays) <= STAYS
    assert climbs(stays) <= CLIMBS


def test_a_function_that_is_handed_a_wide_thing_is_a_stay() -> None:
    wide, narrow = ast.parse("def f(x: int, place: Place): ...\ndef g(path: Path): ...").body
    assert is_wide(wide)  # type: ignore[arg-type]
    assert not is_wide(narrow)  # type: ignore[arg-type]
