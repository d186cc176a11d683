"""The same module on a GPU: generation and one step of training agree with the CPU."""

from __future__ import annotations

import pytest
import torch

from data_prep.records import assistant, user
from models.config import GenerationConfig
from models.generate import generate
from models.logps import collate, completion_logps
from models.tokens import encode

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
PROMPTS = [user("What is asthma?"), user("How long should a fever last before I call a doctor?")]


def test_log_probabilities_and_gradients_on_cuda_equal_those_on_the_cpu(tiny_model, tokenizer):
    rows = [encode(tokenizer, prompt, assistant("It depends on the person."), 128) for prompt in PROMPTS]
    batch = collate(rows, tokenizer.pad_token_id)
    completion_logps(tiny_model, batch).sum().backward()
    wanted = {name: parameter.grad.clone() for name, parameter in tiny_model.named_parameters()}
    on_cpu = completion_logps(tiny_model, batch).detach()
    tiny_model.zero_grad()
    tiny_model.to("cuda")
    on_cuda = completion_logps(tiny_model, batch.to(torch.device("cuda")))
    on_cuda.sum().backward()
    assert torch.allclose(on_cuda.cpu(), on_cpu, atol=1e-3)
    for name, parameter in tiny_model.named_parameters():
        assert torch.allclose(parameter.grad.cpu(), wanted[name], atol=1e-3), name


def test_greedy_answers_on_cuda_equal_those_on_the_cpu(tiny_model, tokenizer):
    config = GenerationConfig(max_new_tokens=16, dtype="float32")
    on_cpu = generate(tiny_model, tokenizer, PROMPTS, config)
    assert generate(tiny_model.to("cuda"), tokenizer, PROMPTS, config) == on_cpu
