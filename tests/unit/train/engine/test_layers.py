"""Which layers a training computes with: compiled where that is asked for and possible, else such as keep less."""

from __future__ import annotations

import copy

import pytest
import torch

from models.adapters.lora import adapt
from models.config import AdapterConfig
from models.memory.compiled_layers import decoder_layers
from train.config import TrainerConfig
from train.engine import hardware
from train.engine.hardware import compiles, device_faults
from train.engine.layers import prepare_layers


@pytest.fixture
def adapted(tiny_model):
    """Makes a tiny model with an adapter."""
    return lambda: adapt(copy.deepcopy(tiny_model), AdapterConfig(rank=4), seed=0)


def is_compiled(model) -> bool:
    return any("compiled_layers" in layer.forward.__module__ for layer in decoder_layers(model))


def keeps_less(model) -> bool:
    return "lean_layers" in decoder_layers(model)[0].mlp.forward.__module__


def test_layers_are_compiled_or_keep_less(adapted):
    """Both at once would hide from the compiler what it may compute again."""
    for setting, compiled in (("on", True), ("off", False), ("auto", False)):  # no GPU is used
        model = adapted()
        config = TrainerConfig(compile_layers=setting, accelerator="cpu")
        assert prepare_layers(model, config, packed=True) is None
        assert (is_compiled(model), keeps_less(model)) == (compiled, not compiled)


def test_what_cannot_be_compiled_is_said_and_keeps_less(adapted):
    config = TrainerConfig(compile_layers="on")
    model = adapted()
    assert prepare_layers(model, config, packed=False) == (
        "layers are not compiled: its rows are padded"
    )
    assert not is_compiled(model)
    assert keeps_less(model)


def test_auto_compiles_on_a_gpu_whose_weights_are_not_gathered(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert compiles(TrainerConfig())
    assert not compiles(TrainerConfig(compile_layers="off"))
    assert not compiles(TrainerConfig(strategy="deepspeed", zero_stage=3))
    assert compiles(TrainerConfig(strategy="deepspeed", zero_stage=2))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not compiles(TrainerConfig())


def test_zero_3_cannot_be_told_to_compile():
    with pytest.raises(
        ValueError, match=r"compile_layers=on does not go with trainer.zero_stage=3"
    ):
        TrainerConfig(compile_layers="on", strategy="deepspeed", zero_stage=3)


def test_a_missing_compiler_is_a_fault_before_anything_is_trained(monkeypatch):
    monkeypatch.setattr(hardware.shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    config = TrainerConfig(compile_layers="on", accelerator="cpu")
    (fault,) = device_faults(config)
    assert "looked for g++ and clang++" in fault
    assert device_faults(TrainerConfig(accelerator="cpu")) == []
    monkeypatch.setenv("CXX", "icpx")
    assert "looked for icpx" in device_faults(config)[0]
