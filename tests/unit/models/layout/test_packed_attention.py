"""How a GPU is asked for a packed row's attention, as far as a CPU can tell: which kernel, in how
many variants, never unfused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import torch
from present import present

from models.layout import packed_attention
from models.layout.packed_attention import packed_inputs, use_packed_attention, why_not_packed
from models.layout.packing import pack
from models.memory.prepare import prepared_layout
from models.tokens import TokenRow

if TYPE_CHECKING:
    from torch._dynamo.testing import CompileCounterWithBackend


def rows_of(count: int, length: int) -> list[TokenRow]:
    shared = length // 2
    return [
        TokenRow(
            [*range(3, 3 + shared), *[20 + i] * (length - shared)],
            [0] * shared + [1] * (length - shared),
            False,
        )
        for i in range(count)
    ]


def test_heads_too_small_for_a_gpus_kernels_are_padded_where_there_is_one(
    causal_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = causal_model("llama", head_dim=8)
    assert why_not_packed(model, 128) is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert "heads of 8" in present(prepared_layout(model, 0, 128).why_padded)
    assert why_not_packed(causal_model("llama", head_dim=16), 128) is None
    assert packed_attention.why_no_layout(model, 128) is None


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[CompileCounterWithBackend]:
    """The GPU path on a CPU as far as Dynamo, which counts the variants that it compiles; Inductor
    has no backward pass there.
    """
    import torch.nn.attention.flex_attention as flex
    from torch._dynamo.testing import CompileCounterWithBackend

    counter, plain = CompileCounterWithBackend("eager"), torch.compile
    monkeypatch.setattr(flex, "_validate_device", lambda *tensors: None)
    monkeypatch.setattr(
        torch, "compile", lambda function, **options: plain(function, backend=counter, **options)
    )
    monkeypatch.setattr(packed_attention, "blocked_attention", packed_attention._flex)
    torch._dynamo.reset()
    packed_attention._compiled_flex.cache_clear()
    yield counter
    packed_attention._compiled_flex.cache_clear()


def test_modes_types_and_lengths_share_few_compiled_variants(
    causal_model: Callable[..., Any],
    counted: CompileCounterWithBackend,
    recwarn: pytest.WarningsRecorder,
) -> None:
    """Gradients or none, inference, autocast with and without its cache, one block or many: one
    variant for each kind of gradient and type.
    """
    model = causal_model("llama", head_dim=16)
    use_packed_attention(model)
    for dtype in (torch.float32, torch.bfloat16):
        for keeps_casts in (True, False):
            for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
                for count, length in ((1, 40), (2, 80), (3, 100)):
                    inputs = packed_inputs(pack(rows_of(count, length)), model)
                    with (
                        mode(),
                        torch.autocast(
                            "cpu",
                            torch.bfloat16,
                            enabled=dtype == torch.bfloat16,
                            cache_enabled=keeps_casts,
                        ),
                    ):
                        model.model(**inputs)
    assert counted.frame_count <= 6
    assert not [warning for warning in recwarn if "without torch.compile" in str(warning.message)]


def test_more_variants_than_the_limit_are_an_error_and_not_unfused_attention(
    causal_model: Callable[..., Any],
    counted: CompileCounterWithBackend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packed_attention, "VARIANTS", 1)
    model = causal_model("llama", head_dim=16)
    use_packed_attention(model)
    model.model(**packed_inputs(pack(rows_of(2, 40)), model))
    with torch.inference_mode(), pytest.raises(torch._dynamo.exc.FailOnRecompileLimitHit):
        model.model(**packed_inputs(pack(rows_of(2, 40)), model))


def test_rows_under_a_block_take_the_kernel_of_training(
    causal_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inductor's kernel for decoding, which it takes for them otherwise, has no candidate for some
    ratios of heads.
    """
    from torch.nn.attention.flex_attention import flex_attention

    options = []

    def watched(
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        kernel_options: Any = None,
        **rest: Any,
    ) -> Any:
        options.append(kernel_options)
        return flex_attention(query, key, value, kernel_options=kernel_options, **rest)

    model = causal_model("llama", head_dim=16)
    use_packed_attention(model)
    monkeypatch.setattr(packed_attention, "_compiled_flex", lambda: watched)
    monkeypatch.setattr(packed_attention, "blocked_attention", packed_attention._flex)
    with torch.no_grad():
        model.model(**packed_inputs(pack(rows_of(1, 40)), model))
    assert options == [{"FORCE_USE_FLEX_ATTENTION": True}] * 2
