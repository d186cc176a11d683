"""The packaged SmolLM2: found, unpacked once, and a chat model that answers."""

from __future__ import annotations

import pytest
import torch

from models.config import EMBEDDED, GenerationConfig, ModelConfig
from models.engines.generate import generate
from models.loading.load import embedded_directory, load_language_model, model_location
from models.tokens import prompt_ids
from records.rows import user


@pytest.mark.embedded
def test_the_embedded_model_is_unpacked_once_and_answers() -> None:
    model, tokenizer = load_language_model(ModelConfig())
    unpacked = embedded_directory()
    written = (unpacked / "model.safetensors").stat().st_mtime_ns
    assert model_location(ModelConfig(path=EMBEDDED)) == str(unpacked)
    assert (unpacked / "model.safetensors").stat().st_mtime_ns == written
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    prompts = [
        user("What is the capital of France?"),
        user("Hi"),
        user("How long should a fever last before I call a doctor?"),
    ]
    completions = generate(
        model,
        tokenizer,
        prompts,
        GenerationConfig(max_new_tokens=12, batch_size=2, dtype="float32"),
    )
    assert "Paris" in completions[0].text
    for prompt, made in zip(prompts, completions, strict=True):
        ids = prompt_ids(tokenizer, prompt)
        plain = model.generate(
            torch.tensor([ids]),
            max_new_tokens=12,
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
        )[0, len(ids) :]
        assert made.text == tokenizer.decode(plain, skip_special_tokens=True).strip()
