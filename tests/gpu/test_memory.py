"""What training takes on a GPU beside what `primum check` says that it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from models.adapters.wrapping import adapt
from models.config import AdapterConfig
from models.layout.logps import completion_logps
from models.loading.footprint import peak_bytes, shape_from, training_bytes
from models.memory.prepare import Options, prepared_layout
from models.tokens import TokenRow

pytestmark = pytest.mark.gpu
SIZES = {
    "hidden_size": 1024,
    "head_dim": 128,
    "intermediate_size": 4096,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
}


@pytest.mark.usefixtures("on_gpu")
@pytest.mark.parametrize("kind", ["lora", "full"])
def test_the_peak_is_near_the_estimate(
    device: torch.device,
    made_llama: Callable[..., Any],
    drawn_rows: Callable[[int, int], list[TokenRow]],
    kind: str,
) -> None:
    adapter = AdapterConfig(kind=kind)
    model = adapt(made_llama(32_000, **SIZES), adapter, seed=0).to(device)
    batch = prepared_layout(model, 0, 512, Options(lean=True))(drawn_rows(16, 260)).to(device)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], fused=True)
    for step in range(3):
        if step == 1:  # kernels are compiled and states made
            torch.cuda.reset_peak_memory_stats()
        with torch.autocast(device.type, torch.bfloat16):
            loss = -completion_logps(model, batch).sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    shape, tokens = shape_from(model.config, adapter), batch.input_ids.shape[1]
    parts = training_bytes(
        shape,
        weight_bytes=4,
        matrix_bytes=2,
        zero_stage=0,
        ranks=1,
        tokens=tokens,
        checkpointing=False,
    )
    assert 0.6 < torch.cuda.max_memory_allocated() / peak_bytes(parts) < 1.1
