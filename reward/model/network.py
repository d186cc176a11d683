"""The harmfulness network: the first layers of a language model, and a linear head that reads
(prompt, completion).

The head sees two means, the prompt's states and the completion's: whether a request is harmful and
what the completion does with it are spread over their tokens, and a few hundred examples do not
teach a model to carry both to its last token (docs/reward_model.md).

B = rows, T = tokens, H = hidden size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModel

from models.adapters.wrapping import adapt, merge, unwrapped
from models.config import AdapterConfig, ModelConfig
from models.layout.logps import Rows
from models.layout.packed_attention import packed_inputs
from models.layout.packing import Packed
from models.loading.broken_files import explained
from models.loading.copies import plain_copy
from models.loading.load import architecture_of, clear_quantisation, load_model, load_model_as
from records.errors import ModelError
from reward.model.objectives import START, Objective, spread_of, thresholds_of

HEAD = "harmfulness_head.safetensors"


class HarmfulnessNetwork(nn.Module):
    """Gives (B,) logits of "harmful".

    `backbone` is a decoder without its language-model head, with LoRA layers or not.

    An ordinal network also trains the four thresholds between its five levels; for the other
    objectives the logit's zero stands.
    """

    def __init__(self, backbone: Any, objective: Objective = "binary") -> None:
        super().__init__()
        self.objective = objective
        self.backbone = backbone
        self.score = nn.Linear(2 * unwrapped(backbone).config.get_text_config().hidden_size, 1)
        # A head of zeros calls everything one half: what it learns first is the data's and not the
        # draw's.
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)
        if objective == "ordinal":
            self.spread = nn.Parameter(spread_of(torch.tensor(START)))

    @property
    def thresholds(self) -> Tensor:
        """(4,) of an ordinal network, else (1,) zero."""
        return thresholds_of(self.spread) if self.objective == "ordinal" else torch.zeros(1)

    @property
    def device(self) -> torch.device:
        """Where the head computes."""
        return self.score.weight.device

    def features(self, batch: Rows) -> Tensor:
        """(B, 2 H) float32: the mean state over the prompt's tokens, then over the completion's."""
        plain = unwrapped(self.backbone)
        if isinstance(batch, Packed):
            inputs, places, rows, in_completion = (
                packed_inputs(batch, plain),
                batch.places,
                batch.rows,
                batch.in_completion,
            )
        else:
            inputs = {
                "input_ids": batch.input_ids,
                "attention_mask": batch.attention_mask,
                "use_cache": False,
            }
            rows, columns = batch.attention_mask.nonzero(as_tuple=True)
            places, in_completion = (
                rows * batch.input_ids.shape[1] + columns,
                batch.completion_mask[rows, columns],
            )
        # In float32: a mean over a thousand tokens in bfloat16 keeps two digits.
        states = plain(**inputs).last_hidden_state.flatten(0, 1).index_select(0, places).float()
        # (tokens,): 2 r for the prompt of row r, 2 r + 1 for its completion.
        sides = 2 * rows + in_completion
        sums = torch.zeros(2 * batch.num_rows, states.shape[1], device=states.device).index_add(
            0, sides, states
        )
        # bincount waits for a GPU.
        counts = torch.zeros(2 * batch.num_rows, device=states.device).index_add(
            0, sides, states.new_ones(len(sides))
        )
        # (2 B, H) to (B, 2 H): the two means of a row side by side.
        return (sums / counts[:, None]).view(batch.num_rows, -1)

    def forward(self, batch: Rows) -> Tensor:
        """(B,) logits of harm."""
        features = self.features(batch)
        # One product: the head's float32 costs nothing.
        with torch.autocast(features.device.type, enabled=False):
            return self.score(features)[:, 0]


def new_network(
    config: ModelConfig,
    adapter: AdapterConfig,
    *,
    layers: int | None,
    seed: int,
    objective: Objective = "binary",
    known: HarmfulnessNetwork | None = None,
) -> HarmfulnessNetwork:
    """The first `layers` of the language model (None: all), made trainable, and a head that is
    zero.

    The other layers are not read. `known`, a network made so before, spares reading the model
    again: what its adapter keeps is copied from it.
    """
    architecture = None if layers is None else _cut_config(config, layers)
    if known is None:
        backbone = load_model(config, AutoModel, architecture=architecture)
    else:
        backbone = plain_copy(known.backbone, config, AutoModel, architecture=architecture)
    adapted = adapt(backbone, adapter, seed=seed, task_type="FEATURE_EXTRACTION")
    return HarmfulnessNetwork(adapted, objective)


def _cut_config(model: ModelConfig, layers: int) -> Any:
    with explained(model.path):
        whole = architecture_of(model)
    config = whole.get_text_config()
    if layers > config.num_hidden_layers:
        raise ModelError(
            f"reward.layers is {layers}, but the model has {config.num_hidden_layers}; set it to "
            f"at most {config.num_hidden_layers}, or null for all"
        )
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        # One entry a layer, which transformers checks.
        config.layer_types = config.layer_types[:layers]
    return whole


def save_network(network: HarmfulnessNetwork, folder: Path) -> None:
    """A plain Hugging Face decoder, adapters merged, and the head beside it.

    Consumes the network.
    """
    backbone = merge(network.backbone)
    clear_quantisation(backbone)
    backbone.save_pretrained(folder)
    save_file(
        {"weight": network.score.weight.detach().cpu(), "bias": network.score.bias.detach().cpu()},
        folder / HEAD,
    )


def load_network(folder: Path, dtype: torch.dtype = torch.float32) -> HarmfulnessNetwork:
    """The backbone in `dtype`; the head stays in float32.

    Its thresholds are in its Link, which needs no network.
    """
    network = HarmfulnessNetwork(load_model_as(dtype, ModelConfig(path=str(folder)), AutoModel))
    network.score.load_state_dict(load_file(folder / HEAD))
    return network.eval()
