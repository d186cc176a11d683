"""Log-probabilities of completions, without ever holding logits for prompt tokens.

B = rows, T = tokens of the longest row (of the packed row, where rows are packed), N = completion
tokens in the batch, H = hidden size, V = vocabulary. Natural logs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from models.adapters.wrapping import unwrapped
from models.layout.head_logps import head_logps, select_logps
from models.layout.packed_attention import packed_inputs
from models.layout.packing import Packed
from models.tokens import TokenRow

_LOGIT_TRANSFORMS = (
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "lm_head_multiplier",
    "output_multiplier",
)


class Batch(NamedTuple):
    input_ids: Tensor  # (B, T), padded on the right
    attention_mask: Tensor  # (B, T)
    completion_mask: Tensor  # (B, T), 1 on completion tokens

    @property
    def num_rows(self) -> int:
        """B."""
        return len(self.input_ids)

    @property
    def completion_tokens(self) -> Tensor:
        """(B,)"""
        return self.completion_mask.sum(dim=1)

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(*(tensor.to(device) for tensor in self))


Rows = Batch | Packed


def collate(rows: list[TokenRow], pad_token_id: int) -> Batch:
    """Rows as one right-padded batch."""
    width = max(len(row.input_ids) for row in rows)
    ids = torch.full((len(rows), width), pad_token_id, dtype=torch.long)
    attention, completion = torch.zeros_like(ids), torch.zeros_like(ids)
    for i, row in enumerate(rows):
        length = len(row.input_ids)
        ids[i, :length] = torch.tensor(row.input_ids)
        attention[i, :length] = 1
        completion[i, :length] = torch.tensor(row.completion_mask)
    return Batch(ids, attention, completion)


def per_token_logps(model: Any, batch: Rows, *, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """Log-probability of every completion token, flat over the batch, and the row each belongs to.

    Returns (N,) log-probs and (N,) row numbers, row by row. The head runs on the N positions that
    predict a completion token only, and its logits are not kept (models/layout/head_logps.py), so
    memory does not grow with T times V. At another temperature they are of softmax(logits /
    temperature), which completions drawn at it come from.
    """
    plain = unwrapped(model)
    if isinstance(batch, Packed):
        inputs, predictors, targets, rows = (
            packed_inputs(batch, plain),
            batch.predictors,
            batch.targets,
            batch.target_rows,
        )
    else:
        inputs = {
            "input_ids": batch.input_ids,
            "attention_mask": batch.attention_mask,
            "use_cache": False,
        }
        predicts = batch.completion_mask[:, 1:].bool()  # position t predicts token t + 1
        targets = batch.input_ids[:, 1:][predicts]
        rows, columns = predicts.nonzero(as_tuple=True)
        predictors = rows * batch.input_ids.shape[1] + columns
    head = plain.get_output_embeddings()
    # Dividing states divides logits only where the head is one product: a bias or a cap would not
    # be divided. Then the model itself makes all logits.
    if transforms_logits(plain.config) or (
        temperature != 1 and getattr(head, "bias", None) is not None
    ):
        return select_logps(
            plain(**inputs).logits.flatten(0, 1).index_select(0, predictors) / temperature, targets
        ), rows
    # (N, H)
    states = (
        plain.get_decoder()(**inputs).last_hidden_state.flatten(0, 1).index_select(0, predictors)
    )
    # States are divided and not logits: N x H numbers in the place of N x V.
    return head_logps(head, states if temperature == 1 else states / temperature, targets), rows


def completion_logps(model: Any, batch: Rows) -> Tensor:
    """(B,) log-probability of each row's completion: the sum over its completion tokens."""
    logps, rows = per_token_logps(model, batch)
    return torch.zeros(batch.num_rows, dtype=logps.dtype, device=logps.device).index_add(
        0, rows, logps
    )


def transforms_logits(config: Any) -> bool:
    """Whether the model does more after its head than a matrix product, so that only the model
    itself gives its logits.
    """
    text = config.get_text_config()
    return any(getattr(text, name, None) for name in _LOGIT_TRANSFORMS)
