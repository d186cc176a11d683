"""Where in the base model harm is easiest to read: AUROC of the reward model's head by layer and by
what it pools.

    python -m benchmarks.reward_layers runs/demo

Needs a run directory with prep and sample finished. Each head is fitted on the training examples of
that run's reward stage and judged on its validation examples. Writes
benchmarks/results/reward_layers.json and prints it as a table.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from data_prep.splits.split_files import LEARNED_FROM, read_splits
from models.config import ModelConfig
from models.layout.logps import collate
from models.loading.load import load_model, load_tokenizer
from models.tokens import encode
from records.rows import Completion, Demonstration
from reward.model.examples import build_examples
from reward.model.labels import rule_labels
from reward.model.probe import fit_probe

POOLS = ("last token", "mean of all tokens", "mean of prompt, mean of completion")
EVERY = 5
BATCH = 32


def pooled(
    states: torch.Tensor, attention: torch.Tensor, completion: torch.Tensor
) -> list[torch.Tensor]:
    """(B, H) or (B, 2 H) for each of POOLS. states: (B, T, H)."""

    def mean(mask: torch.Tensor) -> torch.Tensor:
        return (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)

    # Rows are padded on the right: the last true token is at the row's length less one.
    last = states[torch.arange(len(states)), attention.sum(1) - 1]
    return [last, mean(attention), torch.cat([mean(attention - completion), mean(completion)], 1)]


@torch.inference_mode()
def features_of(rows: list, layers: list[int]) -> dict[tuple[int, str], np.ndarray]:
    """Features after the first `layer` layers, through the model's final norm as a shortened model
    has it.
    """
    model, tokenizer = load_model(ModelConfig()).to(torch.bfloat16), load_tokenizer(ModelConfig())
    decoder = model.get_decoder()
    seen: dict[int, torch.Tensor] = {}
    for number in layers:
        # Hooks: one pass gives the states after every layer.
        decoder.layers[number - 1].register_forward_hook(
            lambda module, inputs, output, number=number: seen.update(
                {number: output[0] if isinstance(output, tuple) else output}
            )
        )
    found: dict[tuple[int, str], dict[int, np.ndarray]] = {}
    for layer in layers:
        for pool in POOLS:
            found[(layer, pool)] = {}
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].input_ids))
    for start in tqdm(
        range(0, len(order), BATCH), desc="features", unit="batch", disable=not sys.stderr.isatty()
    ):
        chosen = order[start : start + BATCH]
        batch = collate([rows[i] for i in chosen], tokenizer.pad_token_id)
        decoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
        for layer in layers:
            # Through the final norm, as a model that is cut after this layer would have it.
            parts = pooled(
                decoder.norm(seen[layer]).float(), batch.attention_mask, batch.completion_mask
            )
            for pool, part in zip(POOLS, parts, strict=True):
                found[layer, pool] |= dict(zip(chosen, part.numpy(), strict=True))
    kept: dict[tuple[int, str], np.ndarray] = {}
    for key, made in found.items():
        kept[key] = np.stack([made[i] for i in range(len(rows))]).astype(np.float64)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, help="a run directory of the packaged SmolLM2")
    run = parser.parse_args().run
    config = OmegaConf.load(run / "config.yaml")
    demonstrations = read_splits(run / "prep", "demonstrations", Demonstration, LEARNED_FROM)
    completions = []
    for name in ("completions", "refusals"):
        completions.extend(read_splits(run / "sample", name, Completion, LEARNED_FROM))
    examples = build_examples(
        demonstrations,
        completions,
        # By rule: the same labels for every layer, and no head that has seen any of them.
        rule_labels(completions),
        shortcut_share=config.reward.shortcut_examples,
        seed=config.seed,
    )
    tokenizer = load_tokenizer(ModelConfig())
    rows = []
    for e in examples:
        rows.append(encode(tokenizer, e.prompt, e.completion, config.model.max_length))
    whole = load_model(ModelConfig()).config.num_hidden_layers
    layers = list(range(EVERY, whole + 1, EVERY))
    features = features_of(rows, layers)
    train = [i for i, e in enumerate(examples) if e.split == "train"]
    held_out = []
    for i, e in enumerate(examples):
        if e.split == "val":
            held_out.append(i)
    results = []
    for (layer, pool), values in features.items():
        # As the reward stage begins: a head on frozen layers, with prompts kept together.
        probe = fit_probe(
            values[train], [examples[i].harmful for i in train], [examples[i].group for i in train]
        )
        logits = values[held_out] @ probe.weight + probe.bias
        results.append(
            {
                "layers": layer,
                "pool": pool,
                "auroc": roc_auc_score([examples[i].harmful for i in held_out], logits),
            }
        )
    report = {"run": run.name, "train": len(train), "held_out": len(held_out), "results": results}
    target = Path(__file__).parent / "results" / "reward_layers.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report, indent=2) + "\n")
    print(f"held-out AUROC, {len(train)} examples to fit, {len(held_out)} to judge")
    print(f"{'layers':>6}  " + "  ".join(POOLS))
    for layer in layers:
        line = (
            next(r["auroc"] for r in results if (r["layers"], r["pool"]) == (layer, pool))
            for pool in POOLS
        )
        print(
            f"{layer:>6}  "
            + "  ".join(f"{value:<{len(pool)}.3f}" for value, pool in zip(line, POOLS, strict=True))
        )


if __name__ == "__main__":
    main()
