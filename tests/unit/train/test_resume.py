"""A killed fit that is run again ends where the uninterrupted one does, bit for bit."""

from __future__ import annotations

import shutil
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from present import present
from safetensors.torch import load_file
from typed_results import rows_of

from eval.scoreboard import Scoreboard
from eval.scoreboard_shape import read_scoreboard
from models.adapters.trained import trainable_state
from records.rows import json_line
from train.engine.checkpoint_files import latest_checkpoint
from train.engine.loggers import JsonLinesLogger, forget_metrics_after

# 20 rows, global batch 4, micro-batch 2: 5 steps an epoch, 2 micro-batches a step.
STEPS, EPOCHS = (
    10,
    2,
)


class Killed(RuntimeError):
    pass


class KillBeforeCheckpoint(pl.Callback):
    """Dies when optimiser step k is taken, before anything of it is written."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if trainer.global_step == self.step:
            raise Killed


class KillWithinStep(pl.Callback):
    """Dies between the two micro-batches of step k + 1."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if trainer.global_step == self.step and batch_idx % 2:
            raise Killed


class KillAtNextStep(KillWithinStep):
    """Dies when step k is written, before the next one starts or in the hooks at an epoch's end."""

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if trainer.global_step == self.step:
            raise Killed

    def on_train_epoch_end(self, trainer, module):
        if trainer.global_step == self.step:
            raise Killed


def killing_logger(step):
    class KillWhileLogging(JsonLinesLogger):
        def log_metrics(self, metrics, step_=None, **kwargs):
            at = kwargs.get("step", step_)
            if at == step:
                raise Killed
            super().log_metrics(metrics, step=at)

    return KillWhileLogging


def assert_same(got, wanted):
    assert got.metrics == wanted.metrics
    assert got.tensors.keys() == wanted.tensors.keys()
    assert [
        name
        for name, tensor in got.tensors.items()
        if not torch.equal(tensor, wanted.tensors[name])
    ] == []


@pytest.fixture(scope="module")
def whole_runs():
    return {}


@pytest.fixture
def whole(whole_runs, fit_sft, tmp_path_factory):
    """The uninterrupted run; it does not depend on how often it is saved."""
    if "sft" not in whole_runs:
        whole_runs["sft"] = fit_sft(tmp_path_factory.mktemp("whole"))
    return whole_runs["sft"]


def test_the_uninterrupted_run_takes_every_step_once(whole):
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
    fit_sft, whole, tmp_path, kill, every
):
    for step in range(1, STEPS + 1 - (kill is KillWithinStep)):  # there is no step after the last
        work = tmp_path / f"{step}"
        with pytest.raises(Killed):
            fit_sft(work, every=every, callbacks=[kill(step)])
        assert_same(fit_sft(work, every=every), whole)


@pytest.mark.slow
def test_a_kill_between_a_step_and_its_metrics_loses_no_row(fit_sft, whole, tmp_path):
    for step in (1, 2, 5, 9, 10):
        with pytest.raises(Killed):
            fit_sft(tmp_path / f"{step}", every=1, logger=killing_logger(step))
        assert_same(fit_sft(tmp_path / f"{step}", every=1), whole)


def test_a_run_that_is_killed_again_and_again_ends_the_same(fit_sft, whole, tmp_path):
    for step in (3, 4, 7, 10):
        with pytest.raises(Killed):
            fit_sft(tmp_path, callbacks=[KillAtNextStep(step)])
    assert_same(fit_sft(tmp_path), whole)


def test_full_training_and_dpo_resume_bitwise_too(fit_sft, fit_dpo, tmp_path):
    for name, run in (
        ("sft", lambda work, **o: fit_sft(work, kind="full", **o)),
        ("dpo", lambda work, **o: fit_dpo(work, epochs=2, **o)),
    ):
        wanted = run(tmp_path / name / "whole")
        with pytest.raises(Killed):
            run(tmp_path / name / "killed", callbacks=[KillAtNextStep(3)])
        assert_same(run(tmp_path / name / "killed"), wanted)


def test_a_torn_checkpoint_is_passed_over_and_swept_up(fit_sft, whole, tmp_path):
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


def test_only_the_last_two_checkpoints_are_kept(fit_sft, tmp_path):
    fit_sft(tmp_path, every=1)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == [
        "latest.json",
        "step-0000009",
        "step-0000010",
    ]


def test_a_lost_newest_checkpoint_falls_back_to_the_one_before(fit_sft, whole, tmp_path):
    with pytest.raises(Killed):
        fit_sft(tmp_path, callbacks=[KillAtNextStep(6)])
    shutil.rmtree(tmp_path / "checkpoints" / "step-0000006")
    assert_same(fit_sft(tmp_path), whole)


def test_a_truncated_newest_checkpoint_falls_back_to_the_one_before(fit_sft, whole, tmp_path):
    with pytest.raises(Killed):
        fit_sft(tmp_path, callbacks=[KillAtNextStep(6)])
    newest = tmp_path / "checkpoints" / "step-0000006" / "tensors-0.pt"
    newest.write_bytes(newest.read_bytes()[:-100])
    assert present(latest_checkpoint(newest.parent.parent)).name == "step-0000005"
    assert_same(fit_sft(tmp_path), whole)


def test_a_resumed_run_has_the_random_state_that_the_checkpoint_was_made_with(fit_sft, tmp_path):
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
    def __init__(self, drawn):
        self.drawn = drawn

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self.drawn.append(torch.rand(1).item())


class DyingScoreboard(Scoreboard):
    """Measures nothing, and dies while it does so at one epoch."""

    def __init__(self, work, dies_at=None):
        self.dies_at = dies_at
        measuring: Any = SimpleNamespace(say=lambda text: None)
        super().__init__(
            "sft",
            work / "scoreboard.jsonl",
            work / "epochs",
            measuring,
            lambda module: trainable_state(module.model),
        )

    def _row(self, epoch, step, state, samples):
        if epoch == self.dies_at:
            raise Killed
        return rows_of([{"stage": "sft", "epoch": epoch, "step": step}])[0]


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_an_epoch_whose_measurement_was_killed_is_measured_after_all(fit_sft, tmp_path, epoch):
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


def test_a_resume_that_is_killed_while_it_drops_rows_loses_none(tmp_path, monkeypatch):
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text("".join(json_line({"step": step}) for step in range(4)))
    whole = metrics.read_text()

    def killed(_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", killed)
        with pytest.raises(Killed):
            forget_metrics_after(metrics, 2)
    assert metrics.read_text() == whole
    forget_metrics_after(metrics, 2)
    assert metrics.read_text() == "".join(whole.splitlines(keepends=True)[:3])
