"""Between a step's forward and backward pass nothing asks for a value: a GPU would be drained
before its next kernels are launched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from present import present
from torch.utils._python_dispatch import TorchDispatchMode

from models.layout import packed_attention
from models.memory.prepare import prepared_layout
from models.tokens import encode, encode_pair
from records.rows import assistant, user
from reward.model.network import HarmfulnessNetwork
from reward.model.training import RewardModule, RewardRows
from train.config import DpoConfig
from train.dpo import DpoModule, DpoRows
from train.engine.optimisation import Optimisation, OptimiserConfig
from train.sft import SftModule, SftRows

WAITING = {
    "_local_scalar_dense",
    "bincount",
    "nonzero",
    "masked_select",
    "_unique2",
    "repeat_interleave",
}
"""Operators whose result's value or size the host must know."""
COMMON = Optimisation(learning_rate=1e-3, total_steps=1, optimiser=OptimiserConfig(warmup=0.0))


class Waits(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.split("::")[-1]
        if name in WAITING:
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


def counted(name: str, calls: list[str]) -> Callable[..., Any]:
    """The method of tensors that has this name, and adds it to `calls` first."""
    real = getattr(torch.Tensor, name)

    def call(*args: Any, **named: Any) -> Any:
        calls.append(name)
        return real(*args, **named)

    return call


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Calls that fetch a tensor."""
    calls: list[str] = []
    for name in ("cpu", "item", "tolist", "numpy", "__bool__", "__int__", "__float__"):
        monkeypatch.setattr(torch.Tensor, name, counted(name, calls))

    # One kernel, as FlexAttention is; the CPU's own way looks at its blocks.
    def attend(
        q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, packed: object, scale: float
    ) -> torch.Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=True)

    monkeypatch.setattr(packed_attention, "blocked_attention", attend)
    return calls


def module_and_batch(job: str, model: Any, tokenizer: Any) -> tuple[Any, Any]:
    prompts = [user("What is asthma?"), user("How much water a day?")]
    good, bad = (
        [assistant("Ask a doctor."), assistant("It depends.")],
        [assistant("Sure."), assistant("None.")],
    )
    layout = prepared_layout(model, tokenizer.pad_token_id, 128)
    indices = [0, 1]
    if job == "dpo":
        pairs = [
            present(encode_pair(tokenizer, p, c, 128))
            for p, c in zip(prompts, zip(good, bad, strict=True), strict=True)
        ]
        sides = DpoRows(pairs, layout, [(-1.0, -2.0)] * 2)
        return DpoModule(model, DpoConfig(), COMMON), sides.collate(indices, 1.0)
    rows = [present(encode(tokenizer, p, c, 128)) for p, c in zip(prompts, good, strict=True)]
    if job == "sft":
        return SftModule(model, COMMON), SftRows(rows, layout).collate(indices, 1.0)
    module = RewardModule(HarmfulnessNetwork(model.model), COMMON)
    return module, RewardRows(rows, [True, False], layout).collate(indices, 1.0)


@pytest.mark.parametrize("job", ["sft", "dpo", "reward"])
def test_a_step_asks_for_no_value_before_its_backward_pass(
    tiny_model: Any, tokenizer: Any, moved: list[str], job: str
) -> None:
    module, batch = module_and_batch(job, tiny_model, tokenizer)
    module.on_train_batch_start(batch, 0)
    moved.clear()
    with Waits() as waits:
        loss = module.training_step(batch, 0)
    asked = [*waits.seen, *moved]
    loss.backward()
    assert asked == []
    assert module._sums["loss"][1] > 0


@pytest.mark.parametrize("job", ["sft", "dpo", "reward"])
def test_every_tensor_of_a_batch_is_moved_without_waiting(
    tiny_model: Any, tokenizer: Any, job: str
) -> None:
    """`meta` stands for a GPU; a copy that waits would wait for the step before it, too."""
    module, batch = module_and_batch(job, tiny_model, tokenizer)
    there = torch.device("meta")
    moved_batch = module.transfer_batch_to_device(batch, there, 0)
    assert type(moved_batch) is type(batch)
    assert {tensor.device.type for tensor in tensors_of(moved_batch)} == {"meta"}
    assert len(tensors_of(moved_batch)) == len(tensors_of(batch)) > 9
    assert moved_batch.rows.num_rows == batch.rows.num_rows


def tensors_of(value: object) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    return (
        [tensor for field in value for tensor in tensors_of(field)]
        if isinstance(value, tuple)
        else []
    )
