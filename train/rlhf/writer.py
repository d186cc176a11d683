"""Who draws the completions of the policy that is being trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch

from models.adapters.wrapping import unwrapped
from models.config import GenerationConfig
from models.engines.generate import Generated, generate, generation_dtype
from records.rows import Message


class Writer(Protocol):
    synced: bool
    """Whether ranks must ask equally often."""

    def follow(self, trained: Any) -> None:
        """From now on it answers as `trained` does at this moment."""

    def complete(self, prompts: Sequence[list[Message]], seeds: Sequence[int]) -> list[Generated]:
        """One completion a prompt, drawn by its seed alone."""


class PolicyCopy:
    """A merged copy of the policy in the type of generation, into which the trained weights are
    written after each update.

    `load` gives the starting policy, ready to generate; it is called once, when the copy is first
    needed.
    """

    synced = False

    def __init__(
        self, load: Callable[[], Any], tokenizer: Any, generation: GenerationConfig
    ) -> None:
        self.load, self.tokenizer, self.generation = load, tokenizer, generation
        self._copy: Any = None

    def follow(self, trained: Any) -> None:
        """Take over the weights of the policy that is trained."""
        self._copy = self._copy if self._copy is not None else self.load()
        hand_over(trained, self._copy)

    def complete(self, prompts: Sequence[list[Message]], seeds: Sequence[int]) -> list[Generated]:
        """A completion of each prompt, each by its own seed."""
        return generate(
            self._copy,
            self.tokenizer,
            list(prompts),
            self.generation,
            seeds=list(seeds),
            label="rollout",
        )


class ShardedPolicy:
    """The policy in training itself, for weights that are spread over ranks (ZeRO-3): none could
    hold a copy.
    """

    synced = True

    def __init__(self, tokenizer: Any, generation: GenerationConfig) -> None:
        self.tokenizer, self.generation = tokenizer, generation
        self._policy: Any = None

    def follow(self, trained: Any) -> None:
        """Write with the policy itself: no rank could hold a copy."""
        self._policy = trained

    def complete(self, prompts: Sequence[list[Message]], seeds: Sequence[int]) -> list[Generated]:
        """A completion of each prompt, each by its own seed."""
        dtype = generation_dtype(self.generation)
        # The stored weights are the training's and must stay as they are, so autocast converts.
        with torch.autocast(self._policy.device.type, dtype, enabled=dtype != torch.float32):
            return generate(
                self._policy,
                self.tokenizer,
                list(prompts),
                self.generation,
                seeds=list(seeds),
                label="rollout",
                synced_ranks=True,
            )


@torch.no_grad()
def hand_over(trained: Any, copy: Any) -> None:
    """Write the weights of a policy in training, low-rank updates merged, into a plain copy of
    it.
    """
    plain = unwrapped(trained)
    target = dict(copy.named_parameters())
    adapted = {}
    for name, module in plain.named_modules():
        if hasattr(module, "base_layer"):
            adapted[name] = module
    for name, module in adapted.items():
        update = module.get_delta_weight(module.active_adapters[0])
        # Added in the training's type and rounded once: small updates to bfloat16 weights would be
        # lost.
        target[f"{name}.weight"].copy_(module.base_layer.weight + update)
    for name, parameter in plain.named_parameters():
        # After full training; an adapter's own matrices have no place in the copy.
        if parameter.requires_grad and name in target:
            target[name].copy_(parameter)
