"""Whether a directory of a model answers alike in transformers, vLLM and llama.cpp.

    python -m benchmarks.engines MODEL [--vllm PYTHON] [--gguf FILE --llama FOLDER]
                                 [--prompts 50] [--tokens 24] [--output FILE]

Greedy, in float32, from the same token ids. MODEL is a directory, as `primum release` writes it.
The prompts are the project's own test prompts, at even distances, harmful and benign. For each
engine are counted: prompts whose first token is that of transformers, and those whose whole
completion is. Where tokens part, how far apart transformers' two best logits were there tells a tie
from a fault. Of llama.cpp also: prompts that its own tokenizer reads as the directory's does. Exit
code 1 where any token differs that was no tie.

`--vllm` names a Python that has vllm (its CPU build on a machine without a GPU), `--llama` the
folder in which `npm install node-llama-cpp` was run (it brings llama.cpp compiled), and `--gguf`
the same model as the converter writes it with `--outtype f32` (docs/exports.md). Results go to
benchmarks/results/engines.json, or to `--output`, beside those of engines that it has already.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoModelForCausalLM

from benchmarks.machine import ROOT, machine
from models.config import GenerationConfig, ModelConfig, VllmConfig
from models.engines.contract import Asked
from models.engines.vllm_engine import VllmEngine, vllm_version
from models.loading.chat_format import render, stop_ids
from models.loading.load import load_tokenizer, quieten
from models.tokens import prompt_ids
from pipeline.measuring.prompts import own_prompts
from records.rows import Message

Rows = list[list[int]]
LLAMA_WORKER = Path(__file__).with_name("llama_worker.mjs")
TIE = 1e-3
"""Logits that are nearer than this: another order of additions may turn them round in float32."""


class Reference(NamedTuple):
    """What transformers writes."""

    rows: Rows
    gaps: list[list[float]]
    """At every token, by how much its logit leads the second best one."""


class Agreement(NamedTuple):
    prompts: int
    first: int
    """Prompts whose first token is the same."""
    whole: int
    """Prompts whose completion is the same to its end."""
    gaps: list[float]
    """At the first token that differs, the lead of transformers' token."""


def agreement(reference: Reference, rows: Rows) -> Agreement:
    """`rows` are an engine's completions of the same prompts, ends included."""
    parted: list[float] = []
    first = 0
    for wanted, gaps, got in zip(reference.rows, reference.gaps, rows, strict=True):
        first += wanted[:1] == got[:1]
        if wanted != got:
            # A completion that is the other's beginning parts where it ends: the last gap there is.
            parted.append(gaps[min(_common(wanted, got), len(gaps) - 1)])
    return Agreement(len(rows), first, len(rows) - len(parted), parted)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Tokens before the first that differs."""
    pairs = zip(one, other, strict=False)
    return next((k for k, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def by_transformers(folder: str, prompts: Rows, ends: list[int], tokens: int) -> Reference:
    """All prompts together, padded on the left, by the library's own loop."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    width = max(map(len, prompts))
    made = model.generate(
        # Token 0 in the padding, which the mask hides.
        torch.tensor([[0] * (width - len(ids)) + ids for ids in prompts]),
        attention_mask=torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts]),
        max_new_tokens=tokens,
        do_sample=False,
        eos_token_id=ends,
        # Any token will do, as rows are cut at their first end.
        pad_token_id=ends[0],
        output_logits=True,
        return_dict_in_generate=True,
    )
    rows = [_until_end(row, ends) for row in made.sequences[:, width:].tolist()]
    # Raw logits: how near the two best were before anything else could touch them.
    best = torch.stack(made.logits).topk(2).values  # tokens, prompts, 2
    leads = (best[..., 0] - best[..., 1]).T.tolist()
    return Reference(rows, [lead[: len(row)] for lead, row in zip(leads, rows, strict=True)])


def _until_end(row: list[int], ends: list[int]) -> list[int]:
    """Without the padding behind the first token that ends a completion."""
    return next((row[: k + 1] for k, token in enumerate(row) if token in ends), row)


def by_vllm(python: str, folder: str, prompts: Rows, ends: list[int], tokens: int) -> Rows:
    settings = GenerationConfig(max_new_tokens=tokens, temperature=0.0, dtype="float32")
    log = Path(tempfile.mkdtemp()) / "vllm.log"
    how = VllmConfig(python=python, memory=0.3)
    # float32 on both sides: in bfloat16 texts part at ties that say nothing of the files.
    with VllmEngine(how, ModelConfig(path=folder), torch.float32, gpus=[], log=log) as engine:
        return engine.write(prompts, Asked(settings, ends, [0] * len(prompts)))


def by_llama(folder: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What benchmarks/llama_worker.mjs answers. Raises SystemExit with what llama.cpp said."""
    command = ["node", str(LLAMA_WORKER), folder]
    asked = {**asked, "threads": torch.get_num_threads()}
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"llama.cpp ended with {done.returncode}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def chosen(count: int) -> list[list[Message]]:
    """So many of the project's own test prompts, at even distances over all suites."""
    own = own_prompts()
    return [own[place * len(own) // count].prompt for place in range(min(count, len(own)))]


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """By engine, its version and its agreement with transformers."""
    tokenizer = load_tokenizer(ModelConfig(path=options.model))
    messages = chosen(options.prompts)
    prompts = [prompt_ids(tokenizer, prompt) for prompt in messages]
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    ends = stop_ids(tokenizer, model.generation_config)
    reference = by_transformers(options.model, prompts, ends, options.tokens)
    found: dict[str, Any] = {}
    if options.vllm:
        rows = by_vllm(options.vllm, options.model, prompts, ends, options.tokens)
        version = vllm_version(VllmConfig(python=options.vllm))
        found["vllm"] = {"version": version, **agreement(reference, rows)._asdict()}
    if options.llama:
        texts = [render(tokenizer, prompt, add_generation_prompt=True) for prompt in messages]
        asked = {"gguf": options.gguf, "prompts": prompts, "texts": texts}
        reply = by_llama(options.llama, {**asked, "tokens": options.tokens, "ends": ends})
        read = sum(got == ids for got, ids in zip(reply["read"], prompts, strict=True))
        told = {"version": reply["version"], **agreement(reference, reply["rows"])._asdict()}
        found["llama.cpp"] = {**told, "read_alike": read}
    return found


def line(name: str, found: dict[str, Any]) -> str:
    """For people."""
    count, gaps = found["prompts"], found["gaps"]
    told = (
        f"{name} ({found['version']}): first token alike in {found['first']} of {count} prompts, "
        f"whole completions in {found['whole']}"
    )
    if gaps:
        told += (
            f"; where they part, transformers' two best logits are at most {max(gaps):.1e} apart"
        )
    if "read_alike" in found:
        told += f"; its tokenizer reads {found['read_alike']} of {count} prompts alike"
    return told


def _kept(output: Path) -> dict[str, Any]:
    """Engines that were asked before; the same engine's row is replaced."""
    return json.loads(output.read_text())["engines"] if output.is_file() else {}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a directory, as primum release writes it")
    parser.add_argument("--vllm", help="a Python that has vllm")
    parser.add_argument("--llama", help="a folder with node-llama-cpp in its node_modules")
    parser.add_argument("--gguf", help="the same model for llama.cpp, converted with f32")
    parser.add_argument("--prompts", type=int, default=50)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/engines.json")
    options = parser.parse_args()
    if bool(options.llama) != bool(options.gguf) or not (options.vllm or options.llama):
        parser.error("name --vllm, or --llama together with --gguf, or all three")
    quieten()
    found = measured(options)
    for name, row in found.items():
        print(line(name, row))
    counted = {name: {**row, "tokens": options.tokens} for name, row in found.items()}
    stamp = {
        "machine": machine("cpu", ("torch", "transformers")),
        "date": time.strftime("%Y-%m-%d"),
        "engines": {**_kept(options.output), **counted},
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(stamp, indent=1) + "\n")
    # A tie may fall either way; anything else is another model.
    sys.exit(any(gap > TIE for row in found.values() for gap in row["gaps"]))


if __name__ == "__main__":
    main()
