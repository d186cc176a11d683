"""How fast completions are written beside llama.cpp, with the same weights in float32.

    python -m benchmarks.generation_llama MODEL --gguf FILE --llama FOLDER [--prompts 64]
                                          [--tokens 32] [--rounds 3] [--output FILE]

Greedy, 64 prompts of the project's own at once, in turn. MODEL is a directory; `--gguf` is the same
model as the converter writes it with `--outtype f32` (docs/exports.md), `--llama` the folder in
which `npm install node-llama-cpp` was run. llama.cpp times itself, without its start and the
reading of its file. Both compute with as many threads as torch takes (OMP_NUM_THREADS). Tells
tokens a second, and how many completions are the same. Results go to
benchmarks/results/generation-llama.json, or to `--output`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.engines import by_llama, chosen
from benchmarks.machine import ROOT, machine
from models.config import GenerationConfig, ModelConfig
from models.engines.generate import generate_from
from models.loading.chat_format import stop_ids
from models.loading.load import load_model, load_tokenizer, quieten
from models.tokens import prompt_ids

AT_ONCE = 64


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Tokens a second of every round, by engine; the first round warms up and is left out."""
    config = ModelConfig(path=options.model)
    tokenizer, model = load_tokenizer(config), load_model(config).requires_grad_(False)
    prompts = [prompt_ids(tokenizer, message) for message in chosen(options.prompts)]
    ends = stop_ids(tokenizer, model.generation_config)
    asked = {"gguf": options.gguf, "prompts": prompts, "texts": [], "ends": ends}
    asked |= {"tokens": options.tokens, "at_once": AT_ONCE}
    settings = GenerationConfig(
        max_new_tokens=options.tokens, batch_size=AT_ONCE, dtype="float32", temperature=0.0
    )
    rates: dict[str, list[float]] = {"primum": [], "llama.cpp": []}
    same = 0
    for number in range(options.rounds + 1):
        start = time.perf_counter()
        made = generate_from(model, tokenizer, prompts, settings, ends=ends)
        ours = sum(len(one.ids) for one in made) / (time.perf_counter() - start)
        reply = by_llama(options.llama, asked)
        theirs = [[token for token in row if token not in ends] for row in reply["rows"]]
        same = sum(list(one.ids) == row for one, row in zip(made, theirs, strict=True))
        if number:
            rates["primum"].append(ours)
            rates["llama.cpp"].append(sum(map(len, theirs)) / reply["seconds"])
    return {
        "version": reply["version"],
        "threads": torch.get_num_threads(),
        "tokens_per_second": rates,
        "completions_alike": same,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--llama", required=True)
    for name, default in (("prompts", 64), ("tokens", 32), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks/results/generation-llama.json"
    )
    options = parser.parse_args()
    quieten()
    found = compare(options)
    for name, rates in found["tokens_per_second"].items():
        middle = statistics.median(rates)
        print(f"{name:<10} {middle:6.0f} tokens/s ({min(rates):.0f} to {max(rates):.0f})")
    print(f"{found['completions_alike']} of {options.prompts} completions are the same")
    told = {name: getattr(options, name) for name in ("prompts", "tokens")}
    stamp = {"machine": machine("cpu", ("torch", "transformers")), **told, **found}
    options.output.write_text(json.dumps(stamp, indent=1) + "\n")


if __name__ == "__main__":
    main()
