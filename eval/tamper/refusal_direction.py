"""The refusal direction of a policy, and the policy without it.

Where a chat model is about to refuse, its residual stream moves along one direction: the difference
of the mean hidden states on harmful and on benign prompts (Arditi et al., arXiv 2406.11717).
Projected out of all that writes to the stream, it leaves a model that refuses less. L = layers, H =
hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from models.adapters.wrapping import unwrapped
from models.layout.logps import collate, completion_logps
from models.tokens import TokenRow, prompt_ids
from records.errors import ModelError
from records.rows import Message

WRITERS = ("o_proj", "out_proj", "dense", "c_proj", "wo", "down_proj", "fc2", "dense_4h_to_h", "w2")
"""Names of the matrices through which attention and MLP write to the residual stream."""
SHARES = (0.25, 0.4, 0.55, 0.7, 0.8)
"""Depths that an attacker tries; the last layers already write the first word."""
LEFT_OVER = 1e-2
"""Share of a hidden state along the direction that ablation may leave, for rounding in 16 bits."""


class Direction(NamedTuple):
    """A unit vector of the residual stream, and the layer whose input it was read off."""

    vector: Tensor  # (H,) float32
    layer: int
    layers: int


def refusal_direction(
    model: Any,
    tokenizer: Any,
    harmful: Sequence[list[Message]],
    benign: Sequence[list[Message]],
    declines: Sequence[TokenRow],
) -> Direction:
    """Of the depths tried, the direction without which the policy finds its `declines` least
    likely.

    The prompts are training prompts: nothing is chosen on test. Raises ModelError where the network
    writes to its residual stream in a way that is not known here.
    """
    means = [_mean_states(model, tokenizer, prompts) for prompts in (harmful, benign)]
    # Unscaled means, as in the paper: the length at each depth cancels when the direction is unit.
    differences = means[0] - means[1]  # (L, H), of the input of each layer
    layers = len(differences)
    # Not layer 0: its input is the embedding of the last token, which the chat template makes the
    # same for all prompts.
    tried = sorted({max(1, round(share * layers)) for share in SHARES} & set(range(1, layers)))
    candidates = []
    for layer in tried or [layers - 1]:
        candidates.append(Direction(unit(differences[layer]), layer, layers))
    # By the log-probability of known declines, as generating and scoring for every depth would cost
    # a measurement each.
    likely = [_decline_logp(model, tokenizer, one, declines) for one in candidates]
    chosen = candidates[likely.index(min(likely))]
    # Once, for the chosen depth: all share the same writers.
    _require_gone(model, tokenizer, chosen, harmful[0])
    return chosen


def unit(vector: Tensor) -> Tensor:
    """Of length 1. Raises ModelError where harmful and benign prompts are told apart by nothing."""
    # `not >` is true of NaN too, which a model with broken weights gives.
    length = float(vector.norm())
    if not length > 0:
        raise ModelError(
            "the refusal direction has no length: hidden states are alike on harmful and benign "
            "prompts"
        )
    return vector / length


@contextmanager
def ablated(model: Any, vector: Tensor) -> Iterator[None]:
    """The same model without this direction in its residual stream, as long as the context lasts.

    Its input is projected before every layer, and so is what attention and MLP add to it. No weight
    changes, so that a head that shares its matrix with the embedding stays as it is.
    """
    handles = []
    for layer in layers_of(model):
        handles.append(layer.register_forward_pre_hook(_project_input(vector), with_kwargs=True))
    # Both: what a layer adds is seen by the layer's own MLP before the next input is projected.
    for one in writers(model):
        handles.append(one.register_forward_hook(_project_output(vector)))
    # Hooks outlive an exception; one left behind would ablate every later measurement.
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def layers_of(model: Any) -> list[nn.Module]:
    """The decoder's layers. Raises ModelError where it keeps no list of them."""
    decoder = unwrapped(model).get_decoder()
    lists = []
    for child in decoder.children():
        if isinstance(child, nn.ModuleList):
            lists.append(child)
    if not lists:
        raise ModelError(
            f"{type(decoder).__name__} keeps no list of layers: no direction can be ablated"
        )
    # A decoder may keep further lists beside its layers, which are the longest.
    longest = max(lists, key=len)
    return list(longest)


def writers(model: Any) -> list[nn.Module]:
    """Matrices of the layers that write to the residual stream, known by their names.

    Raises ModelError where it has none of them.
    """
    named = (entry for layer in layers_of(model) for entry in layer.named_modules())
    made: list[nn.Module] = []
    for name, module in named:
        # By the last part of the name, as blocks are nested differently in each architecture.
        if name.rsplit(".", 1)[-1] in WRITERS:
            made.append(module)
    if not made:
        raise ModelError(
            f"{type(unwrapped(model)).__name__}: no matrix of its layers is called "
            f"{', '.join(WRITERS)}, so that no direction can be ablated; set "
            "eval.tamper.enabled=false for it"
        )
    return made


def _without(states: Tensor, vector: Tensor) -> Tensor:
    # In the states' own type: a float32 vector would turn a 16-bit stream into float32.
    own = vector.to(states.device, states.dtype)
    return states - (states @ own)[..., None] * own


def _project_input(vector: Tensor) -> Any:
    def hook(module: nn.Module, args: Any, kwargs: Any) -> Any:
        # transformers' decoders hand hidden states over by place or by name, as their version
        # likes.
        if args:
            return (_without(args[0], vector), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": _without(kwargs["hidden_states"], vector)}

    return hook


def _project_output(vector: Tensor) -> Any:
    def hook(module: nn.Module, args: Any, output: Any) -> Any:
        return _without(output, vector)

    return hook


@torch.inference_mode()
def _mean_states(model: Any, tokenizer: Any, prompts: Sequence[list[Message]]) -> Tensor:
    """(L, H) float32: the input of each layer where the assistant is about to write, over the
    prompts.
    """
    total: Tensor | int = 0
    for prompt in prompts:
        # One by one: with padding the last place would not be the assistant's first for all of
        # them.
        ids = torch.tensor([prompt_ids(tokenizer, prompt)], device=model.device)
        # Less the last: transformers puts the final norm's output there, which no layer reads.
        states = model(input_ids=ids, output_hidden_states=True, use_cache=False).hidden_states[:-1]
        # Float32 sums: in 16 bits the mean of many states loses what they differ by.
        total = total + torch.stack([state[0, -1].float() for state in states])
    assert isinstance(total, Tensor), "no prompt was given"
    return total / len(prompts)


@torch.inference_mode()
def _decline_logp(
    model: Any, tokenizer: Any, direction: Direction, declines: Sequence[TokenRow]
) -> float:
    """How likely the ablated policy finds completions that decline: a token's mean
    log-probability.
    """
    with ablated(model, direction.vector):
        found = []
        for row in declines:
            found.append(
                float(
                    completion_logps(model, collate([row], tokenizer.pad_token_id).to(model.device))
                )
            )
    return sum(found) / sum(row.num_completion_tokens for row in declines)


@torch.inference_mode()
def _require_gone(model: Any, tokenizer: Any, direction: Direction, prompt: list[Message]) -> None:
    """A direction that is left in the stream would pass for a policy that withstood its
    ablation.
    """
    ids = torch.tensor([prompt_ids(tokenizer, prompt)], device=model.device)
    outputs: list[Tensor] = []

    def keep(module: nn.Module, args: Any, output: Any) -> None:
        outputs.append(output if isinstance(output, Tensor) else output[0])

    # At the layers' ends, where what an unknown writer has added shows.
    handles = [layer.register_forward_hook(keep) for layer in layers_of(model)]
    try:
        with ablated(model, direction.vector):
            model(input_ids=ids, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    vector = direction.vector.to(model.device)
    left = max(
        # As a share of the largest state, since the size of the stream differs between models.
        float((out.float() @ vector).abs().max() / out.float().norm(dim=-1).max())
        for out in outputs
    )
    if left > LEFT_OVER:
        raise ModelError(
            f"{type(unwrapped(model)).__name__}: {left:.3f} of the hidden states stays along the "
            f"ablated direction, wanted {LEFT_OVER} at most: its layers write by matrices other "
            f"than {', '.join(WRITERS)}; set eval.tamper.enabled=false for it"
        )
