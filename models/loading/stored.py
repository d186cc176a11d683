"""In which type a model's weights are stored, and what a copy of them is stored in."""

from __future__ import annotations

from collections import Counter
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers.utils import cached_file

from models.config import ExportDtype, ModelConfig
from models.loading.load import DTYPES, architecture_of, model_location

_STORED = {"F32": torch.float32, "F64": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
"""Names in a safetensors header; types that are not here (quantised ones) say nothing about the
whole."""


def export_dtype(wanted: ExportDtype, base: ModelConfig, trained: torch.dtype) -> torch.dtype:
    """What a policy is stored in: as `wanted` says; for `auto` as its base is, but never wider than
    the weights were trained in."""
    if wanted != "auto":
        return DTYPES[wanted]
    stored = stored_dtype(base)
    # Wider files would hold no more than was computed.
    return stored if stored.itemsize <= trained.itemsize else trained


def stored_dtype(config: ModelConfig) -> torch.dtype:
    """The type of most of a model's weights on disk; its config.json says it where the weights are
    not safetensors."""
    sizes: Counter[torch.dtype] = Counter()
    for file in local_folder(config).glob("*.safetensors"):
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118  not a mapping
                part = weights.get_slice(name)
                if part.get_dtype() in _STORED:
                    sizes[_STORED[part.get_dtype()]] += prod(part.get_shape())
    return sizes.most_common(1)[0][0] if sizes else _declared(architecture_of(config))


def local_folder(config: ModelConfig) -> Path:
    """The model's directory, or where the hub's cache holds it."""
    where = Path(model_location(config))
    if where.is_dir():
        return where
    found = cached_file(config.path, "config.json", revision=config.revision)
    assert found, "transformers raises where a model has no config.json"
    return Path(found).parent


def _declared(architecture: Any) -> torch.dtype:
    declared = getattr(architecture, "dtype", None)
    return next((dtype for dtype in DTYPES.values() if dtype == declared), torch.float32)


def store_in(model: Any, dtype: torch.dtype) -> None:
    """Every floating parameter in `dtype`, in place. Buffers stay: rotary frequencies must not be
    rounded."""
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(dtype)
    model.config.dtype = dtype
