"""Whether model, tokenizer and adapter go together, from the model's config alone: no weight is
read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from models.config import AdapterConfig, ModelConfig
from models.loading.load import skeleton
from pipeline.run.config import RunConfig
from records.errors import first_line

SHOWN = 4
"""Tokens that a message names."""
_PLACEHOLDER = re.compile(r"image|audio|video|vision", re.I)


def fit_faults(config: RunConfig, tokenizer: Any | None) -> tuple[Any | None, list[str]]:
    """(the model without weights, or None where its architecture cannot be built; what does not go
    together).
    """
    base = config.model.base
    try:
        network = skeleton(base)
    except Exception as error:  # transformers and a model's own code raise anything
        return None, [
            f"model.base.path={base.path}: its architecture cannot be built ({first_line(error)}); "
            "wanted a causal language model"
        ]
    # Models that also see keep their language part's settings one level down.
    text = network.config.get_text_config()
    faults = [] if tokenizer is None else vocabulary_faults(network, tokenizer, base)
    faults += adapter_faults(network, config.model.adapter, "model.adapter")
    faults += adapter_faults(network, config.reward.adapter, "reward.adapter", head=False)
    # transformers recomputes layers of this class alone; without one the setting would do nothing
    # or raise in training.
    if config.trainer.gradient_checkpointing and not any(
        isinstance(module, GradientCheckpointingLayer) for module in network.modules()
    ):
        faults.append(
            f"trainer.gradient_checkpointing: {type(network).__name__} has no layers that can be "
            "computed again; set it to false"
        )
    if config.reward.layers is not None and config.reward.layers > text.num_hidden_layers:
        faults.append(
            f"reward.layers={config.reward.layers}: the model has {text.num_hidden_layers}; lower "
            "it to that, or set null for all of them"
        )
    return network, faults


def vocabulary_faults(network: Any, tokenizer: Any, base: ModelConfig) -> list[str]:
    """Token ids that the embedding matrix has no row for: an IndexError as soon as a row or a
    padded batch holds one.
    """
    rows = network.get_input_embeddings().weight.shape[0]
    named = {
        "padding": (tokenizer.pad_token, tokenizer.pad_token_id),
        "end": (tokenizer.eos_token, tokenizer.eos_token_id),
        "beginning": (tokenizer.bos_token, tokenizer.bos_token_id),
    }
    where = f"model.base.path={base.path}"
    faults = []
    for what, (token, number) in named.items():
        # A tokenizer may have ids below the matrix' rows left over (padding to a multiple of 64),
        # never above.
        if number is not None and number >= rows:
            faults.append(
                f"{where}: its tokenizer's {what} token {token!r} has id {number}, and the model "
                f"knows ids below {rows}; set it to a token that the model knows in "
                "tokenizer_config.json, or give the model a row for it (resize_token_embeddings)"
            )
    said = set()
    for token, number in named.values():
        if number is not None and number >= rows:
            said.add(token)
    # The text model of a family that also sees or hears keeps the placeholders of pictures and
    # sounds in its tokenizer.
    beyond = sorted(
        (number, token)
        for token, number in tokenizer.get_vocab().items()
        if number >= rows and token not in said and not _PLACEHOLDER.search(token)
    )
    if beyond:
        shown = ", ".join(f"{token!r} ({number})" for number, token in beyond[:SHOWN])
        faults.append(
            f"{where}: {len(beyond)} token(s) of its tokenizer, {shown}, have ids from {rows} on, "
            "for which the model has no row; remove them from the tokenizer's files, or resize the "
            "model (resize_token_embeddings) and train what is new"
        )
    return faults


def adapter_faults(
    network: Any, adapter: AdapterConfig, setting: str, *, head: bool = True
) -> list[str]:
    """LoRA's target modules that the model has not, or whose weights the head and the embeddings
    share; `head` where the model keeps one.
    """
    if adapter.kind != "lora" or adapter.target_modules == "all-linear":
        return []
    names = [name.strip() for name in adapter.target_modules.split(",")]
    output, embeddings = network.get_output_embeddings(), network.get_input_embeddings()
    faults = []
    for name in names:
        # The reward model has no output head, so what is found there alone is missing.
        found = _matching(network, name, without=None if head else output)
        where = f"{setting}.target_modules: {name!r}"
        if not found:
            faults.append(
                f"{where}: the model has no such layers; it has "
                f"{', '.join(_linear_names(network))}; or write all-linear"
            )
        # An update of one of two tied matrices changes both when it is merged.
        elif head and _tied(network) and any(module in (output, embeddings) for module in found):
            faults.append(
                f"{where} is the head or the embeddings, which are one matrix in this model "
                "(tie_word_embeddings): an update of the one would be merged into the other, and "
                "the exported policy would be another than the trained one; leave it out "
                f"(all-linear does), or train all weights with {setting}.kind=full"
            )
    return faults


def position_faults(config: RunConfig, network: Any, longest: dict[str, int]) -> list[str]:
    """What is trained or generated beyond the positions that the model knows; `longest` has tokens
    by what takes them.
    """
    text = network.config.get_text_config()
    positions = getattr(text, "max_position_embeddings", 0) or 0
    # Models without learned or scaled positions state none.
    if not positions:
        return []
    base = config.model.base.path
    remedies = {"model.max_length": f"lower it to {positions} or less"}
    otherwise = (
        "lower max_new_tokens, leave out the longest prompts, or take a model with a longer context"
    )
    faults = []
    for what, tokens in longest.items():
        if tokens > positions:
            remedy = remedies.get(what.split("=")[0], otherwise)
            faults.append(
                f"{what}: up to {tokens} tokens, and {base} knows positions up to {positions}; "
                f"{remedy}"
            )
    return faults


def _tied(network: Any) -> bool:
    """Whether head and embeddings are one matrix, as the config says or as the model is built."""
    output, embeddings = network.get_output_embeddings(), network.get_input_embeddings()
    said = (
        network.config.tie_word_embeddings or network.config.get_text_config().tie_word_embeddings
    )
    # Some checkpoints tie their weights without saying so; then the tensor itself tells.
    return bool(said) or getattr(output, "weight", None) is embeddings.weight


def _matching(network: nn.Module, name: str, without: nn.Module | None) -> list[nn.Module]:
    """As peft finds them: by the whole name or its end."""
    made: list[nn.Module] = []
    for path, module in network.named_modules():
        if (path == name or path.endswith(f".{name}")) and (
            without is None or module is not without
        ):
            made.append(module)
    return made


def _linear_names(network: nn.Module) -> Sequence[str]:
    head = network.get_output_embeddings()  # type: ignore[operator]
    return sorted(
        {
            path.rsplit(".", 1)[-1]
            for path, module in network.named_modules()
            if type(module).__name__ in ("Linear", "Conv1D") and module is not head
        }
    )
