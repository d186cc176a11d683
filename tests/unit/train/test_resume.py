"""A killed fit that is run again ends where the uninterrupted one does, bit for bit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import pytorch_lightning as pl
import torch
from present import present
from safetensors.torch import load_file
from typed_results import rows_of

from eval.results.scoreboard_row import ScoreboardRow
from eval.scoreboard import Scoreboard
from eval.scoreboard_shape import read_scoreboard
from models.adapters.trained import trainable_state
from train.engine.checkpoint_files import latest_checkpoint
from train.engine.loggers import JsonLinesLogger

if TYPE_CHECKING:
    from tests.unit.train.conftest import Fitted

# 20 rows, global batch 4, micro-batch 2: 5 steps an epoch, 2 micro-batches a step.
STEPS, EPOCHS = 10, 2


class Killed(RuntimeError):
    pass


class KillBeforeCheckpoint(pl.Callback):
    """Dies when optimiser step k is taken, before anything of it is written."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            raise Killed


class KillWithinStep(pl.Callback):
    """Dies between the two micro-batches of step k + 1."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.step and batch_idx % 2:
            raise Killed


class KillAtNextStep(KillWithinStep):
    """Dies when step k is written, before the next one starts or in the hooks at an epoch's end."""

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.step:
            raise Killed

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        if trainer.global_step == self.step:
            raise Killed


def killing_logger(step: int) -> type[JsonLinesLogger]:
    class KillWhileLogging(JsonLinesLogger):
        def log_metrics(
            self, metrics: dict[str, float], step_: int | None = None, **kwargs: Any
        ) -> None:
            at = kwargs.get("step", step_)
            if at == step:
                raise Killed
            super().log_metrics(metrics, step=at)

    return KillWhileLogging


def assert_same(got: Fitted, wanted: Fitted) -> None:
    assert got.metrics == wanted.metrics
    assert got.tensors.keys() == wanted.tensors.keys()
    assert [
        name
        for name, tensor in got.tensors.items()
        if not torch.equal(tensor, wanted.tensors[name])
    ] == []


@pytest.fixture(scope="module")
def whole_runs() -> dict[str, Any]:
    return {}


@pytest.fixture
def whole(
    whole_runs: dict[str, Any],
    fit_sft: Callable[..., Fitted],
    tmp_path_factory: pytest.TempPathFactory,
) -> Fitted:
    """The uninterrupted run; it does not depend on how often it is saved."""
    if "sft" not in whole_runs:
        whole_runs["sft"] = fit_sft(tmp_path_factory.mktemp("whole"))
    return whole_runs["sft"]


def test_the_uninterrupted_run_takes_every_step_once(whole: Fitted) -> None:
    assert [row["step"] for row in whole.metrics] == list(range(1, STEPS + 1))
    assert [row["epoch"] for row in whole.metrics] == [
        pytest.approx(k / 5) for k in range(1, STEPS + 1)
    ]


CASES = [
    (KillBeforeCheckpoint, 1),
    (KillBeforeCheckpoint, 2),
    (KillWithinStep, 2),
    (KillAtNextStep, 1),
    (KillAtNextStep, 2),
    (KillAtNextStep, 3),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kill", "every"), CASES, ids=[f"{kill.__name__}-{every}" for kill, every in CASES]
)
def test_a_killed_run_ends_bitwise_where_the_uninterrupted_one_does(
    fit_sft: Callable[..., Fitted],
    whole: Fitted,
    tmp_path: Path,
    kill: type[KillBeforeCheckpoint | KillWithinStep],
    every: int,
) -> None:
    for step in range(1, STEPS + 1 - (kill is KillWithinStep)):  # there is no step after the last
        work = tmp_path / f"{step}"
        with pytest.raises(Killed):
            fit_sft(work, every=every, callbacks=[kill(step)])
        assert_same(fit_sft(work, every=every), whole)


@pytest.mark.slow
def test_a_kill_between_a_step_and_its_metrics_loses_no_row(
    fit_sft: Callable[..., Fitted], whole: Fitted, tmp_path: Path
) -> None:
    for step in (1, 2, 5, 9, 10):
        with pytest.raises(Killed):
            fit_sft(tmp_path / f"{step}", every=1, logger=killing_logger(step))
        assert_same(fit_sft(tmp_path / f"{step}", every=1), whole)


def test_a_run_that_is_killed_again_and_again_ends_the_same(
    fit_sft: Callable[..., Fitted], whole: Fitted, tmp_path: Path
) -> None:
    for step in (3, 4, 7, 10):
        with pytest.raises(Killed):
            fit_sft(tmp_path, callbacks=[KillAtNextStep(step)])
    assert_same(fit_sft(tmp_path), whole)


def test_full_training_and_dpo_resume_bitwise_too(
    fit_sft: Callable[..., Fitted], fit_dpo: Callable[..., Fitted], tmp_path: Path
) -> None:
    for name, run in (
        ("sft", lambda work, **o: fit_sft(work, kind="full", **o)),
        ("dpo", lambda work, **o: fit_dpo(work, epochs=2, **o)),
    ):
        wanted = run(tmp_path / name / "whole")
        with pytest.raises(Killed):
            run(tmp_path / name / "killed", callbacks=[KillAtNextStep(3)])
        assert_same(run(tmp_path / name / "killed"), wanted)


def test_a_torn_checkpoint_is_passed_over_and_swept_up(
    fit_sft: Callable[..., Fitted], whole: Fitted, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        fit_sft(tmp_path, callbacks=[KillAtNextStep(4)])
    folder = tmp_path / "checkpoints"
    assert present(latest_checkpoint(folder)).name == "step-0000004"
    # Cut off while it was written.
    shutil.copytree(folder / "step-0000004", folder / ".step-0000006.partial")
    (folder / ".step-0000006.partial" / "trainer.pt").unlink()
    (folder / "step-0000005").mkdir()  # renamed, but never pointed to
    assert present(latest_checkpoint(folder)).name == "step-0000004"
    assert_same(fit_sft(tmp_path), whole)
    assert not list(folder.glob(".*.partial"))


def test_only_the_last_two_checkpoints_are_kept(
    fit_sft: Callable[..., Fitted], tmp_path: Path
) -> None:
    fit_sft(tmp_path, every=1)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == [
        "latest.json",
        "step-0000009",
        "step-0000010",
    ]


def test_a_lost_newest_checkpoint_falls_back_to_the_one_before(
    fit_sft: Callable[..., Fitted], whole: Fitted, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        fit_sft(tmp_path, callbacks=[KillAtNextStep(6)])
    shutil.rmtree(tmp_path / "checkpoints" / "step-0000006")
    assert_same(fit_sft(tmp_path), whole)


def test_a_truncated_newest_checkpoint_falls_back_to_the_one_before(
    fit_sft: Callable[..., Fitted], whole: Fitted, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        fit_sft(tmp_path, callbacks=[KillAtNextStep(6)])
    newest = tmp_path / "checkpoints" / "step-0000006" / "tensors-0.pt"
    newest.write_bytes(newest.read_bytes()[:-100])
    assert present(latest_checkpoint(newest.parent.parent)).name == "step-0000005"
    assert_same(fit_sft(tmp_path), whole)


def test_a_resumed_run_has_the_random_state_that_the_checkpoint_was_made_with(
    fit_sft: Callable[..., Fitted], tmp_path: Path
) -> None:
    """Nothing draws while Primum trains; this callback does, as a model with dropout would."""
    whole: list[float] = []
    drawn: list[float] = []
    torch.manual_seed(0)
    fit_sft(tmp_path / "whole", callbacks=[Draws(whole)])
    torch.manual_seed(0)
    with pytest.raises(Killed):
        fit_sft(tmp_path / "killed", callbacks=[Draws(drawn), KillAtNextStep(4)])
    torch.manual_seed(1)
    del drawn[-1:]  # the step that the kill took back drew too
    fit_sft(tmp_path / "killed", callbacks=[Draws(drawn)])
    assert drawn == whole


class Draws(pl.Callback):
    def __init__(self, drawn: list[float]) -> None:
        self.drawn = drawn

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        self.drawn.append(torch.rand(1).item())


class DyingScoreboard(Scoreboard):
    """Measures nothing, and dies while it does so at one epoch."""

    def __init__(self, work: Path, dies_at: int | None = None) -> None:
        self.dies_at = dies_at
        measuring: Any = SimpleNamespace(say=lambda text: None)
        super().__init__(
            "sft",
            work / "scoreboard.jsonl",
            work / "epochs",
            measuring,
            lambda module: trainable_state(module.model),
        )

    def _row(self, epoch: int, step: int, state: dict[str, Any], samples: object) -> ScoreboardRow:
        if epoch == self.dies_at:
            raise Killed
        return rows_of([{"stage": "sft", "epoch": epoch, "step": step}])[0]


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_an_epoch_whose_measurement_was_killed_is_measured_after_all(
    fit_sft: Callable[..., Fitted], tmp_path: Path, epoch: int
) -> None:
    wanted = fit_sft(tmp_path / "whole", callbacks=[DyingScoreboard(tmp_path / "whole")])
    with pytest.raises(Killed):
        fit_sft(
            tmp_path / "killed", callbacks=[DyingScoreboard(tmp_path / "killed", dies_at=epoch)]
        )
    assert_same(
        fit_sft(tmp_path / "killed", callbacks=[DyingScoreboard(tmp_path / "killed")]), wanted
    )
    texts = [(tmp_path / name / "scoreboard.jsonl").read_text() for name in ("whole", "killed")]
    assert texts[0] == texts[1]
    assert [row.epoch for row in read_scoreboard(tmp_path / "killed" / "scoreboard.jsonl")] == [
        0,
        1,
        2,
    ]
    for k in (1, 2):
        a, b = (
            load_file(tmp_path / name / "epochs" / f"epoch-{k}.safetensors")
            for name in ("whole", "killed")
        )
        assert all(torch.equal(a[name], b[name]) for name in a)
