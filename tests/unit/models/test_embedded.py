"""The packaged SmolLM2: found, unpacked once, and a chat model that answers."""

from __future__ import annotations

import pytest

from models.config import EMBEDDED, GenerationConfig, ModelConfig
from models.engines.generate import generate
from models.loading.load import embedded_directory, load_language_model, model_location
from records.rows import user


@pytest.mark.embedded
def test_the_embedded_model_is_unpacked_once_and_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("PRIMUM_CACHE", str(tmp_path))
    model, tokenizer = load_language_model(ModelConfig())
    unpacked = embedded_directory()
    written = (unpacked / "model.safetensors").stat().st_mtime_ns
    assert model_location(ModelConfig(path=EMBEDDED)) == str(unpacked)
    assert (unpacked / "model.safetensors").stat().st_mtime_ns == written
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    answer = generate(model, tokenizer, [user("What is the capital of France?")], GenerationConfig(max_new_tokens=12, dtype="float32"))[0]
    assert "Paris" in answer.text
