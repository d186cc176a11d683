"""An online training ends in the same policy however its steps are cut and however often it is
killed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytorch_lightning as pl
import torch

if TYPE_CHECKING:
    from models.engines.generate import Generated
    from tests.unit.train.rlhf.conftest import Fitted


class Killed(RuntimeError):
    pass


class KillAfterDrawing(pl.Callback):
    """Dies in the step after step k, when its completions are drawn and nothing is learned."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_before_backward(self, trainer: Any, module: Any, loss: Any) -> None:
        if trainer.global_step == self.step:
            raise Killed


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    return {}


@pytest.fixture
def whole(
    known: dict[str, Any], fit_rlhf: Callable[..., Fitted], tmp_path_factory: pytest.TempPathFactory
) -> Fitted:
    """The uninterrupted run."""
    if "whole" not in known:
        known["whole"] = fit_rlhf(tmp_path_factory.mktemp("whole"))
    return known["whole"]


def assert_same(got: Fitted, wanted: Fitted) -> None:
    assert got.metrics == wanted.metrics
    assert [
        name
        for name, tensor in got.tensors.items()
        if not torch.equal(tensor, wanted.tensors[name])
    ] == []
    assert got.module.multipliers.state_dict() == wanted.module.multipliers.state_dict()
    assert got.module.kl == wanted.module.kl


def test_at_step_0_the_policy_is_its_reference(whole: Fitted) -> None:
    assert whole.metrics[0]["kl"] == 0
    assert whole.metrics[-1]["kl"] > 0
    assert [row["step"] for row in whole.metrics] == list(range(1, 7))


def test_the_multipliers_move_with_what_was_refused(whole: Fitted) -> None:
    first, second = whole.metrics[:2]
    excess = first["refused/benign/twins"] - 0.4
    moved = max(0.0, 1 + 2 * excess) + 2 * excess  # ascended, and for as long as the excess lasts
    assert first["multiplier/twins"] == pytest.approx(max(0.0, moved))
    assert second["multiplier/twins"] != first["multiplier/twins"]


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_killed_in_a_step_it_ends_bitwise_where_the_uninterrupted_run_does(
    fit_rlhf: Callable[..., Fitted], whole: Fitted, tmp_path: Path, step: int
) -> None:
    with pytest.raises(Killed):
        fit_rlhf(tmp_path, callbacks=[KillAfterDrawing(step)])

    assert_same(fit_rlhf(tmp_path), whole)


def test_killed_while_it_draws_it_draws_the_rest_only(
    fit_rlhf: Callable[..., Fitted], whole: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train.rlhf.writer import PolicyCopy

    drawn: list[int] = []
    complete = PolicyCopy.complete

    def counted(self: Any, prompts: Any, seeds: Sequence[int]) -> list[Generated]:
        drawn.extend(seeds)
        if len(drawn) == 12 * 3:  # the last batch of the third step: two batches of five are kept
            raise Killed
        return complete(self, prompts, seeds)

    monkeypatch.setattr(PolicyCopy, "complete", counted)
    with pytest.raises(Killed):
        fit_rlhf(tmp_path)
    again = len(drawn)
    assert_same(fit_rlhf(tmp_path), whole)
    assert len(drawn) - again == 2 + 12 * 3


def test_full_training_resumes_bitwise_too(fit_rlhf: Callable[..., Fitted], tmp_path: Path) -> None:
    wanted = fit_rlhf(tmp_path / "whole", kind="full", steps=4, measure_every=2, learning_rate=1e-3)
    assert wanted.metrics[0]["kl"] == 0
    with pytest.raises(Killed):
        fit_rlhf(
            tmp_path / "killed",
            kind="full",
            steps=4,
            measure_every=2,
            learning_rate=1e-3,
            callbacks=[KillAfterDrawing(3)],
        )
    assert_same(
        fit_rlhf(tmp_path / "killed", kind="full", steps=4, measure_every=2, learning_rate=1e-3),
        wanted,
    )


@pytest.mark.parametrize("tokens", [60, 120])
def test_a_step_counts_the_same_however_it_is_cut(
    fit_rlhf: Callable[..., Fitted], whole: Fitted, tmp_path: Path, tokens: int
) -> None:
    cut = fit_rlhf(tmp_path, micro_batch_tokens=tokens)

    assert cut.module.trainer.accumulate_grad_batches > 1
    for ours, theirs in zip(cut.metrics, whole.metrics, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)
    for name, tensor in whole.tensors.items():
        assert (cut.tensors[name] - tensor).norm() <= 1e-4 * max(1.0, tensor.norm().item()), name


def test_at_another_temperature_policy_and_reference_are_tempered_alike(
    fit_rlhf: Callable[..., Fitted], whole: Fitted, tmp_path: Path
) -> None:
    from models.config import GenerationConfig

    drawing = GenerationConfig(max_new_tokens=6, temperature=0.5, batch_size=5, dtype="float32")
    tempered = fit_rlhf(tmp_path, steps=2, measure_every=2, generation=drawing)

    assert tempered.metrics[0]["kl"] == 0
    assert tempered.metrics[1]["kl"] > 0
    assert tempered.metrics[0]["loss"] != whole.metrics[0]["loss"]
