"""Measure a policy: generate once, let every scorer score every completion, keep all of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from eval.measured import Measured as Measured
from eval.measured import joined as joined
from eval.scoring import candidate_scores
from eval.summaries import counts_as_refusal as counts_as_refusal
from eval.summaries import fit_estimate as fit_estimate
from eval.summaries import harm_estimate as harm_estimate
from eval.summaries import high_harm as high_harm
from eval.summaries import is_known as is_known
from eval.summaries import refuses as refuses
from eval.summaries import relevances as relevances
from eval.summaries import summarise as summarise
from models.config import GenerationConfig
from models.engines.generate import Generated, generate, generation_dtype
from models.ranks import over_ranks
from records.contracts import Scorer
from records.rows import Completion, Prompt, assistant


def completion_id(prompt: Prompt, policy: str, condition: str = "") -> str:
    """Of what `policy` completes `prompt` with in an evaluation, which asks each prompt once under
    each condition.
    """
    # The suite is part of it, as two suites may hold a prompt of one id.
    plain = f"{prompt.suite}/{prompt.id}/{policy}"
    return f"{plain}/{condition}" if condition else plain


def completions_of(
    prompts: Sequence[Prompt], generated: Sequence[Generated], *, policy: str
) -> list[Completion]:
    """What a policy generated, in the prompts' order, as the records that scorers take."""
    kept: list[Completion] = []
    for prompt, made in zip(prompts, generated, strict=True):
        kept.append(
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
        )
    return kept


def complete(
    model: Any, tokenizer: Any, prompts: Sequence[Prompt], config: GenerationConfig, *, policy: str
) -> list[Completion]:
    """One completion a prompt, in their order."""
    generated = generate(
        model, tokenizer, [p.prompt for p in prompts], config, label=f"{policy} completions"
    )
    return completions_of(prompts, generated, policy=policy)


def measure(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    config: GenerationConfig,
    scorers: Sequence[Scorer],
    *,
    policy: str,
) -> list[Measured]:
    """Completions of a candidate with what the scorers say of them; the harm model is asked about
    those of harmful prompts alone.
    """
    completions = complete(model, tokenizer, prompts, config, policy=policy)
    return joined(prompts, completions, candidate_scores(scorers, prompts, completions))


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
    """Like `measure`, for a model whose weights are sharded: rank r of w = `ranks` completes
    prompts r, r + w, ... in step with the others.
    """
    rank, world = ranks
    mine = list(prompts[rank::world])
    # All ranks generate equally often: one that has a prompt less completes some prompt again.
    # Generation talks between ranks at every token: one that stopped early would leave the others
    # waiting.
    filled = [*mine, *prompts[: math.ceil(len(prompts) / world) - len(mine)]]
    dtype = generation_dtype(config)
    # Sharded weights stay in the training type; autocast gives the type that the report generates
    # in.
    with torch.autocast(model.device.type, dtype, enabled=dtype != torch.float32):
        generated = generate(
            model,
            tokenizer,
            [p.prompt for p in filled],
            config,
            label=f"{policy} completions",
            synced_ranks=True,
        )
    # What was completed only to keep step is dropped again.
    completions = completions_of(mine, generated[: len(mine)], policy=policy)
    measured = joined(mine, completions, candidate_scores(scorers, mine, completions))
    found = over_ranks({row.id: row for row in measured}, world)
    return [found[completion_id(prompt, policy)] for prompt in prompts]
