"""The same module on a GPU: generation and one step of training agree with the CPU."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from models.config import GenerationConfig
from models.engines.generate import generate
from models.layout.collation import collation, padded
from models.layout.logps import completion_logps
from models.tokens import encode
from records.rows import assistant, user
from train.config import TrainerConfig
from train.engine.trainer import batch_plan, fit
from train.sft import SftModule, SftRows

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
PROMPTS = [user("What is asthma?"), user("How long should a fever last before I call a doctor?")]


def small_llama(vocabulary: int) -> LlamaForCausalLM:
    """Heads of 16, the least that FlexAttention takes."""
    torch.manual_seed(0)
    small = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, **small)).eval()


@pytest.mark.parametrize("layout", ["packed", "padded"])
def test_log_probabilities_and_gradients_on_cuda_equal_those_on_the_cpu(tokenizer, layout):
    tiny_model = small_llama(len(tokenizer))
    rows = [encode(tokenizer, prompt, assistant("It depends on the person."), 128) for prompt in PROMPTS]
    batch_rows = collation(tiny_model, tokenizer.pad_token_id, 128) if layout == "packed" else padded(tokenizer.pad_token_id)
    batch = batch_rows(rows)
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


def test_steps_of_the_trainer_on_packed_rows_end_on_cuda_where_they_end_on_the_cpu(tokenizer, tmp_path):
    """Through loader, Trainer and layout, as the stages train."""
    trained = {}
    for accelerator in ("cpu", "gpu"):
        model = small_llama(len(tokenizer))
        rows = SftRows(
            [encode(tokenizer, p, assistant("It depends."), 128) for p in PROMPTS], collation(model, tokenizer.pad_token_id, 128)
        )
        config = TrainerConfig(accelerator=accelerator, precision="32-true", micro_batch_tokens=64, checkpoint_every_steps=100)
        plan = batch_plan(rows, config, global_batch_size=2, epochs=3, seed=0)
        module = SftModule(model, learning_rate=1e-3, weight_decay=0.0, warmup=0.0, total_steps=3)
        fit(module, rows, config, plan, epochs=3, work=tmp_path / accelerator, label="sft")
        assert module.trainer.global_step == 3
        trained[accelerator] = {name: parameter.detach().cpu() for name, parameter in model.named_parameters()}
    for name, wanted in trained["cpu"].items():
        assert torch.allclose(trained["gpu"][name], wanted, atol=1e-3), name


def test_greedy_answers_on_cuda_equal_those_on_the_cpu(tiny_model, tokenizer):
    config = GenerationConfig(max_new_tokens=16, dtype="float32")
    on_cpu = generate(tiny_model, tokenizer, PROMPTS, config)
    assert generate(tiny_model.to("cuda"), tokenizer, PROMPTS, config) == on_cpu
