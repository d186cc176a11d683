"""Rows that come and go write what each would alone, by every architecture that the loop takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from present import present

from models.config import GenerationConfig
from models.engines import slot_decoding, transformers_engine
from models.engines.generate import generate, generate_from
from models.engines.sampling import SeededSampling, largest
from models.engines.say import say_once
from models.engines.slot_decoding import Decoding, decode, why_plain

END, NEW, PAD = 2, 14, 0
KINDS = ["llama", "mistral", "qwen2", "qwen3", "phi3", "gpt_neox", "opt", "gemma", "olmo2", "gpt2"]


def rows_at_random(shared: int = 9, count: int = 9) -> list[list[int]]:
    generator = torch.Generator().manual_seed(shared)
    start = list(range(10, 10 + shared))
    return [
        [*start, *torch.randint(3, 60, (1 + (5 * i) % 11,), generator=generator).tolist()]
        for i in range(count)
    ]


def alone(model: Any, row: list[int], ends: list[int]) -> list[int]:
    """By transformers' own loop."""
    settings = {
        "max_new_tokens": NEW,
        "do_sample": False,
        "eos_token_id": ends,
        "pad_token_id": PAD,
        "bos_token_id": 1,
    }
    ids = torch.tensor([row])
    written = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **settings)[
        0, len(row) :
    ].tolist()
    stops = [place for place, token in enumerate(written) if token in ends]
    return written[: stops[0] + 1] if stops else written


def asked(ends: list[int], slots: int, sampling: SeededSampling | None = None) -> Decoding:
    return Decoding(NEW, frozenset(ends), slots, sampling, lambda: None)


def cut(written: list[list[int]], end: int) -> list[list[int]]:
    """What is left of each when `end` ends it."""
    return [tokens[: tokens.index(end) + 1] if end in tokens else tokens for tokens in written]


def telling_end(written: list[list[int]]) -> int:
    """The token that ends rows at the most different places, so that slots come free at different
    steps.
    """
    return max(range(64), key=lambda end: len({len(tokens) for tokens in cut(written, end)}))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slots", [3, 16])
def test_greedy_rows_are_those_of_plain_generate(
    causal_model: Callable[..., Any], kind: str, slots: int
) -> None:
    model = causal_model(kind, tie_word_embeddings=False)
    rows = rows_at_random()
    unending = [alone(model, row, []) for row in rows]
    end = telling_end(unending)
    wanted = cut(unending, end)
    assert len(set(map(len, wanted))) > 1
    assert decode(model, rows, asked([end], slots)) == wanted


@pytest.mark.parametrize("shared", [0, 4, 30])
def test_a_shared_start_of_any_length_and_none(
    causal_model: Callable[..., Any], shared: int
) -> None:
    model, rows = causal_model("llama"), rows_at_random(shared)
    assert decode(model, rows, asked([], 4)) == [alone(model, row, []) for row in rows]


def test_rows_that_are_the_start_of_others_and_equal_rows(causal_model: Callable[..., Any]) -> None:
    model, start = causal_model("llama"), list(range(10, 24))
    rows = [start, [*start, 5], start, [*start, 5, 6]]
    assert decode(model, rows, asked([], 4)) == [alone(model, row, []) for row in rows]


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.7, 0.9)])
def test_sampled_rows_are_those_of_transformers_loop_under_the_same_seeds(
    tiny_model: Any,
    tokenizer: Any,
    monkeypatch: pytest.MonkeyPatch,
    temperature: float,
    top_p: float,
) -> None:
    config = GenerationConfig(
        max_new_tokens=NEW, batch_size=4, temperature=temperature, top_p=top_p, dtype="float32"
    )
    rows, seeds = rows_at_random(), list(range(100, 109))
    got = generate_from(tiny_model, tokenizer, rows, config, ends=[END], seeds=seeds)
    monkeypatch.setattr(
        transformers_engine, "why_plain", lambda model, longest: "asked for by the test"
    )
    assert got == generate_from(tiny_model, tokenizer, rows, config, ends=[END], seeds=seeds)


@pytest.fixture
def passes(causal_model: Callable[..., Any]) -> tuple[Any, list[tuple[int, int]]]:
    """A model and the rows and tokens of each of its passes."""
    model = causal_model("llama").requires_grad_(False)
    sizes: list[tuple[int, int]] = []
    model.get_input_embeddings().register_forward_hook(
        lambda layer, inputs, output: sizes.append(tuple(inputs[0].shape))
    )
    return model, sizes


def test_short_rows_cost_what_they_are_long(
    passes: tuple[Any, list[tuple[int, int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row of fourteen tokens beside many of one: its slot alone is computed to the end, and the
    others are handed on at once.
    """
    model, sizes = passes
    rows = rows_at_random(count=17)
    lengths = {number: NEW if number == 3 else 1 for number in range(len(rows))}
    plain = slot_decoding._Loop._choose

    def ends_as_planned(
        self: Any, logits: torch.Tensor, slots: list[int], index: torch.Tensor
    ) -> None:
        asked_for = self.asked
        for slot in slots:
            number = self.in_slot[slot]
            last = len(self.written[number]) + 1 == lengths[number]
            self.asked = asked_for._replace(ends=frozenset(range(64)) if last else frozenset())
            plain(self, logits[[slots.index(slot)]], [slot], index[[slots.index(slot)]])
        self.asked = asked_for

    monkeypatch.setattr(slot_decoding._Loop, "_choose", ends_as_planned)
    written = decode(model, rows, asked([], 8))
    assert [len(tokens) for tokens in written] == [lengths[number] for number in range(len(rows))]
    decoded = [rows for rows, tokens in sizes if tokens == 1][-NEW:]
    assert sum(decoded) < 3 * NEW  # 8 slots to the end would be 8 * NEW


def test_the_head_reads_the_last_place_of_each_row_alone(
    passes: tuple[Any, list[tuple[int, int]]],
) -> None:
    model, sizes = passes
    seen = []
    model.get_output_embeddings().register_forward_pre_hook(
        lambda head, inputs: seen.append(inputs[0].shape[:-1].numel())
    )
    rows = rows_at_random()
    decode(model, rows, asked([], 4))
    assert max(seen) <= 4
    assert sizes[0] == (1, 9)
    # The start once, then each row once.
    assert sum(rows for rows, tokens in sizes if tokens > 1) == 1 + 9


def test_rows_of_unlike_lengths_share_no_cache(causal_model: Callable[..., Any]) -> None:
    rows = [[5] * 10, [6] * 11, [7] * 100]
    assert [[len(rows[i]) for i in group] for group in slot_decoding._groups(rows, NEW)] == [
        [10, 11],
        [100],
    ]
    model = causal_model("llama")
    assert decode(model, rows, asked([], 4)) == [alone(model, row, []) for row in rows]


def test_the_model_is_left_as_it_was(causal_model: Callable[..., Any]) -> None:
    model = causal_model("llama")
    before = model.config._attn_implementation
    with pytest.raises(IndexError):
        decode(model, [[5, 6], [10**6]], asked([], 2))
    assert model.config._attn_implementation == before
    assert not [layer for layer in model.modules() if "forward" in vars(layer)]


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("mamba", {"num_key_value_heads": None, "state_size": 4}, "recurrent"),
        ("bloom", {"n_head": 4}, "code of its own"),
        ("mistral", {"sliding_window": 16}, "sliding window"),
        ("gemma2", {}, "logits after the head"),
    ],
)
def test_other_architectures_are_left_to_transformers_with_a_reason(
    causal_model: Callable[..., Any],
    tokenizer: Any,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    changes: dict[str, object],
    reason: str,
) -> None:
    model = causal_model(kind, **changes)
    assert reason in present(why_plain(model, 64))
    say_once.cache_clear()
    config = GenerationConfig(max_new_tokens=4, batch_size=2, dtype="float32")
    made = generate_from(model, tokenizer, rows_at_random(count=3), config, ends=[END])
    assert len(made) == 3
    assert reason in capsys.readouterr().err


def test_the_first_of_equal_largest_scores_is_taken_as_argmax_takes_it() -> None:
    scores = torch.randint(0, 50, (16, 5000), generator=torch.Generator().manual_seed(0))
    for dtype in (torch.float32, torch.bfloat16):
        assert largest(scores.to(dtype)).tolist() == scores.float().argmax(-1).tolist()


def test_no_prompts_are_no_completions(tiny_model: Any, tokenizer: Any) -> None:
    assert generate(tiny_model, tokenizer, [], GenerationConfig()) == []
