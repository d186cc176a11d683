"""Completions: greedy or sampled, by our own loop, transformers' or vLLM, the same whatever prompts
are beside one.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import torch
from tqdm import tqdm
from transformers import GenerationConfig as HfGenerationConfig
from transformers import LogitsProcessorList

from models.config import Engine, GenerationConfig, Typed
from models.engines.decoding import neutral_generation
from models.engines.grouped_decoding import decode_grouped
from models.engines.prefill import dense_head, prefilled, shared_start
from models.engines.sampling import SeededSampling
from models.engines.say import say_once
from models.engines.slot_decoding import Decoding, decode, why_plain
from models.engines.vllm_engine import VllmEngine
from models.layout.arithmetic import cpu_multiplies_bf16, gpu_multiplies_bf16
from models.loading.chat_format import stop_ids
from models.loading.load import DTYPES
from models.tokens import prompt_ids
from records.rows import Message

VLLM_ROWS = 512
"""vLLM schedules rows itself, the better the more there are; yet what is written must be kept now
and then."""
SLOTS_FULL = 8
"""Times that our own loop fills its slots between two such keepings: what is left at the end of
each leaves slots empty."""


class Generated(NamedTuple):
    text: str
    num_tokens: int
    # "stop" when an end token was written, "length" when the limit cut it.
    finish_reason: Literal["stop", "length"]
    ids: tuple[int, ...] = ()  # of the text, without the end token
    end: int | None = None  # the end token that was written


def generate(
    model: Any,
    tokenizer: Any,
    prompts: list[list[Message]],
    config: GenerationConfig,
    *,
    seeds: list[int] | None = None,
    label: str = "generating",
    synced_ranks: bool = False,
) -> list[Generated]:
    """One completion a prompt, in the order given.

    `config.batch_size` of them are written at once; one that ends leaves its place to the next.

    `model` is transformers' or a VllmEngine. `synced_ranks` keeps all ranks in step for a model
    whose weights are sharded (ZeRO-3). Without `seeds` each prompt draws by one of its own tokens:
    it gets the same completion in any batch, and so do equal prompts. A terminal shows how far it
    is, under `label`; nothing where that is empty.
    """
    ids = [prompt_ids(tokenizer, prompt) for prompt in prompts]
    ends = stop_ids(tokenizer, model.generation_config)
    asked = _Asked(config, ends, _seeds(seeds, config, ids), synced_ranks)
    return _written(model, tokenizer, ids, asked, label)


def go_on(
    model: Any,
    tokenizer: Any,
    prompts: list[list[Message]],
    starts: list[str],
    config: GenerationConfig,
    *,
    seeds: list[int] | None = None,
    label: str = "generating",
) -> list[Generated]:
    """The same from `starts`, the first words of each completion, which may be empty; texts and
    token counts are of what the model adds.
    """
    ids = []
    for prompt, start in zip(prompts, starts, strict=True):
        given = tokenizer(start, add_special_tokens=False)["input_ids"]
        ids.append([*prompt_ids(tokenizer, prompt), *given])
    ends = stop_ids(tokenizer, model.generation_config)
    return generate_from(model, tokenizer, ids, config, ends=ends, seeds=seeds, label=label)


def generate_from(
    model: Any,
    tokenizer: Any,
    ids: list[list[int]],
    config: GenerationConfig,
    *,
    ends: list[int],
    seeds: list[int] | None = None,
    label: str = "generating",
) -> list[Generated]:
    """The same from token ids, for a model whose chat template is not one of conversations (a guard
    model). `ends` are the tokens that end what it writes."""
    asked = _Asked(config, ends, _seeds(seeds, config, ids), synced_ranks=False)
    return _written(model, tokenizer, ids, asked, label)


def _seeds(
    seeds: list[int] | None, config: GenerationConfig, ids: Sequence[Sequence[int]]
) -> list[int]:
    if seeds is not None:
        return seeds
    # Greedy rows draw nothing, so any seed serves them. One seed for all others would draw every
    # completion by the same numbers.
    return [seed_of(*row) if config.temperature else 0 for row in ids]


class _Asked(NamedTuple):
    config: GenerationConfig
    ends: list[int]
    seeds: list[int]
    synced_ranks: bool


def _written(
    model: Any, tokenizer: Any, ids: list[list[int]], asked: _Asked, label: str
) -> list[Generated]:
    config, ends = asked.config, asked.ends
    with tqdm(
        total=len(ids),
        desc=label,
        unit="completion",
        disable=not (label and sys.stderr.isatty()),
        leave=False,
    ) as bar:
        if isinstance(model, VllmEngine):
            written = _in_batches(
                ids,
                asked,
                VLLM_ROWS,
                bar,
                lambda rows, seeds: model.complete(rows, config, ends, seeds),
            )
        elif why := _why_plain(model, ids, asked):
            say_once(
                f"{type(model).__name__} writes with transformers' own loop, which is slower: {why}"
            )
            # Only here: the slots of our own loop bring an attention of their own.
            decode_grouped(model)
            written = _in_batches(
                ids,
                asked,
                1,
                bar,
                lambda rows, seeds: _plain(model, tokenizer, rows, asked._replace(seeds=seeds)),
            )
        else:
            sampling = (
                SeededSampling(asked.seeds, config.temperature, config.top_p, model.device)
                if config.temperature > 0
                else None
            )
            written = decode(
                model,
                ids,
                Decoding(
                    config.max_new_tokens, frozenset(ends), config.batch_size, sampling, bar.update
                ),
            )
    return [_read(tokenizer, row, ends) for row in written]


def _why_plain(model: Any, ids: list[list[int]], asked: _Asked) -> str | None:
    if asked.synced_ranks:
        return "ranks that share its weights must make as many passes as each other"
    return why_plain(model, max(map(len, ids), default=0) + asked.config.max_new_tokens)


def _in_batches(
    ids: list[list[int]],
    asked: _Asked,
    least: int,
    bar: Any,
    write: Callable[[list[list[int]], list[int]], Any],
) -> list[list[int]]:
    """Rows by length, so many at once."""
    order, size = (
        sorted(range(len(ids)), key=lambda i: (len(ids[i]), i)),
        max(asked.config.batch_size, least),
    )
    written: dict[int, list[int]] = {}
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        made = write([ids[i] for i in chosen], [asked.seeds[i] for i in chosen])
        written.update(zip(chosen, made, strict=True))
        bar.update(len(chosen))
    return [written[i] for i in range(len(ids))]


def rows_at_once(config: GenerationConfig, engine: Engine) -> int:
    """Rows that a caller who keeps what is written had best ask for together."""
    return (
        SLOTS_FULL * config.batch_size
        if engine == "transformers"
        else max(config.batch_size, VLLM_ROWS)
    )


def _plain(model: Any, tokenizer: Any, ids: list[list[int]], asked: _Asked) -> list[list[int]]:
    """One batch, by transformers' own loop; tokens after the end are padding."""
    config, ends, synced_ranks = asked.config, asked.ends, asked.synced_ranks
    pad = tokenizer.pad_token_id
    width = max(map(len, ids))
    # Ranks in step must make as many forward passes as each other, so they share nothing.
    shared = 0 if synced_ranks else shared_start(model, ids, width + config.max_new_tokens)
    # Padded on the left, as `generate` reads the last place, but behind the shared start: its keys
    # and values stand at the front of the cache.
    laid_out = [[*row[:shared], *[pad] * (width - len(row)), *row[shared:]] for row in ids]
    attention = [[1] * shared + [0] * (width - len(row)) + [1] * (len(row) - shared) for row in ids]
    sampling = (
        [SeededSampling(asked.seeds, config.temperature, config.top_p)]
        if config.temperature > 0
        else []
    )
    settings = HfGenerationConfig(
        max_new_tokens=config.max_new_tokens,
        # SeededSampling has added the noise: the largest of its scores is the draw.
        do_sample=False,
        pad_token_id=pad,
        eos_token_id=ends,
        bos_token_id=tokenizer.bos_token_id,
    )
    # Sharded weights that are put together in inference mode could not be trained on afterwards.
    with (
        torch.no_grad() if synced_ranks else torch.inference_mode(),
        dense_head(model),
        neutral_generation(model),
    ):
        output = model.generate(
            input_ids=torch.tensor(laid_out, device=model.device),
            attention_mask=torch.tensor(attention, device=model.device),
            past_key_values=prefilled(model, ids[0][:shared], len(ids)) if shared else None,
            generation_config=settings,
            logits_processor=LogitsProcessorList(sampling),
            synced_gpus=synced_ranks,
        )
    return [row.tolist() for row in output[:, width:]]


def _read(tokenizer: Any, row: list[int], ends: list[int]) -> Generated:
    stops = [place for place, token in enumerate(row) if token in ends]
    kept = row[: stops[0]] if stops else row
    reason: Literal["stop", "length"] = "stop" if stops else "length"
    # Rows of a batch that end early are padded up to the longest: only what is before the first end
    # token was written. That token counts, as the policy had to choose it.
    text = tokenizer.decode(kept, skip_special_tokens=True).strip()
    return Generated(
        text, len(kept) + bool(stops), reason, tuple(kept), row[stops[0]] if stops else None
    )


def seed_of(*parts: object) -> int:
    """A seed that depends on the parts only."""
    # Python salts `hash` in every process. Seven bytes stay below SEED_RANGE, so that no two seeds
    # become one.
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:7], "big")


def generation_dtype(config: Typed) -> torch.dtype:
    """`config.dtype`, with auto resolved for this machine."""
    if config.dtype != "auto":
        return DTYPES[config.dtype]
    if torch.cuda.is_available():
        return torch.bfloat16 if gpu_multiplies_bf16() else torch.float16
    return torch.bfloat16 if cpu_multiplies_bf16() else torch.float32
