"""What a stage writes to the disk, from the model's config: checked before it starts."""

from __future__ import annotations

from models.adapters.registry import adapter_of
from models.config import AdapterConfig
from models.loading.footprint import GB, Shape, checkpoint_bytes, shape_of
from models.loading.load import DTYPES
from pipeline.run.config import RunConfig
from records.errors import ModelError, first_line

SMALL = 0.05 * GB
"""Rows, metrics, tokenizer and logs of one stage."""
CHECKPOINTS = 3
"""At once: the newest, the one before, and one that is being written."""


def policy_gigabytes(config: RunConfig) -> float:
    """Of a stage that trains a policy: what it leaves, and what it keeps while it trains."""
    return trained_gigabytes(config, max(config.sft.epochs, config.dpo.epochs))


def trained_gigabytes(config: RunConfig, epochs: int) -> float:
    """The same for a training of so many epochs."""
    shape = _shape(config, config.model.adapter)
    return (
        exported_bytes(config, shape)
        + adapter_bytes(config, shape)
        + work_bytes(shape, epochs)
        + SMALL
    ) / GB


def reward_gigabytes(config: RunConfig) -> float:
    """Of the reward model: the layers that it keeps, merged, and its checkpoints."""
    shape = _shape(config, config.reward.adapter)
    # Layers that are cut off are not stored; the embedding is, whatever their number.
    share = (
        1.0
        if config.reward.layers is None
        else min(1.0, config.reward.layers / max(1, shape.layers))
    )
    embedding = shape.vocabulary * shape.hidden
    kept = embedding + share * max(0, shape.parameters - embedding)
    return (
        kept * DTYPES[config.model.base.dtype].itemsize
        + work_bytes(shape, config.reward.epochs)
        + SMALL
    ) / GB


def exported_bytes(config: RunConfig, shape: Shape) -> float:
    """A policy directory, in the type that it is stored in."""
    stored = (
        config.model.base.dtype
        if config.model.export_dtype == "auto"
        else config.model.export_dtype
    )
    return float(shape.parameters * DTYPES[stored].itemsize)


def adapter_bytes(config: RunConfig, shape: Shape) -> float:
    """The adapter beside a merged policy; a policy that was trained whole has none."""
    return adapter_of(config.model.adapter).bytes(shape.trained)


def work_bytes(shape: Shape, epochs: int) -> float:
    """Checkpoints, and the trained tensors of every epoch until one is chosen."""
    # Trained tensors of an epoch are kept in float32; epoch 0 is the start.
    return CHECKPOINTS * checkpoint_bytes(shape) + (epochs + 1) * 4.0 * shape.trained


def _shape(config: RunConfig, adapter: AdapterConfig) -> Shape:
    try:
        return shape_of(config.model.base, adapter)
    except Exception as error:  # transformers and remote code raise anything
        raise ModelError(
            f"model.base.path={config.model.base.path}: its architecture cannot be built "
            f"({first_line(error)}), wanted a causal language model that transformers knows; name "
            "another, or set model.base.trust_remote_code=true if it brings its own code"
        ) from error
