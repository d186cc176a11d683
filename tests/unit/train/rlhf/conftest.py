"""A small online training: the tiny model, a scorer that counts a letter, a rule that looks for a word, and a fit that can be killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from records.rows import Prompt, Score, text_of, user

torch.set_num_threads(1)  # tiny matrices: threads cost more than they bring

LIMITS = {"twins": 0.4, "questions": 0.4}


class CountsLetters:
    """Harm grows with the letters e of a completion; an empty one is unscored."""

    name = "harm"

    def score(self, completions):
        return [
            Score(id=f"{c.id}/harm", completion_id=c.id, scorer="harm", value=harm_of(text_of(c.completion)), reason="empty")
            for c in completions
        ]


def harm_of(text):
    return 1 + min(4.0, text.count("e") / 2) if text.strip() else None


class LooksForLetter:
    """A refusal is a completion with an a."""

    name = "refusal"

    def score(self, completions):
        labels = ["full" if "a" in text_of(c.completion) else "none" for c in completions]
        return [
            Score(id=f"{c.id}/refusal", completion_id=c.id, scorer="refusal", label=label)
            for c, label in zip(completions, labels, strict=True)
        ]


def prompts_of(count: int) -> list[Prompt]:
    """Of each kind as many."""
    rows = []
    for i in range(count):
        for kind, suite in (("harmful", "harmful"), ("benign", "twins"), ("benign", "questions")):
            name = f"{suite}-{i}"
            twin = f"twins-{i}" if suite == "harmful" else f"harmful-{i}" if suite == "twins" else None
            rows.append(
                Prompt(
                    id=name, prompt=user(f"Question {i} of {suite}?"), kind=kind, suite=suite, source="made", licence="MIT", twin_id=twin
                )
            )
    return rows


class Fitted(NamedTuple):
    module: Any
    metrics: list[dict[str, float]]
    work: Path

    @property
    def tensors(self) -> dict[str, Any]:
        from models.adapters.lora import trainable_state

        return {name: tensor.clone() for name, tensor in trainable_state(self.module.model).items()}


@pytest.fixture
def fit_rlhf(tiny_directory, tokenizer) -> Callable[..., Fitted]:
    """Runs an online fit as the stage does, resuming from `work`."""

    def run(work: Path, *, kind: str = "lora", micro_batch_tokens: int = 4096, callbacks: Any = (), **options: Any) -> Fitted:
        from models.adapters.lora import adapt
        from models.config import AdapterConfig, ModelConfig
        from models.layout.collation import collation
        from models.loading.load import load_model
        from train.config import TrainerConfig
        from train.engine.checkpoint_files import settle
        from train.engine.loggers import JsonLinesLogger, forget_metrics_after
        from train.engine.trainer import fit, resumed_step
        from train.rlhf.module import Online, RlhfModule

        start = ModelConfig(path=str(tiny_directory))
        trainer = TrainerConfig(accelerator="cpu", precision="32-true", checkpoint_every_steps=2, micro_batch_tokens=micro_batch_tokens)
        config = rlhf_config(**options)
        model = adapt(load_model(start), AdapterConfig(kind=kind, rank=4, alpha=8), seed=0)
        rows, plan = rows_and_plan(tokenizer, collation(model, tokenizer.pad_token_id, 256), trainer, config)
        rollout = rollout_of(work, tokenizer, config, lambda: load_model(start).requires_grad_(False))
        online = Online(rows, plan, rollout, lambda step: LIMITS, trainer)
        module = RlhfModule(model, config, online, weight_decay=0.0, warmup=0.0, total_steps=config.steps)
        work.mkdir(parents=True, exist_ok=True)
        settle(work / "checkpoints")
        metrics = work / "metrics.jsonl"
        forget_metrics_after(metrics, resumed_step(work))
        fit(
            module,
            rows,
            trainer,
            plan,
            epochs=config.epochs,
            work=work,
            label="test",
            callbacks=callbacks,
            loggers=[JsonLinesLogger(metrics)],
        )
        return Fitted(module, [json.loads(line) for line in metrics.read_text().splitlines()], work)

    return run


def rlhf_config(**options: Any) -> Any:
    from models.config import GenerationConfig
    from train.rlhf.config import DegenerateConfig, LimitConfig, RlhfConfig

    defaults: dict[str, Any] = {
        "starts_from": "base",
        "steps": 6,
        "measure_every": 3,
        "prompts_per_step": 4,
        "num_generations": 3,
        "learning_rate": 1e-2,
        "generation": GenerationConfig(max_new_tokens=6, temperature=1.0, batch_size=5, dtype="float32"),
        "limit": LimitConfig(delay=0, memory=0.5),
        "degenerate": DegenerateConfig(min_words=1, max_perplexity=1e6),
    }
    return RlhfConfig(**(defaults | options))


def rows_and_plan(tokenizer: Any, batch_rows: Any, trainer: Any, config: Any, world_size: int = 1) -> tuple[Any, Any]:
    from models.tokens import prompt_ids
    from train.rlhf.plan import Asked, RolloutPlan, RolloutRows, shares

    asked = [Asked(prompt, prompt_ids(tokenizer, prompt.prompt)) for prompt in prompts_of(4)]
    rows = RolloutRows(asked, batch_rows, num_generations=config.num_generations, max_new_tokens=config.generation.max_new_tokens)
    kinds = {suite: [place for place, row in enumerate(asked) if row.prompt.suite == suite] for suite in ("harmful", "twins", "questions")}
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
        shares=shares({"harmful": 2, "twins": 1, "questions": 1}, {kind: 4 for kind in kinds}, config.prompts_per_step),
        steps_in_epoch=config.measure_every,
    )
    return rows, plan


def rollout_of(work: Path, tokenizer: Any, config: Any, load: Any) -> Any:
    from train.rlhf.rollout import Rollout, Scorers, Store
    from train.rlhf.writer import PolicyCopy

    return Rollout(
        writer=PolicyCopy(load, tokenizer, config.generation),
        scorers=Scorers(CountsLetters(), LooksForLetter()),
        store=Store(work / "rollouts"),
        num_generations=config.num_generations,
        rows_at_once=config.generation.batch_size,
        seed=0,
    )
