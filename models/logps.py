"""Log-probabilities of completions, without ever holding logits for prompt tokens.

B = rows, T = tokens of the longest row (of the packed row, where rows are packed), N = completion tokens in the batch, H = hidden size,
V = vocabulary. Natural logs.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.adapter import unwrapped
from models.packed_attention import packed_inputs
from models.packing import Packed
from models.tokens import TokenRow

CHUNK_TOKENS = 512
_LOGIT_TRANSFORMS = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier", "output_multiplier")


class Batch(NamedTuple):
    input_ids: Tensor  # (B, T), padded on the right
    attention_mask: Tensor  # (B, T)
    completion_mask: Tensor  # (B, T), 1 on completion tokens

    @property
    def num_rows(self) -> int:
        return len(self.input_ids)

    @property
    def completion_tokens(self) -> Tensor:
        """(B,)"""
        return self.completion_mask.sum(dim=1)

    def to(self, device: torch.device) -> Batch:
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


def per_token_logps(model: Any, batch: Rows) -> tuple[Tensor, Tensor]:
    """Log-probability of every completion token, flat over the batch, and the row each belongs to.

    Returns (N,) log-probs and (N,) row numbers, row by row. The head runs on the N positions that predict a completion token only,
    in chunks whose logits are not kept, so memory does not grow with T times V.
    """
    plain = unwrapped(model)
    if isinstance(batch, Packed):
        inputs, predictors, targets, rows = packed_inputs(batch), batch.predictors, batch.targets, batch.target_rows
    else:
        inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask, "use_cache": False}
        predicts = batch.completion_mask[:, 1:].bool()  # position t predicts token t + 1
        targets = batch.input_ids[:, 1:][predicts]
        rows, columns = predicts.nonzero(as_tuple=True)
        predictors = rows * batch.input_ids.shape[1] + columns
    if transforms_logits(plain.config):
        return _select(plain(**inputs).logits.flatten(0, 1).index_select(0, predictors), targets), rows
    states = plain.get_decoder()(**inputs).last_hidden_state.flatten(0, 1).index_select(0, predictors)  # (N, H)
    return _head_logps(plain.get_output_embeddings(), states, targets), rows


def completion_logps(model: Any, batch: Rows) -> Tensor:
    """(B,) log-probability of each row's completion: the sum over its completion tokens."""
    logps, rows = per_token_logps(model, batch)
    return torch.zeros(batch.num_rows, dtype=logps.dtype, device=logps.device).index_add(0, rows, logps)


def _head_logps(head: Any, states: Tensor, targets: Tensor) -> Tensor:
    """(N,) log-probability of each target under head(state)."""
    if type(head) is nn.Linear and head.bias is None and not head.weight.requires_grad and not hasattr(head.weight, "ds_id"):
        return _FrozenHeadLogps.apply(states, head.weight, targets)
    parts = [
        checkpoint(_logps_of, head, states[i : i + CHUNK_TOKENS], targets[i : i + CHUNK_TOKENS], use_reentrant=False)
        for i in range(0, _num_chunks(head, targets) * CHUNK_TOKENS, CHUNK_TOKENS)
    ]
    return torch.cat(parts)


class _FrozenHeadLogps(torch.autograd.Function):
    """log softmax(W h)[target] a token, with d/dh = W[target] - softmax(W h)^T W made in the forward pass, while the logits are there.

    A token's log-probability depends on its own state only, so any loss needs no more than these rows, scaled.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        kind = states.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
        cast = weight.to(dtype)
        logps = torch.empty(len(states), dtype=torch.float32, device=states.device)
        slopes = torch.empty_like(states) if ctx.needs_input_grad[0] else None
        with torch.autocast(kind, enabled=False):
            for i in range(0, len(states), CHUNK_TOKENS):
                part = slice(i, i + CHUNK_TOKENS)
                logits = (states[part].to(dtype) @ cast.t()).float()
                normaliser = logits.logsumexp(-1)
                logps[part] = logits.gather(-1, targets[part, None])[:, 0] - normaliser
                if slopes is not None:
                    shares = logits.sub_(normaliser[:, None]).exp_().to(dtype)
                    slopes[part] = cast[targets[part]] - shares @ cast
        ctx.save_for_backward(slopes)
        return logps

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        return slopes * gradients[0][:, None].to(slopes.dtype), None, None


def _num_chunks(head: Any, targets: Tensor) -> int:
    """Calls of the head. ZeRO-3 gathers its weights from all ranks at each call, so every rank makes as many; the last may be empty."""
    count = math.ceil(len(targets) / CHUNK_TOKENS)
    if not hasattr(head.weight, "ds_id"):
        return count
    most = torch.tensor(count, device=targets.device)
    torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
    return int(most)


def _logps_of(head: Any, states: Tensor, targets: Tensor) -> Tensor:
    return _select(head(states), targets)


def _select(logits: Tensor, targets: Tensor) -> Tensor:
    logits = logits.float()
    return logits.gather(-1, targets[:, None])[:, 0] - logits.logsumexp(-1)


def transforms_logits(config: Any) -> bool:
    """Whether the model does more after its head than a matrix product, so that only the model itself gives its logits."""
    text = config.get_text_config()
    return any(getattr(text, name, None) for name in _LOGIT_TRANSFORMS)
