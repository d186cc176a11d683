"""Decoding steps as CUDA graphs: the hundreds of kernels of a step are launched together.

One token for every slot is little work for a GPU; issued by Python one by one, its kernels wait for
each other's launch and not for the card. A recorded step repeats the same kernels on the same
addresses, so what is recorded may read and write tensors of fixed place and shape alone, and no
value of them may steer Python. That is looked for before a step is recorded, and tested without a
GPU by a recorder that repeats operators in the same way (tests/support/operator_tape.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from models.engines.say import say_once

WIDTH = 128
"""Places are rounded up to a multiple of this. A recording costs some four steps and serves as many
tokens; places without a token are hidden, and reading them costs little beside the weights."""
WARM_UP = 2
"""Steps before a recording: libraries set themselves up in the first, which may not be recorded."""

Step = Callable[[], Tensor]
Recorder = Callable[[Step], Step]
"""From a step to one that repeats what it did. It may run the step any number of times."""


class CudaRecorder:
    """Recordings share one pool of memory: they never run at once, and the logits of one are read
    before the next.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.pool = device, torch.cuda.graph_pool_handle()

    def __call__(self, step: Step) -> Step:
        with torch.cuda.device(self.device):
            # A recording is made on a stream of its own, and so the warm-up is: workspaces of
            # cuBLAS belong to a stream.
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP):
                    step()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self.pool, stream=stream):
                logits = step()

        def replayed() -> Tensor:
            graph.replay()
            return logits

        return replayed


def recorder_for(device: torch.device) -> Recorder | None:
    """None where steps are not recorded: a CPU launches nothing."""
    return CudaRecorder(device) if device.type == "cuda" else None


class Steps:
    """Runs the steps of one cache, recorded where `recorder` is given.

    A step is handed to `run` with its width, and must be repeatable: run twice, it leaves what it
    left the first time.
    """

    def __init__(self, recorder: Recorder | None, places: int) -> None:
        self.recorder, self.places = recorder, places
        self.recorded: dict[int, Step] = {}

    def run(self, width: int, step: Callable[[int], Tensor]) -> Tensor:
        """What `step` returns for a width that holds all tokens. The tensor is valid until the next
        run.
        """
        if self.recorder is None:
            return step(width)
        width = min(-(-width // WIDTH) * WIDTH, self.places)
        if width not in self.recorded:
            logits, why = self._record(width, step)
            if why:
                say_once(f"decoding steps are launched kernel by kernel, which is slower: {why}")
                self.recorder = None
                return logits
        return self.recorded[width]()

    def _record(self, width: int, step: Callable[[int], Tensor]) -> tuple[Tensor, str | None]:
        """The step's logits, and why it was not recorded."""
        assert self.recorder is not None
        logits, why = _tried(lambda: step(width))
        if not why:
            try:
                self.recorded[width] = self.recorder(lambda: step(width))
            except RuntimeError as error:  # what CUDA refuses within a recording; steps still run
                why = f"CUDA could not record one ({str(error).splitlines()[0]})"
        return logits, why

    def forget(self) -> None:
        """Tensors have moved or changed shape: nothing recorded holds any longer."""
        self.recorded.clear()


def _tried(step: Step) -> tuple[Tensor, str | None]:
    """A step's logits, and why it cannot be recorded."""
    with _HostReads() as reads:
        logits = step()
    if reads.seen:
        names = ", ".join(sorted(reads.seen))
        return logits, f"a step of this model waits for values ({names})"
    return logits, None


class _HostReads(TorchDispatchMode):
    """Operators whose result's value or size the host must know before it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        with self:
            # Inference mode hands on operators that are made of others: those are looked at.
            result = func.decompose(*args, **kwargs)
        if result is not NotImplemented:
            return result
        result = func(*args, **kwargs)
        if _waits(func, args, result):
            self.seen.add(func._schema.name.split("::")[-1])
        return result


def _waits(func: Any, args: Any, result: Any) -> bool:
    if func is torch.ops.aten.index.Tensor:
        # By numbers the size is known; only a mask has to be counted.
        return any(index is not None and index.dtype == torch.bool for index in args[1])
    if func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default):
        given = [tensor for tensor in args if isinstance(tensor, Tensor)]
        return any(tensor.device != result.device for tensor in given)
    tags = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)
    return any(tag in func.tags for tag in tags)
