"""Recorded decoding steps write what steps run one by one write, for every architecture that the
loop takes; a tape of operators stands for the CUDA graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from operator_tape import TapeRecorder

from models.engines import slot_decoding, step_graph
from models.engines.sampling import SeededSampling
from models.engines.say import say_once
from models.engines.slot_decoding import Decoding, decode, why_plain
from models.engines.step_graph import Steps

KINDS = ["llama", "mistral", "qwen2", "qwen3", "phi3", "gpt_neox", "opt", "gemma", "olmo2", "gpt2"]
NEW, SLOTS = 14, 4


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> TapeRecorder:
    made = TapeRecorder()
    monkeypatch.setattr(slot_decoding, "recorder_for", lambda device: made)
    # So that rows of a test need several recordings.
    monkeypatch.setattr(step_graph, "WIDTH", 8)
    return made


def rows() -> list[list[int]]:
    """More than slots, of lengths that let them come and go."""
    generator = torch.Generator().manual_seed(1)
    start = list(range(10, 19))
    made = []
    for number in range(9):
        tail = torch.randint(3, 60, (1 + 5 * number % 11,), generator=generator)
        made.append([*start, *tail.tolist()])
    return made


def asked(ends: list[int], sampling: SeededSampling | None = None) -> Decoding:
    return Decoding(NEW, frozenset(ends), SLOTS, sampling, lambda: None)


def one_by_one(model: Any, wanted: Decoding) -> list[list[int]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slot_decoding, "recorder_for", lambda device: None)
        return decode(model, rows(), wanted)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ends", [[], list(range(0, 64, 9))], ids=["to the limit", "ending early"])
def test_recorded_steps_write_what_single_ones_write(
    causal_model: Any, recorder: TapeRecorder, kind: str, ends: list[int]
) -> None:
    model = causal_model(kind, tie_word_embeddings=False)
    assert decode(model, rows(), asked(ends)) == one_by_one(model, asked(ends))
    assert recorder.replays > recorder.made > 1


def test_sampled_rows_too(causal_model: Any, recorder: TapeRecorder) -> None:
    model = causal_model("llama")

    def sampling() -> SeededSampling:
        return SeededSampling(range(9), 0.7, 0.9)

    assert decode(model, rows(), asked([3], sampling())) == one_by_one(
        model, asked([3], sampling())
    )
    assert recorder.replays


def test_the_decoder_runs_for_recordings_alone(causal_model: Any, recorder: TapeRecorder) -> None:
    """Once to see whether it can be recorded and once to record it, however many tokens follow."""
    model = causal_model("llama")
    steps = []
    model.get_input_embeddings().register_forward_hook(
        lambda layer, inputs, output: steps.append(tuple(inputs[0].shape))
    )
    decode(model, [[*range(10, 20), number] for number in range(4)], asked([]))
    # 11 to 24 places for 14 tokens, of which the pass over the prompts chooses the first.
    assert recorder.made == 2
    assert recorder.replays == NEW - 1
    assert sum(tokens == 1 for _, tokens in steps) == 2 * recorder.made + 1


def test_a_step_that_waits_for_a_value_is_not_recorded_and_the_user_is_told(
    causal_model: Any, recorder: TapeRecorder, capsys: pytest.CaptureFixture[str]
) -> None:
    model = causal_model("llama")
    model.get_decoder().norm.register_forward_hook(
        lambda layer, inputs, output: output * math.copysign(1.0, output.isfinite().sum().item())
    )
    say_once.cache_clear()
    assert decode(model, rows(), asked([])) == one_by_one(model, asked([]))
    assert recorder.made == 0
    told = capsys.readouterr().err
    assert "waits for values (_local_scalar_dense)" in told
    assert told.count("kernel by kernel") == 1


def test_what_cuda_refuses_to_record_is_launched_and_the_user_is_told(
    causal_model: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(step: Callable[[], torch.Tensor]) -> Callable[[], torch.Tensor]:
        step()
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    model = causal_model("llama")
    monkeypatch.setattr(slot_decoding, "recorder_for", lambda device: refused)
    say_once.cache_clear()
    assert decode(model, rows(), asked([])) == one_by_one(model, asked([]))
    told = capsys.readouterr().err
    assert "could not record one (operation not permitted when stream is capturing)" in told


@pytest.mark.parametrize(("way", "recorded"), [("grouped_mm", True), ("eager", False)])
def test_experts_are_recorded_where_their_router_asks_for_no_value(
    causal_model: Any, recorder: TapeRecorder, way: str, recorded: bool
) -> None:
    model = causal_model("mixtral", num_local_experts=4, num_experts_per_tok=2)
    model.set_experts_implementation(way)
    assert why_plain(model, 64) is None
    assert decode(model, rows(), asked([])) == one_by_one(model, asked([]))
    assert bool(recorder.made) is recorded


def test_widths_are_rounded_up_and_never_beyond_the_cache() -> None:
    widths: list[int] = []

    def step(width: int) -> torch.Tensor:
        widths.append(width)
        return torch.zeros(1)

    steps = Steps(lambda step: step, places=300)
    for width in (1, 128, 129, 299, 300):
        steps.run(width, step)
    assert set(widths) == {128, 256, 300}


@pytest.mark.parametrize(
    ("waits", "operation"),
    [
        (True, lambda x: x.nonzero()),
        (True, lambda x: x[x > 0]),
        (True, lambda x: bool((x == x).all())),
        (True, lambda x: torch.where(x > 0)),
        (True, lambda x: torch.repeat_interleave(x.long())),
        (False, lambda x: x[torch.tensor([0, 2])]),
        (False, lambda x: x.clone().index_put_((torch.tensor([1]),), torch.tensor(2.0))),
        (False, lambda x: x.double() + x.sum()),
    ],
)
def test_what_waits_for_the_device(waits: bool, operation: Any) -> None:
    x = torch.arange(4.0)
    with torch.inference_mode(), step_graph._HostReads() as reads:
        operation(x)
    assert bool(reads.seen) is waits
