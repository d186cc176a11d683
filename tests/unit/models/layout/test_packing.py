"""Packed rows: the layout by hand, its properties on rows drawn at random, and the same numbers as
padded rows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from present import present
from saved_shapes import saved_shapes
from torch.utils.data import DataLoader

from models.adapters.wrapping import adapt
from models.config import AdapterConfig
from models.layout import packed_attention
from models.layout.collation import padded
from models.layout.logps import Batch, per_token_logps
from models.layout.packed_attention import packed_inputs, use_packed_attention, why_not_packed
from models.layout.packing import Packed, pack
from models.memory.fused_lora import fuse_lora
from models.memory.gradient_checkpointing import recompute_layers
from models.memory.lean_layers import keep_less
from models.memory.prepare import prepared_layout
from models.tokens import TokenRow
from records.errors import ModelError


def row(prompt: list[int], completion: list[int]) -> TokenRow:
    return TokenRow([*prompt, *completion], [0] * len(prompt) + [1] * len(completion), False)


def test_a_pair_shares_its_prompt_and_each_row_branches_off_once() -> None:
    prompt = [5, 6, 7, 8, 9]
    packed = pack([row(prompt, [20, 21]), row(prompt, [10, 11, 12])])
    assert packed.input_ids.tolist() == [[5, 6, 7, 8, 9, 10, 11, 12, 20, 21]]
    assert packed.position_ids.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7, 5, 6]]
    assert packed.subtree_end.tolist() == [10] * 5 + [8] * 3 + [10] * 2
    # Row 0 stands last but its targets come first; both completions open after the shared place 4.
    assert packed.target_rows.tolist() == [0, 0, 1, 1, 1]
    assert packed.predictors.tolist() == [4, 8, 4, 5, 6]
    assert packed.targets.tolist() == [20, 21, 10, 11, 12]
    assert packed.places.tolist() == [0, 1, 2, 3, 4, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7]
    assert packed.rows.tolist() == [0] * 7 + [1] * 8
    assert packed.in_completion.tolist() == [0] * 5 + [1] * 2 + [0] * 5 + [1] * 3
    assert packed.completion_tokens.tolist() == [2, 3]


def test_equal_rows_and_rows_that_end_inside_another_are_stored_once() -> None:
    whole = row([5, 6, 7, 8], [9, 10])
    packed = pack([whole, row([5, 6, 7, 8], [9]), whole])
    assert packed.input_ids.shape == (1, 6)
    assert packed.places.tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5]
    assert packed.num_rows == 3


rows_at_random = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 6),
        st.lists(st.integers(3, 5), min_size=1, max_size=6),
        st.lists(st.integers(3, 5), min_size=1, max_size=9),
    ),
    min_size=1,
    max_size=9,
)


def drawn(specification: list[tuple[int, int, list[int], list[int]]]) -> list[TokenRow]:
    """Rows of few different tokens, behind one of three long beginnings: shared prefixes of every
    length, equal rows, nested rows.
    """
    return [
        row([*range(10 + 20 * kind, 10 + 20 * kind + length), *prompt], completion)
        for kind, length, prompt, completion in specification
    ]


@given(rows_at_random)
@settings(max_examples=200)
def test_every_row_can_be_read_back_along_what_its_last_token_sees(
    specification: list[tuple[int, int, list[int], list[int]]],
) -> None:
    rows = drawn(specification)
    packed = pack(rows)
    places = torch.arange(packed.input_ids.shape[1])
    for number, wanted in enumerate(rows):
        own = packed.places[packed.rows == number]
        assert packed.input_ids[0][own].tolist() == wanted.input_ids
        assert packed.in_completion[packed.rows == number].tolist() == wanted.completion_mask
        last = own[-1]
        seen = (places <= last) & (last < packed.subtree_end)
        assert packed.input_ids[0][seen].tolist() == wanted.input_ids
        assert packed.position_ids[0][seen].tolist() == list(range(len(wanted.input_ids)))
        assert (
            packed.targets[packed.target_rows == number].tolist()
            == wanted.input_ids[-wanted.num_completion_tokens :]
        )
    assert packed.input_ids.shape[1] <= sum(len(r.input_ids) for r in rows)


def a_batch() -> list[TokenRow]:
    generator = torch.Generator().manual_seed(0)

    def ids(count: int) -> list[int]:
        return torch.randint(3, 60, (count,), generator=generator).tolist()

    system, prompts = ids(6), [ids(5), ids(9), ids(2)]
    return [row([*system, *prompt], ids(length)) for prompt in prompts for length in (3, 8)]


def gradients(model: Any, batch: Batch | Packed) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    model.zero_grad()
    logps, rows = per_token_logps(model, batch)
    (logps * torch.linspace(0.5, 1.5, len(logps))).sum().backward()
    return (
        logps.detach(),
        rows,
        torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]),
    )


@pytest.mark.parametrize(
    "kind",
    ["llama", "mistral", "qwen2", "qwen3", "phi3", "gpt_neox", "opt", "gemma", "olmo2", "gpt2"],
)
@pytest.mark.parametrize("adapter", ["full", "lora"])
def test_packed_rows_have_the_logps_and_gradients_of_padded_ones(
    causal_model: Callable[..., Any], adapted: Callable[[Any, str], Any], kind: str, adapter: str
) -> None:
    model = adapted(causal_model(kind), adapter)
    rows = a_batch()
    logps, owners, gradient = gradients(model, padded(0)(rows))
    layout = prepared_layout(model, 0, 128)
    assert layout.why_padded is None
    packed = layout(rows)
    assert isinstance(packed, Packed)
    # The system prompt of six rows stands once.
    assert packed.input_ids.shape[1] < sum(len(r.input_ids) for r in rows) - 5 * 6
    packed_logps, packed_owners, packed_gradient = gradients(model, packed)
    assert packed_owners.tolist() == owners.tolist()
    torch.testing.assert_close(packed_logps, logps, rtol=1e-5, atol=1e-5)
    assert (packed_gradient - gradient).norm() <= 1e-5 * gradient.norm()


@pytest.mark.parametrize("adapter", ["full", "lora"])
# opt has dropout in its layers, which must stay off; bloom is padded.
@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt", "bloom"])
def test_layers_computed_again_give_the_same_logps_and_gradients(
    causal_model: Callable[..., Any], kind: str, adapter: str
) -> None:
    model = adapt(
        causal_model(kind, **({"n_head": 4} if kind == "bloom" else {})),
        AdapterConfig(kind=adapter, rank=4, alpha=8),
        seed=0,
    )
    fuse_lora(model)
    keep_less(model, mlps=False)
    batch_rows = prepared_layout(model, 0, 128)
    wanted_logps, _, wanted = gradients(model, batch_rows(a_batch()))
    assert recompute_layers(model) == 2
    logps, _, got = gradients(model, batch_rows(a_batch()))
    torch.testing.assert_close(logps, wanted_logps)
    torch.testing.assert_close(got, wanted)


def test_layers_computed_again_keep_less(tiny_model: Any) -> None:
    kept = []
    for wanted in ("all", "inputs"):
        if wanted == "inputs":
            recompute_layers(tiny_model)
        with saved_shapes() as shapes:
            per_token_logps(tiny_model, padded(0)(a_batch()))
        kept.append(sum(shape.numel() for shape in shapes))
    assert kept[1] < 0.5 * kept[0]


def test_a_model_whose_layers_cannot_be_computed_again_is_an_error() -> None:
    with pytest.raises(ModelError, match="gradient_checkpointing=false"):
        recompute_layers(torch.nn.Linear(2, 2))


def test_a_model_made_ready_still_reads_padded_batches_and_generates(tiny_model: Any) -> None:
    rows = a_batch()
    wanted = per_token_logps(tiny_model, padded(0)(rows))[0]
    prompt = {
        "input_ids": torch.tensor([[0, 0, 5, 6]]),
        "attention_mask": torch.tensor([[0, 0, 1, 1]]),
    }
    text = tiny_model.generate(**prompt, max_new_tokens=5, do_sample=False)
    use_packed_attention(tiny_model)
    torch.testing.assert_close(per_token_logps(tiny_model, padded(0)(rows))[0], wanted)
    assert (
        tiny_model.generate(**prompt, max_new_tokens=5, do_sample=False).tolist() == text.tolist()
    )


def test_the_layout_leaves_no_trace_in_a_saved_model(tiny_model: Any, tmp_path: Path) -> None:
    use_packed_attention(tiny_model)
    tiny_model.save_pretrained(tmp_path)
    assert "primum" not in (tmp_path / "config.json").read_text()


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("mistral", {"sliding_window": 16}, "sliding window of 16"),
        ("mamba", {"num_key_value_heads": None, "state_size": 4}, "recurrent"),
        ("bloom", {"n_head": 4}, "code of its own"),
    ],
)
def test_an_architecture_that_cannot_be_packed_is_padded_and_says_why(
    causal_model: Callable[..., Any], kind: str, changes: dict[str, int | None], reason: str
) -> None:
    layout = prepared_layout(causal_model(kind, **changes), 0, 128)
    assert reason in present(layout.why_padded)
    assert not isinstance(layout(a_batch()), Packed)


def test_a_window_that_no_row_outgrows_is_full_attention(causal_model: Callable[..., Any]) -> None:
    assert why_not_packed(causal_model("mistral", sliding_window=128), 128) is None


def test_a_model_that_loses_the_layout_on_the_way_is_an_error_not_a_wrong_number(
    tiny_model: Any,
) -> None:
    use_packed_attention(tiny_model)
    inputs = packed_inputs(pack(a_batch()), tiny_model)
    del inputs["packed"]
    with pytest.raises(ModelError, match="does not hand the layout"):
        tiny_model(**inputs)


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_the_layout_of_the_gpu_gives_the_states_of_the_cpus(
    causal_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    """FlexAttention itself, not compiled, on a CPU: mask and call are those of the GPU path, the
    batch comes from a data loader.
    """
    from torch.nn.attention.flex_attention import flex_attention

    model = causal_model("llama", head_dim=16)
    use_packed_attention(model)
    batches: Any = [pack(a_batch())]  # a list serves as a Dataset, whatever torch declares
    packed = next(iter(DataLoader(batches, batch_size=None)))

    @torch.no_grad()
    def states() -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            return model.model(**packed_inputs(packed, model)).last_hidden_state

    wanted = states()
    monkeypatch.setattr(packed_attention, "_compiled_flex", lambda: flex_attention)
    monkeypatch.setattr(packed_attention, "blocked_attention", packed_attention._flex)
    rtol, atol = (1e-5, 1e-5) if precision == "32" else (0, 0.1)
    torch.testing.assert_close(states(), wanted, rtol=rtol, atol=atol)
