"""Between a step's forward and backward pass nothing asks for a value: a GPU would be drained
before its next kernels are launched.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from present import present
from torch.utils._python_dispatch import TorchDispatchMode

from models.layout import head_logps, packed_attention
from models.memory.prepare import prepared_layout
from models.tokens import encode, encode_pair
from records.rows import assistant, user
from reward.model.network import HarmfulnessNetwork
from reward.model.objectives import Objective
from reward.model.preferences import PairModule, PairRows, Preference
from reward.model.training import RewardModule, RewardRows
from train.config import DpoConfig
from train.dpo import DpoModule, DpoRows
from train.engine.optimisation import Optimisation, OptimiserConfig
from train.kto import KtoModule, KtoRows
from train.over_refusal_limit import OverRefusalLimit
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
JOBS = ["sft", "dpo", "limited", "kto", "reward", "ordinal", "preference"]
COMMON = Optimisation(learning_rate=1e-3, total_steps=1, optimiser=OptimiserConfig(warmup=0.0))


class Waits(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, found = func._schema.name.split("::")[-1], func(*args, **(kwargs or {}))
        # How many places a mask chooses is known on the GPU alone.
        masked = name == "index" and any(place is not None and is_mask(place) for place in args[1])
        if name in WAITING or masked or (name == "_to_copy" and waits(args[0], found, kwargs)):
            self.seen.append(f"{name} by mask" if masked else name)
        return found


def is_mask(place: torch.Tensor) -> bool:
    return place.dtype in (torch.bool, torch.uint8)


def waits(source: torch.Tensor, copy: torch.Tensor, named: Any) -> bool:
    """Whether a copy to the GPU, for which `meta` stands, waits for what was launched before it."""
    return copy.is_meta and not source.is_meta and not (named or {}).get("non_blocking")


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

    # Torch knows no autocast on `meta`.
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device_type: False)
    monkeypatch.setattr(torch, "autocast", lambda *args, **named: nullcontext())

    monkeypatch.setitem(head_logps.AT_ONCE, "meta", head_logps.AT_ONCE["cuda"])
    monkeypatch.setitem(head_logps.FILLED, "meta", head_logps.FILLED["cuda"])

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
    if job in ("dpo", "limited"):
        pairs = [
            present(encode_pair(tokenizer, p, c, 128))
            for p, c in zip(prompts, zip(good, bad, strict=True), strict=True)
        ]
        if job == "dpo":
            sides = DpoRows(pairs, layout, [(-1.0, -2.0)] * 2)
            return DpoModule(model, DpoConfig(), COMMON), sides.collate(indices, 1.0)
        config = DpoConfig(over_refusal_limit=0.1)
        limit = OverRefusalLimit({"harm": 1, "twins": 1}, ["twins"], config)
        grouped = DpoRows(pairs, layout, [(-1.0, -2.0)] * 2, groups=[0, 1])
        return DpoModule(model, config, COMMON, limit=limit), grouped.collate(indices, 1.0)
    rows = [present(encode(tokenizer, p, c, 128)) for p, c in zip(prompts, good, strict=True)]
    if job == "sft":
        return SftModule(model, COMMON), SftRows(rows, layout).collate(indices, 1.0)
    if job == "kto":
        labelled = KtoRows(rows, rows[::-1], [True, False], layout)
        labelled.set_reference([-1.0] * 4)
        return KtoModule(model, DpoConfig(loss="kto"), COMMON), labelled.collate(indices, 1.0)
    if job == "preference":
        compared = PairRows(rows, [Preference(0, 1, weight=1.0)], layout)
        return PairModule(HarmfulnessNetwork(model.model), COMMON), compared.collate([0], 1.0)
    objective: Objective = "ordinal" if job == "ordinal" else "binary"
    module = RewardModule(HarmfulnessNetwork(model.model, objective), COMMON)
    return module, RewardRows(rows, [True, False], layout).collate(indices, 1.0)


@pytest.mark.parametrize("job", JOBS)
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


@pytest.mark.parametrize("job", JOBS)
def test_a_step_copies_nothing_to_a_gpu_that_it_waits_for(
    tiny_model: Any, tokenizer: Any, moved: list[str], job: str
) -> None:
    """On `meta`, which has no values to ask for; what stays on the CPU by mistake is refused."""
    module, batch = module_and_batch(job, copy.deepcopy(tiny_model), tokenizer)
    there = torch.device("meta")
    module.to(there)
    batch = module.transfer_batch_to_device(batch, there, 0)
    module.on_train_batch_start(batch, 0)
    moved.clear()
    with Waits() as seen:
        loss = module.training_step(batch, 0)
    assert [*seen.seen, *moved] == []
    assert loss.is_meta


def test_the_reference_point_of_kto_is_measured_without_waiting(
    tiny_model: Any, tokenizer: Any, moved: list[str]
) -> None:
    module, batch = module_and_batch("kto", copy.deepcopy(tiny_model), tokenizer)
    module.to(torch.device("meta"))
    batch = module.transfer_batch_to_device(batch, torch.device("meta"), 0)
    with Waits() as seen:
        point = module.use_kl(module.kl_sums([batch, batch._replace(scale=0.0)]))
    assert [*seen.seen, *moved] == []
    assert point.is_meta


@pytest.mark.parametrize("job", JOBS)
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
