"""Checkpoints that any strategy and any number of ranks can go on from: a step's tensors by
parameter name, whole, in as many files as ranks wrote them.

    step-0000120/trainer.pt      Lightning's state: progress, schedulers, metrics' sums, random
    states; the optimiser's settings
                 tensors-0.pt    {parameter: {"weight", "exp_avg", "exp_avg_sq"}} for the parameters
                 that rank 0 wrote
                 tensors-1.pt    ...
                 contents.json   the sha256 of each (train/engine/checkpoint_files.py)

Frozen weights are not in it: the base is where it was. The optimiser is AdamW, as everywhere in
Primum.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import CheckpointIO
from torch import Tensor

from records.hash_beside import write_hash

MOMENTS = ("exp_avg", "exp_avg_sq")
Tensors = dict[str, dict[str, Tensor]]


def write(folder: Path, rank: int, tensors: Tensors, trainer: dict[str, Any] | None) -> None:
    """This rank's part; `trainer` is rank 0's."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in ((f"tensors-{rank}.pt", tensors), ("trainer.pt", trainer)):
        if content is not None:
            torch.save(content, folder / name)
            # Every rank its own: others would have to read it over the network.
            write_hash(folder / name)


def read(folder: Path) -> tuple[dict[str, Any], Tensors]:
    """(Lightning's state, every parameter's tensors), mapped from disk: what is not used is not
    read.
    """
    trainer = torch.load(folder / "trainer.pt", weights_only=True, map_location="cpu")
    tensors: Tensors = {}
    for path in folder.glob("tensors-*.pt"):
        tensors |= torch.load(path, weights_only=True, map_location="cpu", mmap=True)
    return trainer, tensors


class PortableIO(CheckpointIO):
    """For strategies whose rank 0 has everything: Lightning's own dictionary, taken apart and put
    together again.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """The module leaves trained parameters only in `state_dict`, in the order in which the
        optimiser numbers them.
        """
        states = checkpoint["optimizer_states"][0]
        # Empty before the first step: in float16 a loss scaler leaves out the steps whose gradients
        # overflow, often the first ones. What AdamW begins with is zeros.
        moved = states["state"]
        tensors: Tensors = {}
        for number, (name, weight) in enumerate(checkpoint["state_dict"].items()):
            state = moved.get(number) or {moment: torch.zeros_like(weight) for moment in MOMENTS}
            tensors[name] = {"weight": weight, **{moment: state[moment] for moment in MOMENTS}}
        trainer = {}
        for key, value in checkpoint.items():
            if key not in ("state_dict", "optimizer_states"):
                trainer[key] = value
        settings = []
        for group in states["param_groups"]:
            settings.append({key: value for key, value in group.items() if key != "params"})
        write(
            Path(path),
            0,
            tensors,
            {
                **trainer,
                # One step for all: every trained parameter has a gradient at every step.
                "optimizer": {
                    "step": float(moved[0]["step"]) if moved else 0.0,
                    "settings": settings[0],
                },
            },
        )

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """The checkpoint of a directory, for any number of ranks."""
        trainer, tensors = read(Path(path))
        optimizer = trainer.pop("optimizer")
        # ZeRO's ranks each write some of the parameters: their order, by which the optimiser
        # numbers them, is in the list; one writer's dictionary has it already.
        names = list(trainer.pop("parameters", None) or tensors)
        moments = []
        for name in names:
            moments.append({moment: tensors[name][moment] for moment in MOMENTS})
        states = {}
        for number, found in enumerate(moments):
            states[number] = {"step": torch.tensor(optimizer["step"]), **found}
        group = {**optimizer["settings"], "params": list(range(len(names)))}
        trainer["optimizer_states"] = [{"state": states, "param_groups": [group]}]
        trainer["state_dict"] = {name: tensors[name]["weight"] for name in names}
        return trainer

    def remove_checkpoint(self, path: Any) -> None:
        """Not for Lightning to do."""
        raise NotImplementedError("checkpoints are removed by train/engine/checkpoints.py")
