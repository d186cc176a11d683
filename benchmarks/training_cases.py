"""The batches that training is timed on: real texts of the project's own data, cut to given
lengths.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from data_prep.config import SourceConfig
from data_prep.sources import builtin
from records.rows import Message, assistant, text_of, user


class Regime(NamedTuple):
    prompt_tokens: int | None  # None: as they are
    chosen_tokens: int | None
    rejected_tokens: int
    pairs: int
    description: str


REGIMES = {
    "short": Regime(None, None, 64, 8, "8 pairs: safe completion against a 64-token one"),
    "policy": Regime(
        None, None, 256, 4, "4 pairs: safe completion against the 256 tokens a policy writes"
    ),
    "long": Regime(1024, 128, 128, 1, "1 pair: 1024-token prompt, 128-token completions"),
}
GROWTH = {
    **{
        f"prompt {n}": Regime(n, 128, 128, 2, f"prompt of {n} tokens")
        for n in (128, 256, 512, 1024)
    },
    **{
        f"completion {n}": Regime(256, n, n, 2, f"completions of {n} tokens")
        for n in (64, 128, 256, 512)
    },
    **{f"pairs {n}": Regime(256, 128, 128, n, f"{n} pairs") for n in (1, 2, 4, 8)},
}
"""One thing grows at a time, from 2 pairs of a 256-token prompt and 128-token completions."""
JOBS = {
    "dpo": "DPO",
    "sft": "SFT",
    "reward": "Reward model, all layers",
    "reward-cut": (
        "Reward model as the configurations here train it, on the first two thirds of the layers "
        "(TRL's is on all, having no such setting)"
    ),
}
ADAPTERS = ("lora", "full")
PRECISIONS = ("fp32", "bf16")
REWARD_JOBS = ("reward", "reward-cut")
ON_GPU = {"policy 16": Regime(None, None, 256, 16, "16 pairs as in policy: what fills a GPU")}
ALL_REGIMES = REGIMES | GROWTH | ON_GPU
STEPS_OF_ROWS = 4
"""Different batches to go through, so that no step is timed on the row before."""


def pairs_of(
    regime: Regime, tokenizer: Any, batches: int = STEPS_OF_ROWS
) -> list[dict[str, list[Message]]]:
    """`batches` times `regime.pairs` preference pairs in TRL's conversational format, cut by tokens
    and decoded again.
    """
    rows = list(builtin.read(SourceConfig()))
    harmful = [row for row in rows if row.kind == "harmful"]
    # What is cut from it by tokens is text again, and about as many tokens when it is tokenised.
    pool = tokenizer(
        " ".join(text_of(row.completion) for row in rows if row.kind == "benign"),
        add_special_tokens=False,
    )["input_ids"]

    def filler(start: int, count: int) -> str:
        start %= len(pool) - count
        return tokenizer.decode(pool[start : start + count]).strip()

    pairs = []
    for i in range(batches * regime.pairs):
        row = harmful[i]
        prompt = text_of(row.prompt)
        if regime.prompt_tokens:
            # 60 tokens are left for the request and the chat format around it.
            prompt = f"{filler(31 * i, regime.prompt_tokens - 60)}\n\n{prompt}"
        chosen = (
            text_of(row.completion)
            if regime.chosen_tokens is None
            else filler(7000 + 131 * i, regime.chosen_tokens)
        )
        # At other places than the chosen ones: sides that share text would pack better than real
        # ones.
        rejected = filler(3000 + 257 * i, regime.rejected_tokens)
        pairs.append(
            {"prompt": user(prompt), "chosen": assistant(chosen), "rejected": assistant(rejected)}
        )
    return pairs


def demonstrations_of(regime: Regime, tokenizer: Any) -> list[dict[str, list[Message]]]:
    """Twice as many rows as there are pairs, every prompt once, chosen and rejected completions by
    turns: no row shares another's prompt.
    """
    # Twice as many, since each pair gives one row.
    pairs = pairs_of(regime, tokenizer, 2 * STEPS_OF_ROWS)
    found: list[dict[str, list[Message]]] = []
    for i, pair in enumerate(pairs):
        found.append({"prompt": pair["prompt"], "completion": pair[("chosen", "rejected")[i % 2]]})
    return found
