"""The network's features are means of transformers' own states, whatever the layout; its head
survives saving.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import AutoModel

from models.adapters.trained import load_trainable_state, trainable_state
from models.config import AdapterConfig, ModelConfig
from models.layout.collation import padded
from models.layout.logps import Batch, collate
from models.memory.fused_lora import fuse_lora
from models.memory.prepare import Options, prepared_layout
from models.tokens import TokenRow
from records.errors import ModelError
from reward.model.network import HarmfulnessNetwork, load_network, new_network, save_network

if TYPE_CHECKING:
    from models.layout.packing import Packed


def test_features_are_the_mean_states_of_prompt_and_completion(
    config: ModelConfig, rows: list[TokenRow], tokenizer: Any
) -> None:
    # LoRA starts as the identity.
    network = new_network(config, AdapterConfig(), layers=None, seed=0)
    plain = AutoModel.from_pretrained(config.path).eval()
    with torch.inference_mode():
        got = network.features(collate(rows, tokenizer.pad_token_id))
        for row, features in zip(rows, got, strict=True):
            states = plain(input_ids=torch.tensor([row.input_ids])).last_hidden_state[0]
            answer = torch.tensor(row.completion_mask).bool()
            wanted = torch.cat([states[~answer].mean(0), states[answer].mean(0)])
            torch.testing.assert_close(features, wanted, rtol=1e-5, atol=1e-5)


def test_fewer_layers_are_the_states_between_layers(
    config: ModelConfig, rows: list[TokenRow]
) -> None:
    """The states after the first layer, through the model's final norm."""
    plain = AutoModel.from_pretrained(config.path).eval()
    assert plain.config.num_hidden_layers > 1
    seen = []
    plain.layers[0].register_forward_hook(
        lambda module, inputs, output: seen.append(
            output[0] if isinstance(output, tuple) else output
        )
    )
    network = new_network(config, AdapterConfig(kind="full"), layers=1, seed=0).eval()
    row = rows[1]
    with torch.inference_mode():
        plain(input_ids=torch.tensor([row.input_ids]))
        states = plain.norm(seen[0])[0]
        got = network.features(padded(0)([row]))[0]
    answer = torch.tensor(row.completion_mask).bool()
    torch.testing.assert_close(
        got, torch.cat([states[~answer].mean(0), states[answer].mean(0)]), rtol=1e-5, atol=1e-5
    )
    assert network.backbone.config.num_hidden_layers == len(network.backbone.layers) == 1


def test_more_layers_than_there_are_is_said_in_one_line(config: ModelConfig) -> None:
    with pytest.raises(
        ModelError, match=r"reward.layers is 99, but the model has \d+; set it to at most \d+"
    ):
        new_network(config, AdapterConfig(), layers=99, seed=0)


@pytest.mark.parametrize("pad", [0, 2, 7])
def test_padding_does_not_change_logits_even_where_it_is_the_end_token(
    network: HarmfulnessNetwork, rows: list[TokenRow], tokenizer: Any, pad: int
) -> None:
    assert tokenizer.eos_token_id == 2
    with torch.inference_mode():
        alone = [network(collate([row], pad))[0].item() for row in rows]
        together = network(collate(rows, pad)).tolist()
    assert together == pytest.approx(alone, abs=1e-5)
    assert len({round(z, 3) for z in together}) == len(together)


def test_packed_rows_have_the_logits_and_gradients_of_padded_ones(
    network: HarmfulnessNetwork, rows: list[TokenRow]
) -> None:
    def logits_and_gradient(batch: Batch | Packed) -> tuple[torch.Tensor, torch.Tensor]:
        network.zero_grad()
        logits = network(batch)
        (logits * torch.arange(1.0, len(logits) + 1)).sum().backward()
        return logits.detach(), torch.cat(
            [p.grad.flatten() for p in network.parameters() if p.grad is not None]
        )

    wanted, gradient = logits_and_gradient(padded(0)(rows))
    fuse_lora(network.backbone)
    got, packed = logits_and_gradient(prepared_layout(network.backbone, 0, 512)(rows))
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)
    assert (packed - gradient).norm() <= 1e-5 * gradient.norm()


@pytest.mark.parametrize("layers", [None, 1])
def test_a_saved_network_gives_the_same_logits(
    config: ModelConfig, rows: list[TokenRow], tmp_path: Path, layers: int | None
) -> None:
    network = new_network(config, AdapterConfig(rank=4), layers=layers, seed=0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    batch = padded(0)(rows)
    with torch.inference_mode():
        wanted = network.eval()(batch)
        save_network(network, tmp_path / "rm")
        again = load_network(tmp_path / "rm")
        torch.testing.assert_close(again(batch), wanted, rtol=1e-4, atol=1e-4)
        half = load_network(tmp_path / "rm", torch.bfloat16)
        assert half.score.weight.dtype == torch.float32
        torch.testing.assert_close(half(batch), wanted, rtol=0.1, atol=0.1)
    assert (tmp_path / "rm" / "config.json").is_file()


def test_a_fresh_network_says_even_odds_and_its_adapters_depend_on_the_seed_only(
    config: ModelConfig, rows: list[TokenRow]
) -> None:
    def trained(seed: int, noise: int) -> tuple[HarmfulnessNetwork, dict[str, torch.Tensor]]:
        torch.manual_seed(noise)
        made = new_network(config, AdapterConfig(), layers=None, seed=seed)
        return made, {n: p.detach().clone() for n, p in made.named_parameters() if p.requires_grad}

    (network, first), (_, again), (_, other) = trained(0, 1), trained(0, 2), trained(1, 1)
    assert all(torch.equal(first[n], again[n]) for n in first)
    assert any(not torch.equal(first[n], other[n]) for n in first)
    assert {"score.weight", "score.bias"} < set(first)
    assert network(padded(0)(rows)).tolist() == [0.0] * len(rows)


@pytest.mark.parametrize("adapter", [AdapterConfig(), AdapterConfig(kind="full")])
def test_a_network_made_of_a_known_one_is_the_one_that_is_read(
    config: ModelConfig, rows: list[TokenRow], tokenizer: Any, adapter: AdapterConfig
) -> None:
    """However the known one was prepared and trained, once the trained tensors are put in."""
    known = new_network(config, adapter, layers=1, seed=0, objective="ordinal")
    prepared_layout(known.backbone, tokenizer.pad_token_id, 128, Options(lean=True))
    with torch.no_grad():
        for tensor in trainable_state(known).values():
            tensor.add_(0.1)
    state = trainable_state(known)
    made = []
    for other in (None, known):
        network = new_network(config, adapter, layers=1, seed=0, objective="ordinal", known=other)
        load_trainable_state(network, state)
        made.append(network.eval())
    wanted, got = (dict(network.state_dict()) for network in made)
    assert list(got) == list(wanted)
    assert all(torch.equal(got[name], tensor) for name, tensor in wanted.items())
    assert not {tensor.data_ptr() for tensor in got.values()} & {
        tensor.data_ptr() for tensor in known.state_dict().values()
    }
    batch = padded(tokenizer.pad_token_id)(rows)
    with torch.inference_mode():
        assert torch.equal(made[0](batch), made[1](batch))
