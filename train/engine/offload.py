"""What DeepSpeed keeps off the GPU while it is not needed."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from train.config import TrainerConfig


class OffloadPlace(TypedDict):
    """Where DeepSpeed keeps what waits."""

    device: str
    nvme_path: NotRequired[str]


class Offload(TypedDict, total=False):
    """DeepSpeed's own words for what waits off the GPU."""

    offload_optimizer: OffloadPlace
    offload_param: OffloadPlace


def offload_of(config: TrainerConfig) -> Offload:
    """As `trainer.offload` says; weights only where they are sharded."""
    if config.offload == "none":
        return {}
    place: OffloadPlace = {"device": config.offload}
    if config.offload == "nvme":
        place["nvme_path"] = config.offload_path
    found: Offload = {"offload_optimizer": place}
    if config.zero_stage == 3:
        found["offload_param"] = place
    return found
