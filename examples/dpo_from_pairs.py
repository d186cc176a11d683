"""Preference optimisation from a file of pairs, as TRL writes them.

    python examples/dpo_from_pairs.py MODEL PAIRS.jsonl OUTPUT

OUTPUT/policy is a directory that transformers reads, OUTPUT/adapter one that peft reads.
"""

from __future__ import annotations

import sys

from primum import DpoConfig, load_pairs, train_dpo


def main(model: str, pairs: str, output: str) -> list[float]:
    rows = load_pairs(pairs)
    steps = train_dpo(
        model, rows, output, dpo=DpoConfig(learning_rate=1e-3, global_batch_size=2, epochs=2)
    )
    losses = [float(step["loss"]) for step in steps]
    print(f"{len(rows)} pairs, {len(losses)} steps, loss {losses[0]:.3f} to {losses[-1]:.3f}")
    return losses


if __name__ == "__main__":
    main(*sys.argv[1:])
