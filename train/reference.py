"""The reference's log-probabilities, computed once, before the first step, from the policy itself.

Whatever the adapter is, the reference is what the policy was at step 0, so the loss at step 0 is ln 2 (sigmoid).
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from data_prep.records import json_line, read_json_lines
from models.collation import Collate
from models.logps import completion_logps
from models.tokens import TokenRow
from train.config import TrainerConfig
from train.trainer import autocast, uses_gpu

PAIRS_AT_ONCE = 8


def reference_logps(
    model: Any, pairs: list[tuple[TokenRow, TokenRow]], batch_rows: Collate, config: TrainerConfig, cache: Path | None
) -> list[tuple[float, float]]:
    """(chosen, rejected) summed log-probability of every pair, under the training arithmetic.

    Rows are keyed by their tokens and appended to `cache`, so a pass that was cut off goes on where it stopped. The cache lives
    and dies with the stage's working folder, which belongs to one starting policy.
    """
    known = _cached(cache) if cache and cache.is_file() else {}
    rows = {key(row): row for pair in pairs for row in pair}
    todo = sorted((k for k in rows if k not in known), key=lambda k: (len(rows[k].input_ids), k))
    device = torch.device("cuda" if uses_gpu(config) else "cpu")
    model.to(device).eval()
    with tqdm(total=len(todo), desc="reference", unit="row", disable=not sys.stderr.isatty(), leave=False) as bar:
        for start in range(0, len(todo), 2 * PAIRS_AT_ONCE):
            chosen = todo[start : start + 2 * PAIRS_AT_ONCE]
            with torch.no_grad(), autocast(config):
                logps = completion_logps(model, batch_rows([rows[k] for k in chosen]).to(device)).tolist()
            known |= dict(zip(chosen, logps, strict=True))
            if cache:
                with cache.open("a", encoding="utf-8") as file:
                    file.writelines(json_line({"key": k, "logp": logp}) for k, logp in zip(chosen, logps, strict=True))
            bar.update(len(chosen))
    return [(known[key(a)], known[key(b)]) for a, b in pairs]


def _cached(cache: Path) -> dict[str, float]:
    """What an earlier pass computed; a last line that a kill tore is cut off."""
    text = cache.read_text(encoding="utf-8")
    if not text.endswith("\n"):
        cache.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")
    return {row["key"]: row["logp"] for _, row in read_json_lines(cache)}


def key(row: TokenRow) -> str:
    """What a row's log-probability depends on, beside the policy."""
    return hashlib.sha256(repr((row.input_ids, row.completion_mask)).encode()).hexdigest()[:24]
