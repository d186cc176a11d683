"""The model that a config names, made of the tensors of one in memory: no file is read twice."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from models.adapters.wrapping import unwrapped
from models.config import ModelConfig
from models.loading.load import load_model, skeleton

_WRAPPED = ".base_layer"
"""What peft puts into the name of a layer that it wraps."""


def plain_copy(
    model: Any,
    config: ModelConfig,
    auto_class: Any = AutoModelForCausalLM,
    *,
    architecture: Any = None,
) -> Any:
    """What `load_model` gives of these arguments, from a `model` that it gave before, which may
    have been wrapped, prepared and trained since.

    Weights that an adapter keeps are the base's; others are those of now, so whoever wants an
    earlier state restores it. Code of the model's author may keep tensors where nobody finds them:
    such a model is read again.
    """
    if config.trust_remote_code:
        return load_model(config, auto_class, architecture=architecture)
    source = unwrapped(model)
    plain = skeleton(config, auto_class, architecture=architecture)
    modules = _plain_modules(source)
    copies: dict[int, Tensor] = {}
    for name, module in plain.named_modules():
        _fill(module, modules[name], copies)
    if hasattr(source, "generation_config"):  # a decoder without a head writes nothing
        plain.generation_config = copy.deepcopy(source.generation_config)
    return plain.eval()


def _plain_modules(model: nn.Module) -> dict[str, nn.Module]:
    """By the names that they have without an adapter; of a wrapped layer the base's own."""
    found: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        plain = name.replace(_WRAPPED, "")
        if name.endswith(_WRAPPED) or plain not in found:
            # A wrapper comes before the layer in it and may bear its plain name; the base's own
            # layer wins.
            found[plain] = module
    return found


def _fill(module: nn.Module, twin: nn.Module, copies: dict[int, Tensor]) -> None:
    """Every tensor of a module on the meta device becomes a copy of its twin's; one that several
    modules share stays one.
    """
    for here, there in (
        (module._parameters, twin._parameters),
        (module._buffers, twin._buffers),
        # Plain attributes, too: left on the meta device, a tensor there would have no contents.
        (vars(module), vars(twin)),
    ):
        for name, tensor in here.items():
            if isinstance(tensor, Tensor):
                here[name] = _copied(there[name], copies)


def _copied(tensor: Any, copies: dict[int, Tensor]) -> Any:
    if id(tensor) not in copies:
        plain = tensor.detach().to("cpu", copy=True)
        is_parameter = isinstance(tensor, nn.Parameter)
        # By identity: a head that is tied to the embedding stays one tensor with it.
        copies[id(tensor)] = nn.Parameter(plain, requires_grad=False) if is_parameter else plain
    return copies[id(tensor)]
