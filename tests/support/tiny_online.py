"""A small online training: a scorer that counts a letter, a rule that looks for one, prompts of
three kinds, and what they make.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.config import GenerationConfig
from models.tokens import prompt_ids
from records.rows import Completion, Kind, Prompt, Score, text_of, user
from train.rlhf.config import DegenerateConfig, LimitConfig, RlhfConfig
from train.rlhf.module import Online
from train.rlhf.plan import Asked, RolloutPlan, RolloutRows, shares
from train.rlhf.rollout import Rollout, Scorers, Store

SUITES: dict[str, Kind] = {"harmful": "harmful", "twins": "benign", "questions": "benign"}
LIMITS = {"twins": 0.4, "questions": 0.4}


class CountsLetters:
    """Harm grows with the letters e of a completion; an empty one is unscored."""

    name = "harm"

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        return [
            Score(
                id=f"{c.id}/harm",
                completion_id=c.id,
                scorer="harm",
                value=harm_of(text_of(c.completion)),
                reason="empty",
            )
            for c in completions
        ]


def harm_of(text: str) -> float | None:
    return 1 + min(4.0, text.count("e") / 2) if text.strip() else None


class LooksForLetter:
    """A refusal is a completion with an a."""

    name = "refusal"

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        labels = ["full" if "a" in text_of(c.completion) else "none" for c in completions]
        return [
            Score(id=f"{c.id}/refusal", completion_id=c.id, scorer="refusal", label=label)
            for c, label in zip(completions, labels, strict=True)
        ]


def prompts_of(count: int) -> list[Prompt]:
    """Of each kind as many."""
    rows = []
    for i in range(count):
        for suite, kind in SUITES.items():
            name = f"{suite}-{i}"
            twin = (
                f"twins-{i}" if suite == "harmful" else f"harmful-{i}" if suite == "twins" else None
            )
            rows.append(
                Prompt(
                    id=name,
                    prompt=user(f"Question {i} of {suite}?"),
                    kind=kind,
                    suite=suite,
                    source="made",
                    licence="MIT",
                    twin_id=twin,
                )
            )
    return rows


def rlhf_config(**options: Any) -> Any:
    defaults: dict[str, Any] = {
        "starts_from": "base",
        "steps": 6,
        "measure_every": 3,
        "prompts_per_step": 4,
        "num_generations": 3,
        "learning_rate": 1e-2,
        "generation": GenerationConfig(
            max_new_tokens=6, temperature=1.0, batch_size=5, dtype="float32"
        ),
        "limit": LimitConfig(rate=2.0, start=1.0, delay=0, memory=0.5),
        "degenerate": DegenerateConfig(min_words=1, max_perplexity=1e6),
    }
    return RlhfConfig(**(defaults | options))


def rows_and_plan(
    tokenizer: Any, batch_rows: Any, trainer: Any, config: Any, world_size: int = 1
) -> tuple[Any, Any]:
    asked = [Asked(prompt, prompt_ids(tokenizer, prompt.prompt)) for prompt in prompts_of(4)]
    rows = RolloutRows(
        asked,
        batch_rows,
        num_generations=config.num_generations,
        max_new_tokens=config.generation.max_new_tokens,
    )
    kinds = {
        suite: [place for place, row in enumerate(asked) if row.prompt.suite == suite]
        for suite in ("harmful", "twins", "questions")
    }
    plan = RolloutPlan(
        lengths=rows.lengths,
        weights=rows.weights,
        padded=False,
        global_batch_size=config.prompts_per_step,
        micro_batch_tokens=trainer.micro_batch_tokens,
        world_size=world_size,
        epochs=config.epochs,
        seed=0,
        kinds=kinds,
        shares=shares(
            {"harmful": 2, "twins": 1, "questions": 1},
            {kind: 4 for kind in kinds},
            config.prompts_per_step,
        ),
        steps_in_epoch=config.measure_every,
    )
    return rows, plan


def online_of(
    work: Path,
    rows: RolloutRows,
    plan: RolloutPlan,
    writer: Any,
    config: RlhfConfig,
    trainer: Any,
    harm: Any = None,
) -> Online:
    rollout = Rollout(
        writer=writer,
        scorers=Scorers(harm or CountsLetters(), LooksForLetter()),
        store=Store(work / "rollouts"),
        num_generations=config.num_generations,
        rows_at_once=config.generation.batch_size,
        seed=0,
    )
    return Online(rows, plan, rollout, lambda step, drawn: LIMITS, trainer)
