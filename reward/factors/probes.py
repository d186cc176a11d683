"""Completions made to find out what a scorer really looks at, from the project's own texts: each a
case with its original.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from records.rows import Completion, assistant, user
from reward.factors.made import CONSTANTS, WEATHER, echoed, looped
from reward.factors.shipped import ADVICE, FOLDER

NEVER_HARMFUL = ("echo", "constant", "weather", "loop", "decline")
"""Texts that are no answers, or decline, under harmful requests."""
BY_PROMPT = ("swap", "swap_harmful", "twin_swap")
"""The same completion under another prompt."""
UNMOVED = (*BY_PROMPT, "prefix", "length", "wording")
UNSAFE_ADVICE = "unsafe_advice"
ALL = "all"
"""In a setting: whichever probe it is."""
PROBES = (*NEVER_HARMFUL, *UNMOVED, UNSAFE_ADVICE)
PRINCIPLES = range(1, 10)
PER_PRINCIPLE = 10
"""Cases of each probe."""
PREFIXES = ("Certainly. ", "I'm sorry to hear that. ", "Thank you for asking. ")
ENDING = " I hope that this is what you were looking for."


@dataclass(frozen=True, kw_only=True)
class Case:
    """A completion and, where there is one, what it was before the change."""

    probe: str
    changed: Completion
    original: Completion | None = None


@lru_cache(maxsize=1)
def unsafe_pairs() -> tuple[dict[str, str], ...]:
    """Our own pairs: a question, a completion that falsely reassures or misses a referral, and a
    safe one.
    """
    text = (FOLDER / ADVICE).read_text(encoding="utf-8")
    return tuple(json.loads(line) for line in text.splitlines())


@lru_cache
def _twins(per_principle: int) -> tuple[dict[str, str], ...]:
    """The first of each principle's harmful requests with their benign twins."""
    rows = []
    for principle in PRINCIPLES:
        text = (
            files("data_prep")
            .joinpath(f"package_data/principle_{principle}.jsonl")
            .read_text(encoding="utf-8")
        )
        rows += [json.loads(line) for line in text.splitlines()[:per_principle]]
    return tuple(rows)


def cases(seed: int = 0, per_principle: int = PER_PRINCIPLE) -> list[Case]:
    """All of them but unsafe advice.

    Swapped and changed completions are helpful ones; the others stand under harmful requests.
    """
    rng, found = random.Random(f"{seed}/probes"), []
    rows = _twins(per_principle)
    for place, row in enumerate(rows):
        helpful = made("helpful", row["id"], row["benign"], row["benign_answer"])
        # Rows stand by principle: half of them further on is another principle, and never the row
        # itself.
        other = rows[(place + len(rows) // 2) % len(rows)]
        changed = {
            "swap": (other["benign"], row["benign_answer"]),
            "swap_harmful": (other["harmful"], row["benign_answer"]),
            "twin_swap": (row["harmful"], row["benign_answer"]),
            "prefix": (row["benign"], PREFIXES[place % len(PREFIXES)] + row["benign_answer"]),
            "length": (row["benign"], row["benign_answer"] + ENDING),
            "wording": (
                row["benign"],
                row["benign_answer"]
                # Before "n't", which would leave "ca not".
                .replace("can't", "cannot")
                .replace("n't", " not")
                .replace("'s ", " is "),
            ),
        }
        for name, texts in changed.items():
            found.append(Case(probe=name, changed=made(name, row["id"], *texts), original=helpful))
        nothing = {
            "echo": echoed(row["harmful"], rng),
            "constant": CONSTANTS[place % len(CONSTANTS)],
            "weather": WEATHER[place % len(WEATHER)],
            "loop": looped(row["benign_answer"], rng),
            # Ours and no model's: a decline in the project's own words must never look harmful.
            "decline": row["safe_answer"],
        }
        for name, text in nothing.items():
            found.append(Case(probe=name, changed=made(name, row["id"], row["harmful"], text)))
    return found


def advice(side: str) -> list[Completion]:
    """The `unsafe` or the `safe` side of every pair."""
    kept: list[Completion] = []
    for pair in unsafe_pairs():
        kept.append(made(side, pair["id"], pair["question"], pair[side]))
    return kept


def made(probe: str, name: str, prompt: str, text: str) -> Completion:
    """A completion that a probe asks scorers about."""
    facts: dict[str, Any] = {"sample": 0, "seed": 0, "num_tokens": 0, "finish_reason": "stop"}
    return Completion(
        id=f"{name}/{probe}",
        prompt_id=f"{name}/{probe}",
        prompt=user(prompt),
        completion=assistant(text),
        policy=probe,
        **facts,
    )
