"""Log-probabilities of completions, without ever holding logits for prompt tokens.

B = rows, T = tokens of the longest row, N = completion tokens in the batch, H = hidden size, V = vocabulary. Natural logs.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from models.adapter import unwrapped
from models.tokens import TokenRow

CHUNK_TOKENS = 512
_LOGIT_TRANSFORMS = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier", "output_multiplier")


class Batch(NamedTuple):
    input_ids: Tensor  # (B, T), padded on the right
    attention_mask: Tensor  # (B, T)
    completion_mask: Tensor  # (B, T), 1 on completion tokens

    def to(self, device: torch.device) -> Batch:
        return Batch(*(tensor.to(device) for tensor in self))


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


def per_token_logps(model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """Log-probability of every completion token, flat over the batch, and the row each belongs to.

    Returns (N,) log-probs and (N,) row numbers. The head runs on the N positions that predict a completion token only, in
    chunks whose logits are recomputed in the backward pass, so memory does not grow with T times V.
    """
    plain = unwrapped(model)
    predicts = batch.completion_mask[:, 1:].bool()  # position t predicts token t + 1
    targets = batch.input_ids[:, 1:][predicts]
    rows = predicts.nonzero()[:, 0]
    if transforms_logits(plain.config):
        logits = plain(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits[:, :-1][predicts]
        return _select(logits, targets), rows
    hidden = plain.get_decoder()(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).last_hidden_state
    head = plain.get_output_embeddings()
    states = hidden[:, :-1][predicts]  # (N, H)
    parts = [
        checkpoint(_head_logps, head, states[i : i + CHUNK_TOKENS], targets[i : i + CHUNK_TOKENS], use_reentrant=False)
        for i in range(0, _num_chunks(head, targets) * CHUNK_TOKENS, CHUNK_TOKENS)
    ]
    return torch.cat(parts), rows


def transforms_logits(config: Any) -> bool:
    """Whether the model does more after its head than a matrix product, so that only the model itself gives its logits."""
    text = config.get_text_config()
    return any(getattr(text, name, None) for name in _LOGIT_TRANSFORMS)


def completion_logps(model: Any, batch: Batch) -> Tensor:
    """(B,) log-probability of each row's completion: the sum over its completion tokens."""
    logps, rows = per_token_logps(model, batch)
    return torch.zeros(len(batch.input_ids), dtype=logps.dtype, device=logps.device).index_add(0, rows, logps)


def _num_chunks(head: Any, targets: Tensor) -> int:
    """Calls of the head. ZeRO-3 gathers its weights from all ranks at each call, so every rank makes as many; the last may be empty."""
    count = math.ceil(len(targets) / CHUNK_TOKENS)
    if not hasattr(head.weight, "ds_id"):
        return count
    most = torch.tensor(count, device=targets.device)
    torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
    return int(most)


def _head_logps(head: Any, states: Tensor, targets: Tensor) -> Tensor:
    return _select(head(states), targets)


def _select(logits: Tensor, targets: Tensor) -> Tensor:
    logits = logits.float()
    return logits.gather(-1, targets[:, None])[:, 0] - logits.logsumexp(-1)
