"""The batches that training is timed on: real texts of the project's own data, cut to the lengths of three regimes."""

from __future__ import annotations

from typing import Any, NamedTuple

from data_prep.config import SourceConfig
from data_prep.records import Message, assistant, text_of, user
from data_prep.sources import builtin


class Regime(NamedTuple):
    prompt_tokens: int | None  # None: as they are
    chosen_tokens: int | None
    rejected_tokens: int
    pairs: int
    description: str


REGIMES = {
    "short": Regime(None, None, 64, 8, "safe answer against a 64-token answer"),
    "policy": Regime(None, None, 256, 4, "safe answer against the 256 tokens a policy writes"),
    "long": Regime(1024, 128, 128, 1, "1024-token prompt, 128-token answers"),
}
STEPS_OF_ROWS = 4
"""Different batches to go through, so that no step is timed on the row before."""


def pairs_of(regime: Regime, tokenizer: Any, batches: int = STEPS_OF_ROWS) -> list[dict[str, list[Message]]]:
    """`batches` times `regime.pairs` preference pairs in TRL's conversational format, cut by tokens and decoded again."""
    harmful = [row for row in builtin.read(SourceConfig()) if row.kind == "harmful"]
    helpful = " ".join(text_of(row.completion) for row in builtin.read(SourceConfig()) if row.kind == "benign")
    pool = tokenizer(helpful, add_special_tokens=False)["input_ids"]

    def filler(start: int, count: int) -> str:
        return tokenizer.decode(pool[start : start + count]).strip()

    rows = []
    for i in range(batches * regime.pairs):
        row = harmful[i]
        prompt = text_of(row.prompt)
        if regime.prompt_tokens:
            prompt = f"{filler(31 * i, regime.prompt_tokens - 60)}\n\n{prompt}"
        chosen = text_of(row.completion) if regime.chosen_tokens is None else filler(7000 + 131 * i, regime.chosen_tokens)
        rejected = filler(3000 + 257 * i, regime.rejected_tokens)
        rows.append({"prompt": user(prompt), "chosen": assistant(chosen), "rejected": assistant(rejected)})
    return rows
