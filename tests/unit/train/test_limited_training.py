"""A training under a limit on over-refusal: candidates, multipliers, and what a kill leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import pytorch_lightning as pl
import torch
from over_refusal_limits import limit_above
from present import present
from typed_results import rows_of

from eval.results.scoreboard_row import ScoreboardRow
from eval.scoreboard import Scoreboard
from eval.scoreboard_shape import read_scoreboard
from models.adapters.trained import trainable_state
from pipeline.limited_pairs import FollowedLimit
from train.config import DpoConfig, MultiplierConfig
from train.engine.candidates import candidate_steps
from train.engine.checkpoint_files import latest_checkpoint

if TYPE_CHECKING:
    from tests.unit.train.conftest import Fitted


def test_candidates_stand_at_even_distances_and_end_with_the_epoch() -> None:
    assert candidate_steps(33, 3) == (11, 22, 33)
    assert candidate_steps(7, 3) == (3, 5, 7)
    assert candidate_steps(2, 5) == (1, 2)
    assert candidate_steps(9, 1) == (9,)


HELD = DpoConfig(
    over_refusal_limit=0.1, learning_rate=1e-3, multipliers=MultiplierConfig(proportional=2)
)
"""With a part of every multiplier that a resumed training must not add up."""


class Killed(RuntimeError):
    pass


class KillAt(pl.Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            raise Killed


class MeasuredWeights(Scoreboard):
    """Over-refusal is a function of the weights, so that a policy that differs in one bit has
    another multiplier.
    """

    def __init__(
        self,
        work: Path,
        limit: FollowedLimit,
        dies_at: int | None = None,
        steps: tuple[int, ...] = (1, 2, 4),
    ) -> None:
        self.dies_at = dies_at
        measuring: Any = SimpleNamespace(say=lambda text: None)
        path, state_of = work / "scoreboard.jsonl", lambda module: trainable_state(module.model)
        super().__init__("dpo", path, work / "epochs", measuring, state_of, steps, limit)

    def _row(self, epoch: int, step: int, state: dict[str, Any], samples: object) -> ScoreboardRow:
        if epoch == self.dies_at:
            raise Killed
        share = sum(tensor.double().abs().sum().item() for tensor in state.values()) % 1
        apart = {
            "over_refusal_by_suite": {"twins": {"mean": share, "n": 3, "interval": [None, None]}}
        }
        return rows_of([{"stage": "dpo", "epoch": epoch, "step": step, **apart}])[0]


def _twins(row: ScoreboardRow) -> dict[str, float | None]:
    """The base refuses none."""
    return {"twins": row.over_refusal_by_suite["twins"].mean}


def limited_fit(
    fit_dpo: Callable[..., Fitted],
    work: Path,
    dies_at: int | None = None,
    callbacks: Sequence[Any] = (),
    every: int = 3,
) -> tuple[Fitted, list[ScoreboardRow]]:
    limit = limit_above({"twins": 0.0}, HELD, {"harm": 8, "twins": 8})
    board = MeasuredWeights(work, FollowedLimit(limit, _twins), dies_at)
    options = {
        "pairs": 16,
        "epochs": 2,
        "groups": [0, 1] * 8,
        "limit": limit,
        "config": HELD,
        "every": every,
    }
    return fit_dpo(work, callbacks=[board, *callbacks], **options), read_scoreboard(board.path)


@pytest.fixture(scope="module")
def whole_limited() -> dict[str, Any]:
    return {}


@pytest.fixture
def whole(
    whole_limited: dict[str, Any],
    fit_dpo: Callable[..., Fitted],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    if not whole_limited:
        fitted, board = limited_fit(fit_dpo, tmp_path_factory.mktemp("whole"))
        whole_limited.update(tensors=fitted.tensors, metrics=fitted.metrics, board=board)
    return whole_limited


def assert_same(fitted: Fitted, board: list[ScoreboardRow], whole: dict[str, Any]) -> None:
    assert board == whole["board"]
    assert fitted.metrics == whole["metrics"]
    assert all(
        torch.equal(tensor, whole["tensors"][name]) for name, tensor in fitted.tensors.items()
    )


def test_every_candidate_has_its_row_tensors_and_multipliers(whole: dict[str, Any]) -> None:
    assert [(row.epoch, row.step, row.epochs_trained) for row in whole["board"]] == [
        (0, 0, 0.0),
        (1, 1, 0.25),
        (2, 2, 0.5),
        (3, 4, 1.0),
        (4, 5, 1.25),
        (5, 6, 1.5),
        (6, 8, 2.0),
    ]
    assert len({row.multipliers["twins"] for row in whole["board"]}) == 7
    logged = [
        row["scoreboard/multiplier/twins"]
        for row in whole["metrics"]
        if "scoreboard/multiplier/twins" in row
    ]
    assert logged == [row.multipliers["twins"] for row in whole["board"]]


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7])
def test_a_killed_run_under_a_limit_ends_bitwise_where_the_uninterrupted_one_does(
    fit_dpo: Callable[..., Fitted], whole: dict[str, Any], tmp_path: Path, step: int
) -> None:
    with pytest.raises(Killed):
        limited_fit(fit_dpo, tmp_path, callbacks=[KillAt(step)])
    fitted, board = limited_fit(fit_dpo, tmp_path)
    assert_same(fitted, board, whole)


@pytest.mark.parametrize("candidate", [2, 3, 5])
def test_a_run_killed_while_a_candidate_is_measured_measures_it_again(
    fit_dpo: Callable[..., Fitted], whole: dict[str, Any], tmp_path: Path, candidate: int
) -> None:
    with pytest.raises(Killed):
        limited_fit(fit_dpo, tmp_path, dies_at=candidate)
    fitted, board = limited_fit(fit_dpo, tmp_path)
    assert_same(fitted, board, whole)


def test_the_checkpoint_holds_the_multipliers(
    fit_dpo: Callable[..., Fitted], whole: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        limited_fit(fit_dpo, tmp_path, callbacks=[KillAt(4)], every=1)
    checkpoint = present(latest_checkpoint(tmp_path / "checkpoints"))
    state = torch.load(checkpoint / "trainer.pt", weights_only=True)
    assert state["multipliers"]["values"] == whole["board"][2].multipliers
