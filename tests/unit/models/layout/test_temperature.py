"""Log-probabilities at another temperature are those of the tempered distribution, whatever the
layout.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from models.layout.logps import collate, per_token_logps
from models.layout.packed_attention import use_packed_attention
from models.layout.packing import pack
from models.tokens import TokenRow

ROWS = [
    TokenRow([1, 5, 9, 30, 31, 2], [0, 0, 0, 1, 1, 1], False),
    TokenRow([1, 5, 9, 44, 2], [0, 0, 0, 1, 1], False),
]


def by_hand(model: Any, temperature: float) -> torch.Tensor:
    found = []
    for row in ROWS:
        logits = model(input_ids=torch.tensor([row.input_ids])).logits[0] / temperature
        logps = torch.log_softmax(logits.float(), -1)
        found += [
            logps[t - 1, token] for t, token in enumerate(row.input_ids) if row.completion_mask[t]
        ]
    return torch.stack(found)


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.0])
@pytest.mark.parametrize("layout", ["packed", "padded"])
def test_values_and_gradients_are_those_of_logits_over_temperature(
    tiny_model: Any, layout: str, temperature: float
) -> None:
    wanted = by_hand(tiny_model, temperature)
    wanted.sum().backward()
    gradient = tiny_model.model.layers[0].mlp.up_proj.weight.grad.clone()
    tiny_model.zero_grad()
    if layout == "packed":
        use_packed_attention(tiny_model)

    got, _ = per_token_logps(
        tiny_model, pack(ROWS) if layout == "packed" else collate(ROWS, 0), temperature=temperature
    )
    got.sum().backward()

    assert torch.allclose(got, wanted, atol=1e-5)
    assert torch.allclose(tiny_model.model.layers[0].mlp.up_proj.weight.grad, gradient, atol=1e-5)


def test_a_head_with_a_bias_has_its_bias_tempered_too(tiny_model: Any) -> None:
    head = torch.nn.Linear(tiny_model.lm_head.in_features, tiny_model.lm_head.out_features)
    tiny_model.lm_head = head

    got, _ = per_token_logps(tiny_model, collate(ROWS, 0), temperature=0.5)

    assert torch.allclose(got, by_hand(tiny_model, 0.5), atol=1e-5)
