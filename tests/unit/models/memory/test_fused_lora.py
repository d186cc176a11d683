"""LoRA in one step: peft's values and gradients, on every dtype, and hands off where it does not
apply.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from models.adapters.wrapping import adapt
from models.config import AdapterConfig, ModelConfig
from models.loading.load import load_model
from models.memory.fused_lora import fuse_lora


def adapted(model: Any, **changes: Any) -> Any:
    wrapped = adapt(model, AdapterConfig(rank=4, alpha=8, **changes), seed=0)
    for name, parameter in wrapped.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, 0, 0.3)
    return wrapped


def loss_and_gradients(
    model: Any, autocast: torch.dtype | None = None
) -> tuple[float, torch.Tensor]:
    model.zero_grad()
    ids = torch.arange(3, 35).view(2, 16)
    with torch.autocast("cpu", autocast) if autocast else contextlib.nullcontext():
        loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    return loss.item(), torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad])


def test_values_and_gradients_are_those_of_peft(tiny_model: Any) -> None:
    model = adapted(tiny_model)
    wanted, gradient = loss_and_gradients(model)
    assert fuse_lora(model) == 14
    got, fused = loss_and_gradients(model)
    assert got == pytest.approx(wanted, rel=1e-6)
    assert (fused - gradient).norm() <= 1e-6 * gradient.norm()


def test_in_bfloat16_it_is_as_near_to_single_precision_as_peft(tiny_directory: Path) -> None:
    """The error of one draw is luck, another on every processor: the median of eleven decides."""
    ratios = []
    for _ in range(11):
        model = adapted(load_model(ModelConfig(path=str(tiny_directory))))
        wanted, gradient = loss_and_gradients(model)
        peft_loss, peft_gradient = loss_and_gradients(model, torch.bfloat16)
        fuse_lora(model)
        loss, fused = loss_and_gradients(model, torch.bfloat16)
        assert abs(loss - wanted) <= abs(peft_loss - wanted) + 1e-2
        ratios.append((fused - gradient).norm() / (peft_gradient - gradient).norm())
    assert torch.stack(ratios).median() <= 1.2


def test_double_precision_gradients_are_exact(tiny_model: Any) -> None:
    model = adapted(tiny_model.double())
    model.base_model.model.lm_head.weight.requires_grad_(False)
    layer = model.base_model.model.model.layers[0].mlp.up_proj.to(torch.float64)
    fuse_lora(model)
    x = torch.randn(3, 5, 32, dtype=torch.float64, requires_grad=True)
    down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    assert torch.autograd.gradcheck(lambda x, *_: layer(x), (x, down, up))


def test_the_adapter_can_still_be_switched_off_and_merged(tiny_model: Any) -> None:
    ids = torch.arange(3, 19).view(1, 16)
    base = tiny_model(input_ids=ids).logits
    model = adapted(tiny_model)
    fuse_lora(model)
    changed = model(input_ids=ids).logits
    with model.disable_adapter():
        torch.testing.assert_close(model(input_ids=ids).logits, base)
    torch.testing.assert_close(
        model.merge_and_unload()(input_ids=ids).logits, changed, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("variant", [{"lora_dropout": 0.1}, {"use_dora": True}])
def test_variants_keep_their_own_forward(tiny_model: Any, variant: dict[str, bool | float]) -> None:
    model = get_peft_model(
        tiny_model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **variant)
    )
    assert fuse_lora(model) == 0
