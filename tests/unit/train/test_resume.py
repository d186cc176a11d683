"""A killed fit that is run again ends where the uninterrupted one does, bit for bit."""

from __future__ import annotations

import pytest
import pytorch_lightning as pl
import torch

from train.loggers import JsonLinesLogger

STEPS, EPOCHS = 10, 2  # 20 rows, global batch 4, micro-batch 2: 5 steps an epoch, 2 micro-batches a step


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
    assert [name for name, tensor in got.tensors.items() if not torch.equal(tensor, wanted.tensors[name])] == []


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
    assert [row["epoch"] for row in whole.metrics] == [pytest.approx(k / 5) for k in range(1, STEPS + 1)]


@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize("kill", [KillBeforeCheckpoint, KillWithinStep, KillAtNextStep])
def test_a_killed_run_ends_bitwise_where_the_uninterrupted_one_does(fit_sft, whole, tmp_path, kill, every):
    for step in range(1, STEPS + 1):
        if kill is KillWithinStep and step == STEPS:
            continue  # there is no step after the last
        work = tmp_path / f"{step}"
        with pytest.raises(Killed):
            fit_sft(work, every=every, callbacks=[kill(step)])
        assert_same(fit_sft(work, every=every), whole)
