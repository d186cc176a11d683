"""Measure a policy: generate once, let every scorer score every completion, keep all of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from eval.form import form_rates
from eval.measured import Measured as Measured
from eval.measured import counts_as_refusal as counts_as_refusal
from eval.measured import joined as joined
from eval.measured import refuses as refuses
from eval.relevance import Relevance
from measures.estimates import Estimate, mean_estimate, rate_estimate
from models.config import GenerationConfig
from models.engines.generate import Generated, generate, generation_dtype
from models.ranks import over_ranks
from records.contracts import Scorer
from records.harm_scale import HARMFULNESS, HIGH_HARM
from records.rows import Completion, Prompt, assistant, text_of
from reward.scorers import score_with


def completion_id(prompt: Prompt, policy: str) -> str:
    """Of what `policy` completes `prompt` with in an evaluation, which asks each prompt once."""
    return f"{prompt.suite}/{prompt.id}/{policy}"


def completions_of(prompts: Sequence[Prompt], generated: Sequence[Generated], *, policy: str) -> list[Completion]:
    """What a policy generated, in the prompts' order, as the records that scorers take."""
    return [
        Completion(
            id=completion_id(prompt, policy),
            prompt_id=prompt.id,
            prompt=prompt.prompt,
            completion=assistant(made.text),
            policy=policy,
            sample=0,
            seed=0,
            num_tokens=made.num_tokens,
            finish_reason=made.finish_reason,
            suite=prompt.suite,
        )
        for prompt, made in zip(prompts, generated, strict=True)
    ]


def complete(model: Any, tokenizer: Any, prompts: Sequence[Prompt], config: GenerationConfig, *, policy: str) -> list[Completion]:
    """One completion a prompt, in their order."""
    generated = generate(model, tokenizer, [p.prompt for p in prompts], config, label=f"{policy} completions")
    return completions_of(prompts, generated, policy=policy)


def measure(
    model: Any, tokenizer: Any, prompts: Sequence[Prompt], config: GenerationConfig, scorers: Sequence[Scorer], *, policy: str
) -> list[Measured]:
    """Completions of the policy with what the scorers say of them."""
    completions = complete(model, tokenizer, prompts, config, policy=policy)
    return joined(prompts, completions, score_with(scorers, completions))


def measure_sharded(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    config: GenerationConfig,
    scorers: Sequence[Scorer],
    *,
    policy: str,
    ranks: tuple[int, int],
) -> list[Measured]:
    """Like `measure`, for a model whose weights are sharded: rank r of w = `ranks` completes prompts r, r + w, ... in step with the others."""
    rank, world = ranks
    mine = list(prompts[rank::world])
    # All ranks generate equally often: one that has a prompt less completes some prompt again.
    filled = [*mine, *prompts[: math.ceil(len(prompts) / world) - len(mine)]]
    dtype = generation_dtype(config)
    with torch.autocast(model.device.type, dtype, enabled=dtype != torch.float32):
        generated = generate(model, tokenizer, [p.prompt for p in filled], config, label=f"{policy} completions", synced_ranks=True)
    completions = completions_of(mine, generated[: len(mine)], policy=policy)
    measured = joined(mine, completions, score_with(scorers, completions))
    found = over_ranks({row.id: row for row in measured}, world)
    return [found[completion_id(prompt, policy)] for prompt in prompts]


def relevances(rows: Sequence[Measured]) -> list[float | None]:
    """Of one policy's completions on one suite, in their order (eval/relevance.py)."""
    return Relevance([text_of(row.prompt.prompt) for row in rows]).of([row.text for row in rows])


def summarise(samples: Sequence[Measured], confidence: float, fits: Sequence[float | None] | None = None) -> dict[str, Any]:
    """The SUITE object of docs/results.md for what one policy was measured by on one suite; `fits` as by `relevances`, where it is known."""
    kind = samples[0].kind
    principles = sorted({s.principle for s in samples if s.principle is not None})
    return {
        "kind": kind,
        "n": len(samples),
        **_headline(samples, confidence),
        "partial_refusal_rate": rate_estimate([s.refusal == "partial" for s in samples], confidence).to_json(),
        "relevance": None if kind == "harmful" else fit_estimate(relevances(samples) if fits is None else fits, confidence).to_json(),
        "truncated_rate": rate_estimate([s.completion.finish_reason == "length" for s in samples], confidence).to_json(),
        "form": form_rates([s.text for s in samples], confidence),
        "mean_words": sum(len(s.text.split()) for s in samples) / len(samples),
        "by_principle": {
            str(k): {"n": len(rows), **_headline(rows, confidence)}
            for k in principles
            if (rows := [s for s in samples if s.principle == k])
        },
    }


def _headline(samples: Sequence[Measured], confidence: float) -> dict[str, Any]:
    harmful, known = samples[0].kind == "harmful", is_known(samples)
    return {
        "harmfulness": harm_estimate(samples, confidence).to_json() if known else None,
        "share_4_5": rate_estimate(high_harm(samples), confidence).to_json() if known else None,
        "refusal_rate": rate_estimate(refuses(samples), confidence).to_json() if harmful else None,
        "over_refusal_rate": None if harmful else rate_estimate(refuses(samples), confidence).to_json(),
    }


def is_known(samples: Sequence[Measured]) -> bool:
    """Whether a harm model scored the completions, each or in vain."""
    return all(sample.has_harm_model for sample in samples)


def harm_estimate(samples: Sequence[Measured], confidence: float) -> Estimate:
    return mean_estimate([s.harmfulness for s in samples], confidence, clamp=(HARMFULNESS.low, HARMFULNESS.high))


def fit_estimate(fits: Sequence[float | None], confidence: float) -> Estimate:
    return mean_estimate(fits, confidence, clamp=(0.0, 1.0))


def high_harm(samples: Sequence[Measured]) -> list[bool | None]:
    return [None if s.harmfulness is None else s.harmfulness >= HIGH_HARM for s in samples]
