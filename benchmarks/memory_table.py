"""Writes docs/memory.md: estimated memory of a rank for Meditron 7B and 70B, and how estimates
compare with measured peaks.

python -m benchmarks.memory_table
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from transformers import LlamaConfig

from benchmarks.machine import ROOT
from benchmarks.training_cases import REGIMES, REWARD_JOBS
from models.config import AdapterConfig, ModelConfig
from models.loading.footprint import (
    GB,
    GPU_CONTEXT,
    Shape,
    peak_bytes,
    shape_from,
    shape_of,
    training_bytes,
)

# The sizes in their config.json, which are Llama 2's.
MEDITRON = {
    "Meditron-7B": LlamaConfig(vocab_size=32_017),
    "Meditron-70B": LlamaConfig(
        vocab_size=32_017,
        hidden_size=8192,
        intermediate_size=28_672,
        num_hidden_layers=80,
        num_attention_heads=64,
        num_key_value_heads=8,
    ),
}
TOKENS, GPUS, GPU_GB = 8192, (1, 4, 16), 80
PROCESS_BYTES = 0.75 * GB
"""Of a Python process with torch, transformers and Lightning loaded, on a CPU; seen on the machine
of docs/speed.md."""


def estimate(shape: Shape, stage: int, ranks: int) -> float:
    """GB on a GPU: bfloat16 base under LoRA, float32 weights in full training, gradient
    checkpointing.
    """
    # Under LoRA the base may lie in bfloat16; trained weights are float32, as AdamW needs them.
    weight_bytes = 2 if shape.trained < shape.parameters else 4
    parts = training_bytes(
        shape,
        weight_bytes=weight_bytes,
        matrix_bytes=2,
        zero_stage=stage,
        ranks=ranks,
        tokens=TOKENS,
        checkpointing=True,
    )
    return (peak_bytes(parts) + GPU_CONTEXT) / GB


def table() -> Iterator[str]:
    yield (
        "| model | trained | ZeRO | "
        + " | ".join(f"{ranks} GPU" + "s" * (ranks > 1) for ranks in GPUS)
        + " |"
    )
    yield "|---|---|---|" + "---:|" * len(GPUS)
    for name, config in MEDITRON.items():
        for kind in ("lora", "full"):
            shape = shape_from(config, AdapterConfig(kind=kind))  # type: ignore[arg-type]
            for stage in (1, 2, 3):
                cells = []
                for gb in (estimate(shape, stage, n) for n in GPUS):
                    cells.append(f"{gb:,.0f} GB" + (" (too much)" if gb > GPU_GB else ""))
                yield f"| {name} | {kind} | {stage} | " + " | ".join(cells) + " |"


def comparison(results: dict[str, Any]) -> Iterator[tuple[str, float, float]]:
    """(case, estimated, measured) in GB, for SmolLM2 on this project's benchmark machine."""
    # Once for all cases: a shape is read off a network that is built for it.
    shapes = {kind: shape_of(ModelConfig(), AdapterConfig(kind=kind)) for kind in ("lora", "full")}  # type: ignore[arg-type]
    for case in results["cases"]:
        found = case["against"].get("trl_best")
        if (
            found
            and case["job"] not in REWARD_JOBS
            # Only what this page names: growth and GPU cases are shown elsewhere.
            and case["regime"] in REGIMES
            and "tokens" in found
        ):
            parts = training_bytes(
                shapes[case["adapter"]],
                weight_bytes=4,
                matrix_bytes=2 if case["precision"] == "bf16" else 4,
                zero_stage=0,
                ranks=1,
                tokens=int(found["tokens"]),
                checkpointing=False,
            )
            name = ", ".join(case[part] for part in ("job", "regime", "adapter", "precision"))
            yield (
                name,
                (peak_bytes(parts) + PROCESS_BYTES) / GB,
                # The benchmark writes GiB, the estimate and its page GB.
                found["primum"]["peak_gb"] * 2**30 / GB,
            )


def page() -> str:
    lines = [
        "# Memory",
        "",
        (
            "`primum check` estimates what a rank takes from the model's config, without reading a "
            "weight; `models/loading/footprint.py` has the formula."
        ),
        (
            f"Written by `python -m benchmarks.memory_table`: {TOKENS} tokens at once on a rank, "
            "gradient checkpointing, bfloat16 arithmetic; LoRA of"
        ),
        (
            "rank 16 on a bfloat16 base, full training on float32 weights with AdamW; GPUs of "
            f"{GPU_GB} GB. Estimated, never measured on these models."
        ),
        "",
        *table(),
        "",
        "## Estimated and measured",
        "",
        (
            "SmolLM2-135M on the machine of [speed.md](speed.md), everything a step needs at once, "
            "no checkpointing; the process itself is"
        ),
        (
            f"taken as {PROCESS_BYTES / GB:.2f} GB. In float32 on a CPU, where large tensors ask "
            "for huge pages, peaks are a tenth to a quarter below the estimate."
        ),
        "",
        "| case | estimated | measured peak |",
        "|---|---:|---:|",
    ]
    results = json.loads((ROOT / "benchmarks" / "results" / "training.json").read_text())
    for name, estimated, measured in comparison(results):
        lines.append(f"| {name} | {estimated:.1f} GB | {measured:.1f} GB |")
    return "\n".join(lines) + "\n"


def main() -> None:
    (ROOT / "docs" / "memory.md").write_text(page())


if __name__ == "__main__":
    main()
