"""Log-probabilities of a head that goes through its vocabulary in blocks, against torch's
log_softmax and finite differences.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from saved_shapes import saved_shapes
from torch import nn

from models.layout import head_logps as module
from models.layout.head_logps import head_logps


def drawn(
    tokens: int, vocabulary: int, *, trained: bool, dtype: torch.dtype = torch.float64
) -> tuple[nn.Linear, torch.Tensor, torch.Tensor]:
    """(head, states, targets); logits from about -40 to 40, so that a softmax without its maximum
    taken off would overflow in half precision.
    """
    torch.manual_seed(tokens + vocabulary)
    head = nn.Linear(4, vocabulary, bias=False, dtype=dtype).requires_grad_(trained)
    nn.init.normal_(head.weight, std=4)
    return (
        head,
        torch.randn(tokens, 4, dtype=dtype, requires_grad=True) * 3,
        torch.randint(0, vocabulary, (tokens,)),
    )


def with_gradients(
    logps: torch.Tensor, states: torch.Tensor, head: nn.Linear
) -> list[torch.Tensor]:
    inputs = [states, head.weight] if head.weight.requires_grad else [states]
    return [
        logps.detach(),
        *torch.autograd.grad(
            (logps * torch.linspace(-1, 1, len(logps), dtype=logps.dtype)).sum(), inputs
        ),
    ]


@given(
    st.integers(1, 12), st.integers(1, 30), st.integers(1, 13), st.integers(1, 31), st.booleans()
)
@settings(max_examples=80, deadline=None)
def test_blocks_give_the_log_softmax_of_the_whole_vocabulary(
    tokens: int, vocabulary: int, tokens_at_once: int, words_at_once: int, trained: bool
) -> None:
    head, states, targets = drawn(tokens, vocabulary, trained=trained)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(module.AT_ONCE, "cpu", (tokens_at_once, words_at_once))
        got = with_gradients(head_logps(head, states, targets), states, head)
    wanted = F.log_softmax(head(states), -1).gather(-1, targets[:, None])[:, 0]
    for ours, theirs in zip(got, with_gradients(wanted, states, head), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_gradients_are_those_of_finite_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.AT_ONCE, "cpu", (2, 3))
    head, states, targets = drawn(5, 8, trained=True)
    assert torch.autograd.gradcheck(
        lambda x, w: module._HeadLogps.apply(x, w, targets),
        (states.detach().requires_grad_(), head.weight),
    )


def test_half_precision_is_close_to_what_it_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.AT_ONCE, "cpu", (4, 16))
    head, states, targets = drawn(12, 50, trained=True, dtype=torch.float32)
    exact = with_gradients(
        F.log_softmax(head(states), -1).gather(-1, targets[:, None])[:, 0], states, head
    )
    with torch.autocast("cpu", torch.bfloat16):
        got = with_gradients(head_logps(head, states, targets), states, head)
    for ours, wanted in zip(got, exact, strict=True):
        assert ours.dtype == torch.float32
        assert (ours - wanted).norm() < 0.02 * wanted.norm()


def test_few_tokens_are_few_blocks_on_a_gpu_and_many_never_more_logits() -> None:
    """Llama's vocabulary."""
    for tokens in (1, 100, 1_270, 8_192):
        words = module.words_at_once("cuda", tokens)
        blocks = len(list(module._cut(128_256, words)))
        assert min(words, 128_256) * tokens <= module.FILLED["cuda"]
        assert blocks <= max(1, 128_256 * tokens // module.FILLED["cuda"] + 1)
    assert {module.words_at_once("cpu", tokens) for tokens in (1, 1_024)} == {2_048}


def test_a_token_that_is_certain_has_no_log_probability_above_zero() -> None:
    """The target's logit and the normaliser come of the same rounded products."""
    head, states, _ = drawn(200, 20, trained=False, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        certain = head(states).argmax(-1)
        assert head_logps(head, states, certain).max() <= 0


def test_nothing_of_the_vocabularys_width_is_kept_for_the_backward_pass() -> None:
    head, states, targets = drawn(6, 1000, trained=True)
    with saved_shapes() as kept:
        head_logps(head, states, targets)
    # Normalisers, targets, slopes, states, the weight itself.
    assert sorted(kept) == [
        (6,),
        (6,),
        (6, 4),
        (6, 4),
        (1000, 4),
    ]


def test_no_tokens_give_no_log_probabilities() -> None:
    head, states, targets = drawn(3, 5, trained=True)
    assert head_logps(head, states[:0], targets[:0]).shape == (0,)
