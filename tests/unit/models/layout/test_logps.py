"""Log-probabilities equal the plain Hugging Face computation, however they are cut up."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from models.adapters.wrapping import adapt
from models.config import AdapterConfig
from models.layout import head_logps
from models.layout import logps as logps_module
from models.layout.logps import collate, completion_logps, per_token_logps
from models.tokens import TokenRow


def tiny_gemma(vocabulary: int) -> Any:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        final_logit_softcapping=0.5,  # strong enough that a head without it gives other numbers
        pad_token_id=0,
        attn_implementation="eager",
    )
    model = Gemma2ForCausalLM(config).eval()
    torch.nn.init.normal_(model.model.embed_tokens.weight, std=0.5)
    return model


@pytest.fixture(params=["llama", "lora", "softcapped"])
def model(request: pytest.FixtureRequest, tiny_model: Any, tokenizer: Any) -> Any:
    if request.param == "softcapped":
        return tiny_gemma(len(tokenizer))
    if request.param == "llama":
        return tiny_model
    adapted = adapt(tiny_model, AdapterConfig(rank=4, alpha=8), seed=0)
    torch.manual_seed(1)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return adapted


def plain_logps(model: Any, row: TokenRow) -> torch.Tensor:
    """(completion tokens,) from the whole logits of one row, without padding."""
    ids = torch.tensor([row.input_ids])
    logps = F.log_softmax(model(input_ids=ids).logits[0, :-1].float(), dim=-1).gather(
        -1, ids[0, 1:, None]
    )[:, 0]
    return logps[torch.tensor(row.completion_mask[1:]).bool()]


def test_per_token_logps_are_the_log_softmax_of_the_plain_model(
    model: Any, rows: list[TokenRow]
) -> None:
    got, owner = per_token_logps(model, collate(rows, 0))
    for i, row in enumerate(rows):
        torch.testing.assert_close(got[owner == i], plain_logps(model, row), rtol=1e-5, atol=1e-5)


def test_their_mean_is_the_loss_that_hugging_face_computes(
    model: Any, rows: list[TokenRow]
) -> None:
    batch = collate(rows, 0)
    labels = batch.input_ids.masked_fill(batch.completion_mask == 0, -100)
    loss = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=labels).loss
    torch.testing.assert_close(-per_token_logps(model, batch)[0].mean(), loss, rtol=1e-5, atol=1e-5)


def test_a_row_does_not_depend_on_its_batch_or_on_what_pads_it(
    model: Any, rows: list[TokenRow]
) -> None:
    together = completion_logps(model, collate(rows, 0))
    alone = torch.cat([completion_logps(model, collate([row], 0)) for row in rows])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(
        completion_logps(model, collate(rows[::-1], 7)).flip(0), together, rtol=1e-5, atol=1e-4
    )


def test_blocks_and_chunks_change_neither_values_nor_gradients(
    model: Any, rows: list[TokenRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(tokens: int, words: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        monkeypatch.setattr(head_logps, "CHUNK_TOKENS", tokens)
        monkeypatch.setitem(head_logps.AT_ONCE, "cpu", (tokens, words))
        model.zero_grad()
        total = completion_logps(model, collate(rows, 0))
        total.sum().backward()
        return total.detach(), {
            name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None
        }

    (whole, whole_gradients), (cut, cut_gradients) = run(10_000, 10_000), run(3, 7)
    torch.testing.assert_close(cut, whole, rtol=1e-6, atol=1e-5)
    assert cut_gradients.keys() == whole_gradients.keys()
    for name, gradient in whole_gradients.items():
        torch.testing.assert_close(
            cut_gradients[name],
            gradient,
            rtol=1e-5,
            atol=1e-5,
            msg=partial("{}: {}".format, name),
        )


def test_gradients_equal_those_of_the_plain_computation(model: Any, rows: list[TokenRow]) -> None:
    batch = collate(rows, 0)
    (-completion_logps(model, batch).sum()).backward()
    got = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    loss: Any = sum(-plain_logps(model, row).sum() for row in rows)
    loss.backward()
    wanted = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert got.keys() == wanted.keys()
    for name, gradient in wanted.items():
        assert (got[name] - gradient).norm() <= 1e-5 * gradient.norm() + 1e-7, name


def test_a_transform_after_the_head_is_found_inside_a_nested_config() -> None:
    from types import SimpleNamespace

    text = SimpleNamespace(final_logit_softcapping=30.0)
    assert logps_module.transforms_logits(SimpleNamespace(get_text_config=lambda: text))
    assert not logps_module.transforms_logits(SimpleNamespace(get_text_config=SimpleNamespace))
