"""A recorder of decoding steps for a CPU, which repeats operators as a CUDA graph does: the same
ones, on the same tensors at the same addresses, without the Python between them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Operator(NamedTuple):
    func: Any
    args: Any
    kwargs: dict[str, Any]
    results: list[Tensor]

    def repeat(self) -> None:
        """Its results are written where the first run left them, as a graph's are."""
        made = tensors(self.func(*self.args, **self.kwargs))
        for old, new in zip(self.results, made, strict=True):
            if old.data_ptr() != new.data_ptr():
                old.copy_(new)


def tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's, without types
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operators: list[Operator] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        results = func(*args, **(kwargs or {}))
        self.operators.append(Operator(func, args, kwargs or {}, tensors(results)))
        return results


class TapeRecorder:
    """`made` counts recordings, `replays` how often any was repeated."""

    def __init__(self) -> None:
        self.made = self.replays = 0

    def __call__(self, step: Callable[[], Tensor]) -> Callable[[], Tensor]:
        self.made += 1
        with Tape() as tape:
            logits = step()

        def replayed() -> Tensor:
            self.replays += 1
            with torch.inference_mode():
                for operator in tape.operators:
                    operator.repeat()
            return logits

        return replayed
