"""A text's vector depends on the text alone, and is the mean over its own tokens."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.config import ModelConfig
from models.embed import MAX_TOKENS, embed, unit_mean
from models.loading.load import load_model
from records.errors import ModelError

TEXTS = [
    "Hi",
    "What is asthma?",
    "How much water a day should I drink when it is hot and I work outside?",
    "No.",
]


@pytest.fixture
def config(tiny_directory: Path) -> ModelConfig:
    return ModelConfig(path=str(tiny_directory))


def test_pooling_by_hand() -> None:
    """Means of two and of one token: (3, 4) and (0, -2), of lengths 5 and 2; what is masked does
    not count.
    """
    hidden = torch.tensor(
        [[[2.0, 8.0], [4.0, 0.0], [99.0, 99.0]], [[0.0, -2.0], [7.0, 7.0], [7.0, 7.0]]]
    )
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    torch.testing.assert_close(unit_mean(hidden, mask), torch.tensor([[0.6, 0.8], [0.0, -1.0]]))


def test_a_text_without_tokens_is_zero_and_no_nan() -> None:
    assert unit_mean(torch.ones(1, 2, 3), torch.zeros(1, 2)).tolist() == [[0.0, 0.0, 0.0]]


def test_vectors_are_those_of_the_model_run_on_each_text_alone(
    config: ModelConfig, tokenizer: Any
) -> None:
    model = load_model(config)
    with torch.no_grad():
        hidden = [
            model.model(tokenizer(text, return_tensors="pt").input_ids)
            .last_hidden_state[0]
            .mean(dim=0)
            for text in TEXTS
        ]
    wanted = np.stack([(mean / mean.norm()).numpy() for mean in hidden])
    np.testing.assert_allclose(embed(TEXTS, config, batch_size=3), wanted, atol=1e-5)


def test_batches_and_padding_change_nothing_and_the_same_call_gives_the_same_bits(
    config: ModelConfig,
) -> None:
    alone, together = embed(TEXTS, config, batch_size=1), embed(TEXTS, config, batch_size=64)
    assert alone.dtype == np.float32
    np.testing.assert_allclose(alone, together, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-6)
    assert np.array_equal(together, embed(TEXTS, config, batch_size=64))
    np.testing.assert_allclose(embed(TEXTS[::-1], config, batch_size=2), alone[::-1], atol=1e-5)


def test_a_tokenizer_that_pads_on_the_left_or_names_no_padding_gives_the_same(
    config: ModelConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "left"
    shutil.copytree(config.path, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.pop("pad_token")
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "padding_side": "left"}))
    np.testing.assert_allclose(
        embed(TEXTS, ModelConfig(path=str(folder)), batch_size=4),
        embed(TEXTS, config, batch_size=1),
        atol=1e-5,
    )


def test_a_long_text_is_embedded_by_its_beginning(config: ModelConfig) -> None:
    beginning = "a " * (2 * MAX_TOKENS)
    one, two = embed([beginning + "x", beginning + "some other end"], config, batch_size=2)
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_a_model_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        embed(TEXTS, ModelConfig(path=str(tmp_path / "gone")), batch_size=1)


def test_a_model_that_needs_a_decoder_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    from transformers import T5Config, T5Model

    T5Model(
        T5Config(vocab_size=len(tokenizer), d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    ).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="wanted a sentence-embedding model"):
        embed(TEXTS, ModelConfig(path=str(tmp_path)), batch_size=4)


def test_weights_that_give_no_numbers_are_refused(config: ModelConfig, tmp_path: Path) -> None:
    model = load_model(config)
    model.model.norm.weight.data[0] = float("nan")
    model.save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(f"{config.path}/{name}", tmp_path)
    with pytest.raises(ModelError, match="weights are broken"):
        embed(TEXTS, ModelConfig(path=str(tmp_path)), batch_size=4)
