"""One DeepSpeed strategy for GPUs and for CPU ranks over gloo.

Lightning's own refuses anything but CUDA; three members below are what stands in the way (Lightning 2.6, DeepSpeed 0.19).
On GPUs they behave as the parent's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import torch
from pytorch_lightning.strategies import DDPStrategy, DeepSpeedStrategy
from pytorch_lightning.utilities.seed import isolate_rng


class ZeroStrategy(DeepSpeedStrategy):
    """Weights stay float32 and `autocast` names the type that matrices are multiplied in, as in every other strategy.

    Give the Trainer precision 32-true with it: Lightning's bf16-mixed under DeepSpeed turns weights and batches (reference
    log-probabilities with them) into bfloat16.
    """

    def __init__(self, *, stage: int, gradient_clip_norm: float, autocast: str | None = None, timeout: timedelta) -> None:
        super().__init__(
            config={
                "train_micro_batch_size_per_gpu": 1,  # it wants a number; micro-batches are cut by tokens, and weighed by us
                "gradient_clipping": gradient_clip_norm,
                "zero_allow_untested_optimizer": True,
                # torch's AdamW: DeepSpeed's CPU Adam would have to be compiled on the user's machine
                "zero_force_ds_cpu_optimizer": False,
                "zero_optimization": {"stage": stage},
                **({"torch_autocast": {"enabled": True, "dtype": autocast}} if autocast else {}),
            },
            exclude_frozen_parameters=True,
            timeout=timeout,
        )

    @property
    def on_cpu(self) -> bool:
        return bool(self.parallel_devices) and self.parallel_devices[0].type == "cpu"

    def setup_environment(self) -> None:
        # skips the parent's CUDA check; DDP's version does the rest and calls setup_distributed
        super(DeepSpeedStrategy, self).setup_environment()

    def setup_distributed(self) -> None:
        if not self.on_cpu:
            super().setup_distributed()
            return
        # CPU devices have no index, so the parent's check of index against local rank cannot hold
        import deepspeed  # noqa: PLC0415  costs seconds, and only sharded runs need it

        # else DeepSpeed compiles an all-reduce for inference on the user's machine, which serves nothing here
        deepspeed.ops.__compatible_ops__ = {}
        with isolate_rng():
            self.set_world_ranks()
            self._init_deepspeed_distributed()

    def backward(self, closure_loss: torch.Tensor, optimizer: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        # Lightning has divided the loss by the accumulation already; DeepSpeed would once more, and clip at the wrong norm
        return super().backward(closure_loss, optimizer, *args, scale_wrt_gas=False, **kwargs)

    @property
    def root_device(self) -> torch.device:
        # DeepSpeed takes the device index for its rank on the node
        return torch.device("cpu", self.local_rank) if self.on_cpu else super().root_device


def gathered(parameters: list[Any]) -> Any:
    """A context in which ZeRO-3's sharded parameters are whole on every rank; a no-op for all others."""
    import deepspeed  # noqa: PLC0415  costs seconds, and only sharded runs need it

    return deepspeed.zero.GatheredParameters(parameters)


__all__ = ["DDPStrategy", "ZeroStrategy", "gathered"]
