"""Memory estimates: counts against real models, shares worked by hand."""

from __future__ import annotations

import pytest

from models.adapter import adapt, trainable_state
from models.config import AdapterConfig, ModelConfig
from models.footprint import Shape, shape_from, shape_of, training_bytes

SHAPE = Shape(parameters=1000, trained=100, layers=2, hidden=10, intermediate=20, queries=10, keys=5, vocabulary=50, positions=64)


@pytest.mark.parametrize(
    "adapter", [AdapterConfig(kind="full"), AdapterConfig(rank=4), AdapterConfig(rank=3, target_modules="q_proj, down_proj")]
)
def test_counts_are_those_of_the_real_model(adapter, tiny_model, tiny_directory):
    parameters = sum(p.numel() for p in tiny_model.parameters())
    adapted = adapt(tiny_model, adapter, seed=0)
    shape = shape_of(ModelConfig(path=str(tiny_directory)), adapter)
    assert shape.parameters == parameters
    assert shape.trained == sum(tensor.numel() for tensor in trainable_state(adapted).values())


def test_a_seven_billion_llama_has_its_known_size():
    from transformers import LlamaConfig

    shape = shape_from(LlamaConfig(), AdapterConfig(rank=16))
    assert shape.parameters == 6_738_415_616  # as Llama 2 7B's model card counts
    assert shape.trained == 16 * 32 * (4 * (4096 + 4096) + 3 * (4096 + 11008))


def parts_of(stage, ranks, shape=SHAPE):
    return training_bytes(shape, weight_bytes=2, matrix_bytes=2, zero_stage=stage, ranks=ranks, tokens=8, checkpointing=False)


@pytest.mark.parametrize(
    ("stage", "weights", "gradients", "optimiser"),
    [(0, 2400, 400, 800), (1, 2400, 400, 300), (2, 2400, 100, 300), (3, 600, 100, 300)],
)
def test_zero_shards_optimiser_then_gradients_then_weights(stage, weights, gradients, optimiser):
    """1000 weights of 2 bytes and 100 trained ones of 4; 4 ranks; 8 bytes of moments and, under ZeRO, a copy of 4."""
    parts = parts_of(stage, 4)
    assert (parts["weights"], parts["gradients"], parts["optimiser"]) == (weights, gradients, optimiser)


def test_activations_by_hand():
    """A layer: 2 (8 + 2 + 2) 10 + 2 (2 10 + 2 5 + 4 20) = 460 bytes a token; 2 layers, 8 tokens."""
    assert parts_of(0, 1)["activations"] == 8 * 2 * 460
    checkpointed = training_bytes(SHAPE, weight_bytes=2, matrix_bytes=2, zero_stage=0, ranks=1, tokens=8, checkpointing=True)
    assert checkpointed["activations"] == 8 * (2 * 10 * 2 + 460)
