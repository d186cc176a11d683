"""How fast answers are written, by the ways that transformers offers: tokens a second for the same
prompts, greedy, one way after the other.

    python -m benchmarks.generation [--model smollm2] [--device cpu] [--prompts 64] [--tokens
        32] [--rounds 2] [--ways WAY ...]
                                    [--dtype auto] [--stop TEXT] [--output FILE] [--vllm PYTHON]

`plain` is `generate` on prompts in the order given, `sorted` the same by length, `frozen` that with
weights that need no gradient, `static` with a static cache, `continuous` transformers' continuous
batching, `primum` what every stage uses, `launched` that without CUDA graphs (on a GPU), `vllm` the
stages' other engine, where `--vllm` names a Python that has it. `--stop .` ends a completion at its
first full stop too, so that lengths differ as those of refusals and of completions do; without it
most are as long as the limit. `--ways` takes some of them ("plain, 64 at once"). Each way has a
model of its own; rounds go through all of them in turn. Tells how many texts differ from the first
way's (`plain` in batches of one), and beside tokens a second those a second of this process' CPU
time, which on a busy machine says more. Results go to benchmarks/results/generation-DEVICE.json, or
to `--output`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from transformers import ContinuousBatchingConfig
from transformers import GenerationConfig as HfGenerationConfig

from benchmarks.machine import ROOT, machine
from benchmarks.random_llama import MODELS, SMOLLM2, model_config
from benchmarks.training import PACKAGES
from data_prep.config import SourceConfig
from data_prep.sources import builtin
from models.config import GenerationConfig, ModelConfig, VllmConfig
from models.engines.generate import generate_from, generation_dtype
from models.engines.vllm_engine import VllmEngine, vllm_version
from models.loading.load import load_model, load_tokenizer, quieten
from models.tokens import prompt_ids

Ids = list[list[int]]
WARM_UP_TOKENS = 4


class Written(NamedTuple):
    texts: list[str]
    tokens: int  # without end tokens


class Way(NamedTuple):
    name: str
    write: Callable[[int], Written]  # given how many new tokens at most


def plain(
    model: Any, tokenizer: Any, prompts: Ids, settings: HfGenerationConfig, batch: int
) -> Ids:
    written: Ids = []
    for start in range(0, len(prompts), batch):
        rows = prompts[start : start + batch]
        width = max(map(len, rows))
        ids = torch.tensor(
            [[tokenizer.pad_token_id] * (width - len(row)) + row for row in rows],
            device=model.device,
        )
        mask = torch.tensor(
            [[0] * (width - len(row)) + [1] * len(row) for row in rows], device=model.device
        )
        with torch.inference_mode():
            output = model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)
        for row in output[:, width:].tolist():
            written.append(_until_end(row, settings.eos_token_id))
    return written


def _until_end(row: list[int], ends: list[int]) -> list[int]:
    return row[: next((place for place, token in enumerate(row) if token in ends), len(row))]


def _read(tokenizer: Any, written: Ids) -> Written:
    return Written(
        [tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in written],
        sum(map(len, written)),
    )


def ways(options: argparse.Namespace, dtype: torch.dtype) -> list[Way]:
    base = model_config(options.model)
    tokenizer = load_tokenizer(base)
    messages = [row.prompt for row in builtin.read(SourceConfig())][
        :: max(1, 500 // options.prompts)
    ][: options.prompts]
    prompts = [prompt_ids(tokenizer, prompt) for prompt in messages]
    by_length = sorted(prompts, key=len)
    ends = [
        tokenizer.eos_token_id,
        *(tokenizer(options.stop, add_special_tokens=False)["input_ids"] if options.stop else []),
    ]
    # Texts of all ways are compared by prompt, so they must come in one order.
    back = [by_length.index(prompt) for prompt in prompts]
    common = {
        "do_sample": False,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": ends,
    }

    def fresh() -> Any:
        return load_model(base).to(dtype).to(options.device)

    def way(
        name: str, batch: int, *, ordered: bool = False, frozen: bool = False, **settings: Any
    ) -> Way:
        # Each way its own: `static` and ours change what they are given.
        model = fresh().requires_grad_(not frozen)

        def write(tokens: int) -> Written:
            config = HfGenerationConfig(max_new_tokens=tokens, **common, **settings)
            if not ordered:
                return _read(tokenizer, plain(model, tokenizer, prompts, config, batch))
            written = plain(model, tokenizer, by_length, config, batch)
            return _read(tokenizer, [written[i] for i in back])

        return Way(f"{name}, {batch} at once", write)

    # Made only when asked for: every way has a model in memory.
    offered: dict[str, Callable[[], Way]] = {
        "plain, 1 at once": lambda: way("plain", 1),
        "plain, 8 at once": lambda: way("plain", 8),
        "plain, 64 at once": lambda: way("plain", 64),
        "sorted, 32 at once": lambda: way("sorted", 32, ordered=True),
        "sorted, 64 at once": lambda: way("sorted", 64, ordered=True),
        "frozen, 64 at once": lambda: way("frozen", 64, ordered=True, frozen=True),
        "static, 64 at once": lambda: way(
            "static", 64, ordered=True, cache_implementation="static", disable_compile=True
        ),
        "continuous": lambda: continuous(fresh(), tokenizer, prompts, common),
        "primum, 64 at once": lambda: ours(
            "primum", fresh().requires_grad_(False), tokenizer, prompts, common
        ),
    }
    if options.device == "cuda":
        offered["launched, 64 at once"] = lambda: launched(offered["primum, 64 at once"]())
    if options.vllm:
        offered["vllm, 64 at once"] = lambda: ours(
            "vllm", _vllm(options, base, dtype), tokenizer, prompts, common
        )
    return [offered[name]() for name in options.ways or offered]


def _vllm(options: argparse.Namespace, base: ModelConfig, dtype: torch.dtype) -> VllmEngine:
    """Ends with this process."""
    log, gpus = Path(tempfile.mkdtemp()) / "vllm.log", [0] if options.device == "cuda" else []
    # A third of the memory: every other way has a model beside it.
    return VllmEngine(VllmConfig(python=options.vllm, memory=0.3), base, dtype, gpus=gpus, log=log)


def continuous(model: Any, tokenizer: Any, prompts: Ids, common: dict[str, Any]) -> Way:
    def write(tokens: int) -> Written:
        config = HfGenerationConfig(max_new_tokens=tokens, **common)
        found = model.generate_batch(
            prompts,
            generation_config=config,
            continuous_batching_config=ContinuousBatchingConfig(),
            # Warmed up by the first round, as all ways are.
            warmup=False,
        )
        # Results come as requests end; their keys end in the number of the request.
        done = [found[key] for key in sorted(found, key=lambda key: int(key.rsplit("_", 1)[-1]))]
        return _read(
            tokenizer, [_until_end(answer.generated_tokens, config.eos_token_id) for answer in done]
        )

    return Way("continuous", write)


def ours(name: str, model: Any, tokenizer: Any, prompts: Ids, common: dict[str, Any]) -> Way:
    def write(tokens: int) -> Written:
        settings = GenerationConfig(max_new_tokens=tokens, batch_size=64)
        completions = generate_from(
            model, tokenizer, prompts, settings, ends=common["eos_token_id"]
        )
        return Written(
            [made.text for made in completions], sum(len(made.ids) for made in completions)
        )

    return Way(f"{name}, 64 at once", write)


def launched(primum: Way) -> Way:
    """Each decoding step launched by Python, kernel by kernel."""

    def write(tokens: int) -> Written:
        with patch("models.engines.slot_decoding.recorder_for", lambda device: None):
            return primum.write(tokens)

    return Way("launched, 64 at once", write)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=SMOLLM2, choices=MODELS)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--vllm", help="a Python that vLLM is installed in")
    parser.add_argument(
        "--ways", nargs="+", help="names of ways, as they are printed; all when left out"
    )
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--stop", default="", help="a text of one token that ends a completion too")
    parser.add_argument("--output", type=Path, help="where results go")
    return parser.parse_args()


def main() -> None:
    options = _asked()
    quieten()
    dtype = generation_dtype(GenerationConfig(dtype=options.dtype))
    found: dict[str, dict[str, Any]] = {}
    contestants = ways(options, dtype)
    slow = [way for way in contestants if way.name == "plain, 1 at once"]  # needs no warm-up
    texts = {}
    for number in range(options.rounds + 1):  # the first round warms up
        for way in contestants if not number else [way for way in contestants if way not in slow]:
            start, cpu_start = time.perf_counter(), time.process_time()
            written = way.write(options.tokens if number or way in slow else WARM_UP_TOKENS)
            seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
            if number or way in slow:
                rates = found.setdefault(
                    way.name, {"tokens_per_second": [], "tokens_per_cpu_second": []}
                )
                rates["tokens_per_second"].append(written.tokens / seconds)
                # vLLM computes in a process of its own, whose time is not in this one's.
                if not way.name.startswith("vllm"):
                    rates["tokens_per_cpu_second"].append(written.tokens / cpu_seconds)
            if number == 1 or way in slow:
                texts[way.name] = written.texts
    for way in contestants:
        rates = found[way.name]["tokens_per_second"]
        # Beside prompts one at a time: a text may depend on its batch in bfloat16.
        different = sum(
            a != b for a, b in zip(texts[way.name], texts[contestants[0].name], strict=True)
        )
        found[way.name]["texts_that_differ"] = different
        print(
            f"{way.name:<22} {statistics.median(rates):7.0f} tokens/s ({min(rates):.0f} to "
            f"{max(rates):.0f})  {different} texts differ"
        )
    output = options.output or ROOT / "benchmarks" / "results" / f"generation-{options.device}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    settings = {
        "dtype": str(dtype),
        **{
            name: getattr(options, name)
            for name in ("model", "device", "prompts", "tokens", "stop")
        },
    }
    if options.vllm:
        settings["vllm"] = vllm_version(VllmConfig(python=options.vllm))
    stamp = {
        "machine": machine(options.device, PACKAGES),
        "date": time.strftime("%Y-%m-%d"),
        **settings,
        "ways": found,
    }
    output.write_text(json.dumps(stamp, indent=1) + "\n")


if __name__ == "__main__":
    main()
