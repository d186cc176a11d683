"""Completions do not depend on the batch; sampling draws from the distribution that it names."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from present import present
from scipy.stats import chisquare

from models.config import GenerationConfig, ModelConfig
from models.engines import transformers_engine as module
from models.engines.contract import Asked, Engine, Rows
from models.engines.decoding import decoding_record
from models.engines.generate import generate, go_on, seed_of
from models.engines.grouped_decoding import NAME, decode_grouped
from models.engines.sampling import SeededSampling
from models.tokens import encode, prompt_ids
from records.rows import assistant, user

PROMPTS = [
    user(text)
    for text in (
        "Hi",
        "What is asthma?",
        "How much water should I drink a day when it is hot?",
        "Why?",
        "Hi",
    )
]
GREEDY = GenerationConfig(max_new_tokens=12, batch_size=5, dtype="float32")
SAMPLED = GenerationConfig(
    max_new_tokens=12, batch_size=5, temperature=1.0, top_p=0.9, dtype="float32"
)
SEEDS = [11, 22, 33, 44, 55]


def one_at_a_time(config: GenerationConfig) -> GenerationConfig:
    return GenerationConfig(
        max_new_tokens=config.max_new_tokens,
        batch_size=1,
        temperature=config.temperature,
        top_p=config.top_p,
        dtype="float32",
    )


def test_greedy_batches_equal_one_at_a_time_and_the_plain_model(
    tiny_model: Any, tokenizer: Any
) -> None:
    together = generate(tiny_model, tokenizer, PROMPTS, GREEDY)
    assert together == generate(tiny_model, tokenizer, PROMPTS, one_at_a_time(GREEDY))
    for prompt, made in zip(PROMPTS, together, strict=True):
        ids = prompt_ids(tokenizer, prompt)
        plain = tiny_model.generate(
            input_ids=torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=12,
            do_sample=False,
            eos_token_id=2,
        )[0, len(ids) :]
        assert (
            made.text
            == tokenizer.decode([i for i in plain if i != 2], skip_special_tokens=True).strip()
        )


def test_an_answer_goes_on_from_the_words_it_was_given(tiny_model: Any, tokenizer: Any) -> None:
    """The same tokens as the plain model writes after prompt and start; the start itself is not
    repeated in the text.
    """
    starts = ["No.", "I can't", "", "Because", "Ask"]
    made = go_on(tiny_model, tokenizer, PROMPTS, starts, GREEDY)
    for prompt, start, answer in zip(PROMPTS, starts, made, strict=True):
        ids = [
            *prompt_ids(tokenizer, prompt),
            *tokenizer(start, add_special_tokens=False)["input_ids"],
        ]
        plain = tiny_model.generate(
            input_ids=torch.tensor([ids]), max_new_tokens=12, do_sample=False, eos_token_id=2
        )[0, len(ids) :]
        assert (
            answer.text
            == tokenizer.decode([i for i in plain if i != 2], skip_special_tokens=True).strip()
        )


def test_sampled_answers_depend_on_the_seed_and_on_nothing_else(
    tiny_model: Any, tokenizer: Any
) -> None:
    together = generate(tiny_model, tokenizer, PROMPTS, SAMPLED, seeds=SEEDS)
    assert together == generate(tiny_model, tokenizer, PROMPTS, one_at_a_time(SAMPLED), seeds=SEEDS)
    assert (
        together == generate(tiny_model, tokenizer, PROMPTS[::-1], SAMPLED, seeds=SEEDS[::-1])[::-1]
    )
    assert together[0] != together[4]  # one prompt, two seeds
    assert together != generate(
        tiny_model, tokenizer, PROMPTS, SAMPLED, seeds=[seed + 1 for seed in SEEDS]
    )


def test_generation_starts_from_the_ids_that_training_rows_start_with(
    tiny_model: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def decode(model: object, ids: list[list[int]], asked: object) -> list[list[int]]:
        seen.extend(ids)
        return [[2]] * len(ids)

    monkeypatch.setattr(module, "decode", decode)
    generate(tiny_model, tokenizer, PROMPTS, one_at_a_time(GREEDY))
    starts = sorted(map(tuple, seen))
    rows = [present(encode(tokenizer, prompt, assistant("No."), 256)) for prompt in PROMPTS]
    assert starts == sorted(tuple(row.input_ids[: row.completion_mask.index(1)]) for row in rows)


def test_finish_reason_tells_an_end_token_from_the_limit(
    tiny_model: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = generate(tiny_model, tokenizer, PROMPTS, GREEDY)
    assert {m.finish_reason for m in made if m.num_tokens < 12} <= {"stop"}

    monkeypatch.setattr(module, "decode", lambda model, ids, asked: [[5, 6, 2], [5, 6, 7, 8]])
    stopped, cut = generate(tiny_model, tokenizer, [PROMPTS[0], PROMPTS[4]], GREEDY)
    assert (stopped.finish_reason, stopped.num_tokens) == ("stop", 3)
    assert (cut.finish_reason, cut.num_tokens) == ("length", 4)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sampled_frequencies_match_the_softmax(temperature: float) -> None:
    """Chi-square over 6 tokens and 8000 draws with fixed seeds."""
    logits = torch.tensor([2.0, 1.0, 0.5, 0.0, -1.0, -0.3])
    draws = 8000
    sampler = SeededSampling(list(range(draws)), temperature, 1.0)
    chosen = sampler(torch.zeros(draws, 1, dtype=torch.long), logits.expand(draws, -1)).argmax(
        dim=-1
    )
    wanted = (logits / temperature).softmax(dim=-1).double() * draws
    assert (
        chisquare(
            torch.bincount(chosen, minlength=6).numpy(), (wanted / wanted.sum() * draws).numpy()
        ).pvalue
        > 0.01
    )


def test_successive_draws_of_one_row_match_the_softmax_too() -> None:
    logits = torch.tensor([[1.0, 0.0, -1.0]])
    sampler = SeededSampling([5], 1.0, 1.0)
    chosen = torch.stack(
        [sampler(torch.zeros(1, 1, dtype=torch.long), logits).argmax() for _ in range(3000)]
    )
    wanted = logits[0].softmax(dim=-1).double() * 3000
    assert (
        chisquare(
            torch.bincount(chosen, minlength=3).numpy(), (wanted / wanted.sum() * 3000).numpy()
        ).pvalue
        > 0.01
    )


def test_top_p_never_leaves_the_nucleus_and_reaches_all_of_it() -> None:
    logits = torch.tensor([0.5, 0.25, 0.15, 0.1]).log()
    sampler = SeededSampling(list(range(2000)), 1.0, 0.8)
    chosen = sampler(torch.zeros(2000, 1, dtype=torch.long), logits.expand(2000, -1)).argmax(dim=-1)
    assert set(chosen.tolist()) == {0, 1, 2}


def test_grouped_decoding_writes_what_plain_generate_writes(
    tiny_model: Any, tokenizer: Any
) -> None:
    """The tiny model has two query heads to a key-value head; in float32 the texts are the same
    token for token.
    """
    assert tiny_model.config.num_attention_heads == 2 * tiny_model.config.num_key_value_heads
    rows = [prompt_ids(tokenizer, prompt) for prompt in PROMPTS[:3]]
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    wanted = tiny_model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=20, do_sample=False, pad_token_id=0
    )
    decode_grouped(tiny_model)
    assert tiny_model.config._attn_implementation == NAME
    got = tiny_model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=20, do_sample=False, pad_token_id=0
    )
    assert got.tolist() == wanted.tolist()
    step = tiny_model(
        input_ids=ids[:, :-1], attention_mask=mask[:, :-1], use_cache=True
    ).past_key_values
    logits = tiny_model(input_ids=ids[:, -1:], attention_mask=mask, past_key_values=step).logits[
        :, -1
    ]
    tiny_model.set_attn_implementation("sdpa")
    torch.testing.assert_close(
        logits, tiny_model(input_ids=ids, attention_mask=mask).logits[:, -1], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "wish",
    [
        {"repetition_penalty": 1.8},
        {"no_repeat_ngram_size": 1},
        {"min_length": 400},
        {"suppress_tokens": [10, 11, 12, 13]},
        {"do_sample": True, "temperature": 3.0},
    ],
    ids=str,
)
def test_greedy_is_greedy_whatever_the_models_own_generation_settings_ask_for(
    tiny_model: Any, tokenizer: Any, wish: dict[str, object]
) -> None:
    config = GenerationConfig(max_new_tokens=24, batch_size=5, dtype="float32")
    plain = generate(tiny_model, tokenizer, PROMPTS, config)
    own = tiny_model.generation_config
    own.update(**wish)
    assert generate(tiny_model, tokenizer, PROMPTS, config) == plain
    assert tiny_model.generation_config is own


def test_what_decodes_and_what_a_model_asks_for_in_vain_is_recorded(
    tiny_directory: Path, tokenizer: Any, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_directory, tmp_path / "model")
    (folder / "generation_config.json").write_text(
        '{"repetition_penalty": 1.3, "temperature": 0.6, "eos_token_id": [2, 1]}'
    )
    assert decoding_record(ModelConfig(path=str(folder)), tokenizer) == {
        "stop_tokens": ["<|im_end|>", "<|im_start|>"],
        "not_used_from_generation_config": {"repetition_penalty": 1.3, "temperature": 0.6},
    }
    (folder / "generation_config.json").unlink()
    assert (
        decoding_record(ModelConfig(path=str(folder)), tokenizer)["not_used_from_generation_config"]
        == {}
    )


def test_without_seeds_each_prompt_draws_by_one_of_its_own(tiny_model: Any, tokenizer: Any) -> None:
    """By one seed for all, every completion would be drawn by the same numbers."""
    seeds = [seed_of(*prompt_ids(tokenizer, prompt)) for prompt in PROMPTS]
    assert len(set(seeds)) == len(PROMPTS) - 1  # two prompts are equal
    wanted = generate(tiny_model, tokenizer, PROMPTS, SAMPLED, seeds=seeds)
    assert generate(tiny_model, tokenizer, PROMPTS, SAMPLED) == wanted


def test_an_engine_of_ones_own_writes_in_place_of_a_model(tiny_model: Any, tokenizer: Any) -> None:
    class Parrot:
        generation_config = tiny_model.generation_config

        def complete(self, ids: Rows, asked: Asked, done: Callable[[int], object]) -> Rows:
            done(len(ids))
            return [[*row[:3], asked.ends[0], 5] for row in ids]

    assert isinstance(Parrot(), Engine)
    assert not isinstance(tiny_model, Engine)
    made = generate(Parrot(), tokenizer, PROMPTS, GREEDY)
    assert [row.num_tokens for row in made] == [4] * len(PROMPTS)
    assert {row.finish_reason for row in made} == {"stop"}
