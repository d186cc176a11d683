"""Where the optimiser's states are made when a ZeRO run is resumed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from train.engine.deepspeed_strategy import ZeroStrategy
from train.engine.portable import MOMENTS


class Resumed(ZeroStrategy):
    """As far as its states: the engine is a stand-in, so no ranks are started."""

    def __init__(self, stage: int, weights: list[torch.Tensor]) -> None:
        self.stage = stage
        zero = SimpleNamespace(
            fp32_partitioned_groups_flat=weights,
            single_partition_of_fp32_groups=weights,
            optimizer=SimpleNamespace(state={}),
        )
        zero._lazy_init_hp_params_optimizer_state = lambda: None
        self.engine = SimpleNamespace(optimizer=zero)

    @property
    def deepspeed_engine(self) -> SimpleNamespace:
        return self.engine

    @property
    def zero_stage_3(self) -> bool:
        return self.stage == 3


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_every_state_of_a_resumed_optimiser_is_where_its_weights_are(stage: int) -> None:
    """The step too: fused AdamW reads it on the device, by its address. `meta` stands for a GPU."""
    weights = [torch.zeros(3, device="meta"), torch.zeros(2, device="meta")]
    strategy = Resumed(stage, weights)
    strategy._create_states(4.0)
    states = strategy.engine.optimizer.optimizer.state
    for flat in weights:
        assert set(states[flat]) == {"step", *MOMENTS}
        assert {state.device.type for state in states[flat].values()} == {"meta"}
