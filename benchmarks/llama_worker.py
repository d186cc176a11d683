"""llama.cpp behind a pipe.

Run by the Python that llama-cpp-python is installed in, which knows nothing of Primum. Reads one
JSON object {"gguf": file, "prompts": token ids of each, "texts": the same as text, "tokens": the
most that are written, "ends": ids that end a completion}; writes {"version", "rows": ids that were
added to each, the end included, "read": the ids that llama.cpp's own tokenizer makes of each text}.
All in float32, the cache of keys and values too, which is in float16 unless llama.cpp is told
otherwise.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import islice
from typing import Any

FLOAT32 = 0
"""Among the types of ggml."""


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # llama.cpp prints to standard output
    replies.write(json.dumps(completed(json.load(sys.stdin))))
    replies.close()


def completed(asked: dict[str, Any]) -> dict[str, Any]:
    # Only this file's own Python has it.
    import llama_cpp  # type: ignore[import-not-found]  # noqa: PLC0415

    room = max(map(len, asked["prompts"])) + asked["tokens"]
    model = llama_cpp.Llama(
        asked["gguf"],
        n_ctx=room,
        n_batch=room,
        n_gpu_layers=0,
        type_k=FLOAT32,
        type_v=FLOAT32,
        verbose=False,
    )
    return {
        "version": f"llama-cpp-python {llama_cpp.__version__}",
        "rows": [_row(model, ids, asked) for ids in asked["prompts"]],
        "read": [
            model.tokenize(text.encode(), add_bos=False, special=True) for text in asked["texts"]
        ],
    }


def _row(model: Any, ids: list[int], asked: dict[str, Any]) -> list[int]:
    """Greedy, one token after the other."""
    row: list[int] = []
    for token in islice(model.generate(ids, temp=0.0), asked["tokens"]):
        row.append(int(token))
        if token in asked["ends"]:
            break
    return row


if __name__ == "__main__":
    main()
