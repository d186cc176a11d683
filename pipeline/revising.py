"""Critique and revise (Constitutional AI, arXiv 2212.08073): the policy names what is wrong with
its own completion by a principle of medical ethics, and writes it again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from models.config import GenerationConfig
from models.engines.generate import generate, seed_of
from records.principles import critique_request, principle_for, rewrite_request
from records.rows import Completion, Prompt, Revision, assistant, user

CRITIQUE_TOKENS = 64
"""One or two sentences; what is cut is still read by the revision."""


class Draft(NamedTuple):
    """One revision to write."""

    id: str
    first: Completion
    principle: int
    number: int


def drafts(
    prompts: Iterable[Prompt],
    completions: Iterable[Completion],
    *,
    samples: int,
    revisions: int,
    seed: int,
) -> list[Draft]:
    """`revisions` for every harmful prompt, dealt out over its `samples` completions in turn; of
    them, those whose completion is given here.
    """
    by_prompt: dict[str, dict[int, Completion]] = {}
    for completion in completions:
        by_prompt.setdefault(completion.prompt_id, {})[completion.sample] = completion
    kept: list[Draft] = []
    for prompt in prompts:
        # Benign completions need no critique, and nothing of the test split is sampled.
        if prompt.kind != "harmful" or prompt.split == "test":
            continue
        for number in range(revisions):
            # In turn over the completions, so that each is revised before one is revised twice.
            first = by_prompt.get(prompt.id, {}).get(number % samples)
            if first is not None:
                name = f"{prompt.id}/{first.policy}/revised/{number}"
                kept.append(Draft(name, first, _principle(prompt, number, seed), number))
    return kept


def _principle(prompt: Prompt, number: int, seed: int) -> int:
    return principle_for(prompt.id, prompt.principle, number=number, seed=seed)


def revise(
    model: Any,
    tokenizer: Any,
    block: list[Draft],
    generation: GenerationConfig,
    *,
    seed: int,
    label: str,
) -> list[Revision]:
    """Two generations for each: the critique, then the completion that takes it into account."""
    asked = []
    for d in block:
        asked.append([*d.first.prompt, *d.first.completion, *user(critique_request(d.principle))])
    brief = replace(generation, max_new_tokens=min(CRITIQUE_TOKENS, generation.max_new_tokens))
    seeds = {}
    for step in ("critique", "revision"):
        # A seed of its own for each draft and step: a block that is cut otherwise changes no text.
        seeds[step] = [seed_of(seed, d.id, step) for d in block]
    critiques = generate(
        model, tokenizer, asked, brief, seeds=seeds["critique"], label=f"{label}, critiques"
    )
    told = []
    for d, conversation, critique in zip(block, asked, critiques, strict=True):
        told.append([*conversation, *assistant(critique.text), *user(rewrite_request(d.principle))])
    made = generate(model, tokenizer, told, generation, seeds=seeds["revision"], label=label)
    found: list[Revision] = []
    for d, drawn, critique, revised in zip(block, seeds["revision"], critiques, made, strict=True):
        found.append(
            Revision(
                id=d.id,
                prompt_id=d.first.prompt_id,
                prompt=d.first.prompt,
                completion=assistant(revised.text),
                policy=f"{d.first.policy}/revised",
                sample=d.number,
                seed=drawn,
                num_tokens=revised.num_tokens,
                finish_reason=revised.finish_reason,
                suite=d.first.suite,
                answer_id=d.first.id,
                principle=d.principle,
                critique=critique.text,
            )
        )
    return found
