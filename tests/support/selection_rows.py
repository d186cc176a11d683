"""What test_selection.py and test_selection_reasons.py are made with."""

from __future__ import annotations

from typing import Any

from measured_rows import measured_row

from eval.config import ScoreboardConfig
from eval.scoreboard_rows import scoreboard_row

Json = dict[str, Any]


def estimate(mean: float | None, n: int = 10) -> Json:
    return {
        "mean": mean,
        "interval": [None, None] if mean is None else [mean, mean],
        "n": n,
        "unscored": 0,
    }


def row(
    epoch: int, harm: float | None, over: float | None, step: int = 0, **suites: float | None
) -> Json:
    """`over` on the only benign suite, unless each is given apart."""
    apart = suites or ({} if over is None else {"twins": over})
    return {
        "stage": "dpo",
        "epoch": epoch,
        "step": step,
        "harmfulness": estimate(harm),
        "share_4_5": estimate(harm and 0.5),
        "refusal_rate": estimate(0.5),
        "over_refusal_rate": estimate(over),
        "over_refusal_by_suite": {suite: estimate(rate, N) for suite, rate in apart.items()},
        # The more is refused, the more prompts are the same: intervals about as narrow as they can
        # be.
        "over_refused": {
            suite: [str(number) for number in range(round(N * (rate or 0)))]
            for suite, rate in apart.items()
        },
    }


N = 1000


CONFIG = ScoreboardConfig(max_over_refusal=0.1)


def measured(epoch: int, refused: dict[str, set[int]], n: int = 26) -> Json:
    """A scoreboard row as it is made, of `n` benign prompts a suite."""
    samples = [
        measured_row(
            policy="p",
            suite=suite,
            kind="benign",
            principle=None,
            prompt_id=f"{suite}-{number}",
            prompt="q",
            completion="a",
            harmfulness=1.0,
            refusal="full" if number in numbers else "none",
            finish_reason="stop",
        )
        for suite, numbers in refused.items()
        for number in range(n)
    ]
    return scoreboard_row(samples, stage="dpo", epoch=epoch, step=0, confidence=0.95).to_json()
