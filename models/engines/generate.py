"""Completions in batches: greedy or sampled, the same whatever the batch a prompt falls into."""

from __future__ import annotations

import hashlib
import sys
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import GenerationConfig as HfGenerationConfig
from transformers import LogitsProcessor, LogitsProcessorList, TopPLogitsWarper

from models.config import Engine, GenerationConfig
from models.engines.decoding import neutral_generation
from models.engines.grouped_decoding import decode_grouped
from models.engines.prefill import dense_head, prefilled, shared_start
from models.engines.vllm_engine import VllmEngine
from models.layout.arithmetic import cpu_multiplies_bf16
from models.loading.chat_format import stop_ids
from models.loading.load import DTYPES
from models.tokens import prompt_ids
from records.rows import Message

SEED_RANGE = 2**63 - 1
VLLM_ROWS = 512
"""vLLM schedules rows itself, the better the more there are; yet what is written must be kept now and then."""


class Generated(NamedTuple):
    text: str
    num_tokens: int
    finish_reason: Literal["stop", "length"]  # "stop" when an end token was written, "length" when the limit cut it
    ids: tuple[int, ...] = ()  # of the text, without the end token
    end: int | None = None  # the end token that was written


class SeededSampling(LogitsProcessor):
    """Sampling as an arg-max: logits / temperature, cut to top_p, plus Gumbel noise from one generator per row.

    arg max(log p + Gumbel) is a draw from p (Maddison et al., arXiv 1411.0030), so greedy decoding of the result samples exactly,
    and a row's draws depend on its own seed alone.
    """

    def __init__(self, seeds: list[int], temperature: float, top_p: float) -> None:
        self.generators = [torch.Generator().manual_seed(seed % SEED_RANGE) for seed in seeds]
        self.temperature = temperature
        self.top_p = TopPLogitsWarper(top_p) if top_p < 1 else None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        scores = scores.float() / self.temperature
        if self.top_p is not None:
            scores = self.top_p(input_ids, scores)
        noise = torch.stack([torch.empty(scores.shape[1]).exponential_(generator=g) for g in self.generators])
        return scores - noise.log().to(scores.device)


def generate(
    model: Any,
    tokenizer: Any,
    prompts: list[list[Message]],
    config: GenerationConfig,
    *,
    starts: list[str] | None = None,
    seeds: list[int] | None = None,
    label: str = "generating",
    synced_ranks: bool = False,
) -> list[Generated]:
    """One completion a prompt, in the order given. Prompts are sorted by length and padded before what they do not share.

    `starts` are first words that the assistant is given and goes on from; texts and token counts are of what it adds.
    `model` is transformers' or a VllmEngine. `synced_ranks` keeps all ranks in step for a model whose weights are sharded (ZeRO-3).
    """
    given = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in starts] if starts else [[]] * len(prompts)
    ids = [[*prompt_ids(tokenizer, prompt), *start] for prompt, start in zip(prompts, given, strict=True)]
    ends = stop_ids(tokenizer, model.generation_config)
    return generate_from(model, tokenizer, ids, config, ends=ends, seeds=seeds, label=label, synced_ranks=synced_ranks)


def generate_from(
    model: Any,
    tokenizer: Any,
    ids: list[list[int]],
    config: GenerationConfig,
    *,
    ends: list[int],
    seeds: list[int] | None = None,
    label: str = "generating",
    synced_ranks: bool = False,
) -> list[Generated]:
    """The same from token ids, for a model whose chat template is not one of conversations (a guard model). `ends` are the tokens that
    end what it writes."""
    engine: Engine = "vllm" if isinstance(model, VllmEngine) else "transformers"
    if engine == "transformers":
        decode_grouped(model)
    order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
    results: dict[int, Generated] = {}
    with tqdm(total=len(ids), desc=label, unit="answer", disable=not sys.stderr.isatty(), leave=False) as bar:
        size = rows_at_once(config, engine)
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            batch_seeds = [seeds[i] for i in chosen] if seeds else [0] * len(chosen)
            rows = [ids[i] for i in chosen]
            made = _generate_batch(model, tokenizer, rows, config, ends, batch_seeds, synced_ranks)
            results.update(zip(chosen, made, strict=True))
            bar.update(len(chosen))
    return [results[i] for i in range(len(ids))]


def rows_at_once(config: GenerationConfig, engine: Engine) -> int:
    return config.batch_size if engine == "transformers" else max(config.batch_size, VLLM_ROWS)


def _generate_batch(
    model: Any,
    tokenizer: Any,
    ids: list[list[int]],
    config: GenerationConfig,
    ends: list[int],
    seeds: list[int],
    synced_ranks: bool,
) -> list[Generated]:
    if isinstance(model, VllmEngine):
        return [_read(tokenizer, row, ends) for row in model.complete(ids, config, ends, seeds)]
    pad = tokenizer.pad_token_id
    width = max(map(len, ids))
    # Ranks in step must make as many forward passes as each other, so they share nothing.
    shared = 0 if synced_ranks else shared_start(model, ids, width + config.max_new_tokens)
    laid_out = [[*row[:shared], *[pad] * (width - len(row)), *row[shared:]] for row in ids]
    attention = [[1] * shared + [0] * (width - len(row)) + [1] * (len(row) - shared) for row in ids]
    sampling = [SeededSampling(seeds, config.temperature, config.top_p)] if config.temperature > 0 else []
    settings = HfGenerationConfig(
        max_new_tokens=config.max_new_tokens, do_sample=False, pad_token_id=pad, eos_token_id=ends, bos_token_id=tokenizer.bos_token_id
    )
    # Sharded weights that are put together in inference mode could not be trained on afterwards.
    with torch.no_grad() if synced_ranks else torch.inference_mode(), dense_head(model), neutral_generation(model):
        output = model.generate(
            input_ids=torch.tensor(laid_out, device=model.device),
            attention_mask=torch.tensor(attention, device=model.device),
            past_key_values=prefilled(model, ids[0][:shared], len(ids)) if shared else None,
            generation_config=settings,
            logits_processor=LogitsProcessorList(sampling),
            synced_gpus=synced_ranks,
        )
    return [_read(tokenizer, row.tolist(), ends) for row in output[:, width:]]


def _read(tokenizer: Any, row: list[int], ends: list[int]) -> Generated:
    stops = [place for place, token in enumerate(row) if token in ends]
    kept = row[: stops[0]] if stops else row
    reason: Literal["stop", "length"] = "stop" if stops else "length"
    text = tokenizer.decode(kept, skip_special_tokens=True).strip()
    return Generated(text, len(kept) + bool(stops), reason, tuple(kept), row[stops[0]] if stops else None)


def seed_of(*parts: object) -> int:
    """A seed that depends on the parts only."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:7], "big")


def generation_dtype(config: GenerationConfig) -> torch.dtype:
    """`config.dtype`, with auto resolved for this machine."""
    if config.dtype != "auto":
        return DTYPES[config.dtype]
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if cpu_multiplies_bf16() else torch.float32
