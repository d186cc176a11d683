"""A few rated completions, as KTO takes them."""

from __future__ import annotations

from typing import Any

from present import present

from models.layout.collation import Collation, padded
from models.tokens import encode
from train.kto import KtoRows

LABELS = [True, False, True, True, False, False]


def texts() -> list[dict[str, Any]]:
    return [
        {
            "prompt": [{"role": "user", "content": f"Question {i}?"}],
            "completion": [
                {"role": "assistant", "content": "No, ask a doctor." + " Do that soon." * (i % 3)}
            ],
            "label": LABELS[i],
        }
        for i in range(6)
    ]


def rows_of(tokenizer: Any, batch_rows: Collation | None = None) -> KtoRows:
    """TRL's rotation within a batch: every prompt with the completion of the row before."""
    data = texts()
    rows = [present(encode(tokenizer, row["prompt"], row["completion"], 128)) for row in data]
    mismatched = [
        present(encode(tokenizer, row["prompt"], data[i - 1]["completion"], 128))
        for i, row in enumerate(data)
    ]
    return KtoRows(rows, mismatched, LABELS, batch_rows or padded(0))
