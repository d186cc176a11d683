"""Completions: greedy or sampled, by our own loop, transformers' or vLLM, the same whatever prompts
are beside one.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from tqdm import tqdm

from models.config import EngineName, GenerationConfig, Typed
from models.engines.contract import Asked, Engine
from models.engines.transformers_engine import TransformersEngine
from models.engines.vllm_engine import VLLM_ROWS
from models.layout.arithmetic import cpu_multiplies_bf16, gpu_multiplies_bf16
from models.loading.chat_format import stop_ids
from models.loading.load import DTYPES
from models.tokens import prompt_ids
from records.rows import Message

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

    `model` is transformers', or an `Engine` in its place. `synced_ranks` keeps all ranks in step
    for a model whose weights are sharded (ZeRO-3). Without `seeds` each prompt draws by one of its
    own tokens: it gets the same completion in any batch, and so do equal prompts. A terminal shows
    how far it is, under `label`; nothing where that is empty.
    """
    ids = [prompt_ids(tokenizer, prompt) for prompt in prompts]
    ends = stop_ids(tokenizer, model.generation_config)
    engine = _engine(model, tokenizer, synced_ranks=synced_ranks)
    asked = Asked(config, ends, _seeds(seeds, config, ids))
    return _written(engine, tokenizer, ids, asked, label)


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
    asked = Asked(config, ends, _seeds(seeds, config, ids))
    return _written(_engine(model, tokenizer), tokenizer, ids, asked, label)


def _engine(model: Any, tokenizer: Any, *, synced_ranks: bool = False) -> Engine:
    """The engine that `model` is, or one over it."""
    if isinstance(model, Engine):
        return model
    return TransformersEngine(model, tokenizer, synced_ranks=synced_ranks)


def _seeds(
    seeds: list[int] | None, config: GenerationConfig, ids: Sequence[Sequence[int]]
) -> list[int]:
    if seeds is not None:
        return seeds
    # Greedy rows draw nothing, so any seed serves them. One seed for all others would draw every
    # completion by the same numbers.
    return [seed_of(*row) if config.temperature else 0 for row in ids]


def _written(
    engine: Engine, tokenizer: Any, ids: list[list[int]], asked: Asked, label: str
) -> list[Generated]:
    with tqdm(
        total=len(ids),
        desc=label,
        unit="completion",
        disable=not (label and sys.stderr.isatty()),
        leave=False,
    ) as bar:
        written = engine.complete(ids, asked, bar.update)
    return [_read(tokenizer, row, asked.ends) for row in written]


def rows_at_once(config: GenerationConfig, engine: EngineName) -> int:
    """Rows that a caller who keeps what is written had best ask for together."""
    return (
        SLOTS_FULL * config.batch_size
        if engine == "transformers"
        else max(config.batch_size, VLLM_ROWS)
    )


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
