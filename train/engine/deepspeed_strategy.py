"""One DeepSpeed strategy for GPUs and for CPU ranks over gloo.

Lightning's own refuses anything but CUDA; three members below are what stands in the way (Lightning
2.6, DeepSpeed 0.19). On GPUs they behave as the parent's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from pytorch_lightning.strategies import DeepSpeedStrategy
from pytorch_lightning.utilities.seed import isolate_rng

from train.engine.offload import Offload
from train.engine.portable import MOMENTS, Tensors, read, write


class ZeroStrategy(DeepSpeedStrategy):
    """Weights stay float32 and `autocast` names the type that matrices are multiplied in, as in
    every other strategy.

    Give the Trainer precision 32-true with it: Lightning's bf16-mixed under DeepSpeed turns weights
    and batches (reference log-probabilities with them) into bfloat16.

    `load` makes the module's model once ranks can talk, under stage 3 straight into shards: no rank
    ever holds all of it.
    """

    def __init__(
        self,
        *,
        stage: int,
        gradient_clip_norm: float,
        autocast: str | None = None,
        offload: Offload,
        timeout: timedelta,
        load: Callable[[], Any] | None = None,
    ) -> None:
        self.load = load
        super().__init__(
            config={
                # it wants a number; micro-batches are cut by tokens, and weighed by us
                "train_micro_batch_size_per_gpu": 1,
                "gradient_clipping": gradient_clip_norm,
                "zero_allow_untested_optimizer": True,
                # torch's AdamW: DeepSpeed's CPU Adam would have to be compiled on the user's
                # machine
                "zero_force_ds_cpu_optimizer": False,
                "zero_optimization": {"stage": stage, **offload},
                **({"torch_autocast": {"enabled": True, "dtype": autocast}} if autocast else {}),
            },
            timeout=timeout,
        )

    @property
    def on_cpu(self) -> bool:
        """Whether ranks compute on CPUs, which Lightning's strategy does not know."""
        return bool(self.parallel_devices) and self.parallel_devices[0].type == "cpu"

    def setup_environment(self) -> None:
        """Read the weights where each rank gets its shard, before anything is wrapped."""
        # skips the parent's CUDA check; DDP's version does the rest and calls setup_distributed
        super(DeepSpeedStrategy, self).setup_environment()
        if self.load:
            from transformers.integrations import HfDeepSpeedConfig  # noqa: PLC0415  costs seconds

            module = self.lightning_module
            # Asked of the skeleton, which has the type of the weights to come.
            half = next(module.model.parameters()).dtype == torch.bfloat16
            # from_pretrained shards what it reads for as long as this object lives, in the type
            # that it names
            sharding = HfDeepSpeedConfig({**self.config, "bf16": {"enabled": half}})
            module.model = self.load()
            del sharding

    def setup_distributed(self) -> None:
        """Start the ranks' talk; the random state is what it was."""
        if not self.on_cpu:
            super().setup_distributed()
            return
        # CPU devices have no index, so the parent's check of index against local rank cannot hold
        import deepspeed  # noqa: PLC0415  costs seconds, and only sharded runs need it

        # else DeepSpeed compiles an all-reduce for inference on the user's machine, which serves
        # nothing here
        deepspeed.ops.__compatible_ops__ = {}
        with isolate_rng():
            self.set_world_ranks()
            self._init_deepspeed_distributed()

    def backward(
        self, closure_loss: torch.Tensor, optimizer: Any, *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Through the engine, which gathers and scatters the weights."""
        # Lightning has divided the loss by the accumulation already; DeepSpeed would once more, and
        # clip at the wrong norm
        return super().backward(closure_loss, optimizer, *args, scale_wrt_gas=False, **kwargs)

    def save_checkpoint(
        self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any | None = None
    ) -> None:
        """Every parameter is put together by all ranks and kept by one of them, in turn: no rank
        ever holds all.
        """
        # Costs seconds.
        from deepspeed.utils import (  # noqa: PLC0415
            safe_get_full_fp32_param,
            safe_get_full_optimizer_state,
        )

        tensors: Tensors = {}
        names = []
        for number, (name, parameter) in enumerate(self._trained()):
            # Collective: every rank must ask for every parameter, also for those that it does not
            # keep.
            weight = safe_get_full_fp32_param(parameter)
            moments = {}
            for moment in MOMENTS:
                moments[moment] = safe_get_full_optimizer_state(parameter, moment)
            names.append(name)
            if number % self.world_size == self.global_rank:
                tensors[name] = {
                    part: tensor.detach().cpu().clone()
                    for part, tensor in {"weight": weight, **moments}.items()
                }
        inner = self.deepspeed_engine.optimizer
        settings = {}
        for key, value in inner.param_groups[0].items():
            if key != "params":
                settings[key] = value
        trainer = {}
        for key, value in checkpoint.items():
            if key not in ("state_dict", "optimizer_states"):
                trainer[key] = value
        trainer |= {
            "optimizer": {"step": float(self._states()[0]["step"]), "settings": settings},
            "parameters": names,
        }
        write(Path(filepath), self.global_rank, tensors, trainer if self.is_global_zero else None)

    def load_checkpoint(
        self, checkpoint_path: Any, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """The checkpoint's facts; tensors go to the ranks that hold them."""
        trainer, tensors = read(Path(checkpoint_path))
        optimizer = trainer.pop("optimizer")
        # Before tensors are put in: until its first step the optimiser has no place for moments.
        self._create_states(optimizer["step"])
        for name, parameter in self._trained():
            found = {}
            for part, tensor in tensors[name].items():
                found[part] = tensor.to(self.root_device.type)
            # What rank 0 writes is broadcast when the context ends; all hold the same checkpoint
            # anyway.
            with gathered([parameter], modifier_rank=0), torch.no_grad():
                parameter.copy_(found["weight"])
            # The engine's float32 copy as well, or the first step would write the old weights over
            # these.
            self._put(parameter, found)
        for group in self.deepspeed_engine.optimizer.param_groups:
            group |= optimizer["settings"]
        return trainer

    def _trained(self) -> list[tuple[str, Any]]:
        assert self.lightning_module is not None
        made: list[tuple[str, Any]] = []
        for name, parameter in self.lightning_module.named_parameters():
            if parameter.requires_grad:
                made.append((name, parameter))
        return made

    def _create_states(self, step: float) -> None:
        """The optimiser makes its state at its first step; here it is needed before.

        A fused AdamW reads the step where its weights are.
        """
        zero = self.deepspeed_engine.optimizer
        for flat in (
            zero.fp32_partitioned_groups_flat
            if self.zero_stage_3
            else zero.single_partition_of_fp32_groups
        ):
            zero.optimizer.state[flat] = {
                "step": torch.tensor(step, device=flat.device),
                **{moment: torch.zeros_like(flat) for moment in MOMENTS},
            }
        if not self.zero_stage_3:
            # Stages 1 and 2 keep links from parameters to their slices of the flat states, which
            # are made here and else at the first step.
            zero._lazy_init_hp_params_optimizer_state()

    def _put(self, parameter: Any, found: dict[str, torch.Tensor]) -> None:
        """This rank's share of a parameter's float32 weight and moments."""
        from deepspeed import utils  # noqa: PLC0415  costs seconds

        if not self.zero_stage_3:
            utils.safe_set_full_fp32_param(parameter, found["weight"])
            for moment in MOMENTS:
                utils.safe_set_full_optimizer_state(parameter, found[moment], moment)
            return
        size = parameter.ds_tensor.ds_numel  # of a share; the last one is padded
        padding = size * self.world_size - parameter.ds_numel
        shares = {}
        for part, tensor in found.items():
            shares[part] = F.pad(tensor.flatten(), (0, padding))[size * self.global_rank :][:size]
        utils.safe_set_local_fp32_param(parameter, shares["weight"])
        for moment in MOMENTS:
            utils.safe_set_local_optimizer_state(parameter, shares[moment], moment)

    def _states(self) -> list[dict[str, Any]]:
        """Of the optimiser that works on this rank's share."""
        return list(self.deepspeed_engine.optimizer.optimizer.state.values())

    @property
    def root_device(self) -> torch.device:
        """The device of this rank."""
        # DeepSpeed takes the device index for its rank on the node
        return torch.device("cpu", self.local_rank) if self.on_cpu else super().root_device


def gathered(parameters: list[Any], modifier_rank: int | None = None) -> Any:
    """A context in which ZeRO-3's sharded parameters are whole on every rank; a no-op for all
    others.
    """
    import deepspeed  # noqa: PLC0415  costs seconds, and only sharded runs need it

    return deepspeed.zero.GatheredParameters(parameters, modifier_rank=modifier_rank)
