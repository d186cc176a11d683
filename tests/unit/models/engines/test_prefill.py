"""What prompts share is computed once, and changes no text; the head multiplies all rows at
once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch._C._distributed_c10d import HashStore

from models.config import GenerationConfig
from models.engines.generate import generate
from models.engines.prefill import WORTH, shared_start
from models.tokens import prompt_ids
from records.rows import Message, user

SYSTEM: Message = {
    "role": "system",
    "content": (
        "You answer questions of patients in plain words, and send them to a doctor when it is "
        "urgent."
    ),
}
PROMPTS = [
    [SYSTEM, *user(text)]
    for text in ("Hi", "What is asthma?", "How much water a day when it is hot?", "Why?", "Hi")
]
TOGETHER = GenerationConfig(max_new_tokens=12, batch_size=5, dtype="float32")
ALONE = GenerationConfig(max_new_tokens=12, batch_size=1, dtype="float32")


@pytest.fixture
def frozen(tiny_model: Any) -> Any:
    """As policies are when they answer."""
    return tiny_model.requires_grad_(False)


@pytest.fixture
def embedded(frozen: Any) -> list[int]:
    """Tokens of each forward pass."""
    sizes: list[int] = []
    frozen.get_input_embeddings().register_forward_hook(
        lambda module, inputs, output: sizes.append(inputs[0].numel())
    )
    return sizes


def test_a_system_prompt_is_computed_once_a_batch_and_the_texts_are_those_of_prompts_one_by_one(
    frozen: Any, tokenizer: Any, embedded: list[int]
) -> None:
    together = generate(frozen, tokenizer, PROMPTS, TOGETHER)
    ids = [prompt_ids(tokenizer, prompt) for prompt in PROMPTS]
    shared = shared_start(frozen, ids, 200)
    assert shared > 20
    assert embedded[:2] == [shared, len(ids) * (max(map(len, ids)) - shared)]
    assert together == generate(frozen, tokenizer, PROMPTS, ALONE)


def test_starts_that_are_all_the_same_are_shared_up_to_the_last_token_of_the_shortest(
    frozen: Any, tokenizer: Any
) -> None:
    ids = prompt_ids(tokenizer, PROMPTS[0])
    assert shared_start(frozen, [ids, ids], 200) == len(ids) - 1
    assert shared_start(frozen, [ids, [*ids, 5]], 200) == len(ids) - 1
    generation = GenerationConfig(max_new_tokens=4, batch_size=2, dtype="float32")
    twice = generate(frozen, tokenizer, [PROMPTS[0], PROMPTS[4]], generation)
    assert twice[0] == twice[1] == generate(frozen, tokenizer, PROMPTS[:1], generation)[0]


def test_nothing_is_shared_by_one_row_or_where_it_does_not_pay(frozen: Any) -> None:
    same = list(range(3, 3 + WORTH))
    assert shared_start(frozen, [[*same, 1], [*same, 2]], 200) == WORTH
    assert shared_start(frozen, [[*same[1:], 1], [*same[1:], 2]], 200) == 0
    assert shared_start(frozen, [[*same, 1]], 200) == 0


def test_nothing_is_shared_where_a_sliding_window_would_count_padding(tokenizer: Any) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    model = MistralForCausalLM(
        MistralConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            sliding_window=64,
        )
    )
    ids = [prompt_ids(tokenizer, prompt) for prompt in PROMPTS]
    assert shared_start(model, ids, 64) > 20
    assert shared_start(model, ids, 65) == 0


@pytest.fixture
def one_rank() -> Iterator[None]:
    torch.distributed.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("one_rank")
def test_ranks_in_step_share_nothing_so_that_all_make_as_many_passes(
    frozen: Any, tokenizer: Any, embedded: list[int]
) -> None:
    made = generate(frozen, tokenizer, PROMPTS, TOGETHER, synced_ranks=True)
    assert embedded[0] == len(PROMPTS) * max(
        len(prompt_ids(tokenizer, prompt)) for prompt in PROMPTS
    )
    assert made == generate(frozen, tokenizer, PROMPTS, TOGETHER)


def test_the_head_reads_rows_that_lie_together(frozen: Any, tokenizer: Any) -> None:
    """Else torch copies the head's matrix once a row, where weights are frozen."""
    head, contiguous = frozen.get_output_embeddings(), []

    class Watched(torch.nn.Linear):
        def forward(self, states: torch.Tensor) -> torch.Tensor:
            contiguous.append(states.is_contiguous())
            return super().forward(states)

    head.__class__ = Watched
    generate(frozen, tokenizer, PROMPTS, TOGETHER)
    assert len(contiguous) >= 12
    assert all(contiguous)
    assert not head._forward_pre_hooks
