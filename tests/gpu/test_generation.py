"""Completions on the device against those on the CPU, greedy and sampled, by the loop that the
stages use.
"""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch

from models.config import GenerationConfig, ModelConfig
from models.engines import slot_decoding, transformers_engine
from models.engines.generate import Generated, generate
from models.engines.sampling import SeededSampling
from models.engines.slot_decoding import why_plain
from models.loading.load import load_model
from records.rows import user

pytestmark = pytest.mark.gpu
PROMPTS = [user(f"Question {number}? " + "Please. " * (number % 5)) for number in range(9)]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_greedy_completions_in_float32_are_the_cpus_and_bfloat16_writes_as_many(
    device: torch.device, start: ModelConfig, tokenizer: Any, dtype: Literal["float32", "bfloat16"]
) -> None:
    config = GenerationConfig(max_new_tokens=20, dtype=dtype, batch_size=4)
    there = load_model(start).to(device)
    assert why_plain(there, 200) is None
    wanted = generate(load_model(start), tokenizer, PROMPTS, config)
    found = generate(there if dtype == "float32" else there.bfloat16(), tokenizer, PROMPTS, config)
    assert len(found) == len(wanted)
    if dtype == "float32":
        # One near tie is let pass.
        assert sum(a == b for a, b in zip(wanted, found, strict=True)) >= len(PROMPTS) - 1
    assert all(0 < made.num_tokens <= 20 for made in found)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_steps_replayed_as_graphs_write_what_steps_launched_by_python_write(
    on_gpu: None,
    device: torch.device,
    start: ModelConfig,
    tokenizer: Any,
    monkeypatch: pytest.MonkeyPatch,
    temperature: float,
) -> None:
    model, seeds = load_model(start).to(device), list(range(9))
    config = GenerationConfig(
        max_new_tokens=160, dtype="float32", batch_size=4, temperature=temperature
    )
    replayed = []
    plain = torch.cuda.CUDAGraph.replay

    def counted(graph: torch.cuda.CUDAGraph) -> None:
        replayed.append(graph)
        plain(graph)

    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda.CUDAGraph, "replay", counted)
        recorded = generate(model, tokenizer, PROMPTS, config, seeds=seeds)
    assert len(set(map(id, replayed))) > 1  # of more than one width

    monkeypatch.setattr(slot_decoding, "recorder_for", lambda device: None)
    launched = generate(model, tokenizer, PROMPTS, config, seeds=seeds)
    # One near tie is let pass: attention over more hidden places may add up in another order.
    assert sum(a == b for a, b in zip(recorded, launched, strict=True)) >= len(PROMPTS) - 1


def test_sampled_completions_depend_on_their_seeds_alone(
    device: torch.device, start: ModelConfig, tokenizer: Any
) -> None:
    """Noise is drawn where the logits are, so they are compared on one device."""
    model, seeds = load_model(start).to(device), list(range(9))

    def sampled(rows: int, seeds: list[int]) -> list[Generated]:
        config = GenerationConfig(
            max_new_tokens=12, dtype="float32", batch_size=rows, temperature=1.0
        )
        return generate(model, tokenizer, PROMPTS, config, seeds=seeds)

    together = sampled(4, seeds)
    assert sum(a == b for a, b in zip(together, sampled(9, seeds), strict=True)) >= len(PROMPTS) - 1
    assert together != sampled(4, [seed + 1 for seed in seeds])


def test_sampled_completions_are_the_cpus_where_the_noise_is_the_cpus(
    device: torch.device,
    start: ModelConfig,
    tokenizer: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Generators of two devices draw other numbers from one seed: here both draw on the CPU."""

    def on_cpu(seeds: list[int], temperature: float, top_p: float, _: Any) -> SeededSampling:
        return SeededSampling(seeds, temperature, top_p)

    monkeypatch.setattr(transformers_engine, "SeededSampling", on_cpu)
    config = GenerationConfig(
        max_new_tokens=20, dtype="float32", batch_size=4, temperature=1.0, top_p=0.9
    )
    seeds = list(range(len(PROMPTS)))
    # Fewer slots on one side: rows enter and leave them at other steps.
    fewer = GenerationConfig(**{**vars(config), "batch_size": 3})
    wanted = generate(load_model(start), tokenizer, PROMPTS, fewer, seeds=seeds)
    found = generate(load_model(start).to(device), tokenizer, PROMPTS, config, seeds=seeds)
    # One near tie is let pass.
    assert sum(a == b for a, b in zip(wanted, found, strict=True)) >= len(PROMPTS) - 1
