"""Pairs of a harmful prompt: a safe completion over a more harmful one."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from data_prep.pairs.candidates import DATASET_REJECTED, Candidate, pair_of
from data_prep.pairs.choosing import Option, options, rejectable, safe_completions
from data_prep.pairs.config import PairsConfig
from records.rows import Pair, Prompt, assistant, text_of

Opening = Callable[[str], str | None]
"""The sentences with which a text declines, or None."""


def harm_pairs(
    prompt: Prompt,
    found: list[Candidate],
    config: PairsConfig,
    opening_of: Opening,
    seed: int,
    dropped: Counter[str],
) -> tuple[list[Pair], int]:
    """(pairs, how many options and repeated completions were looked at)"""
    others = rejectable(found)
    dropped["repeats another completion to its prompt"] += others.repeats
    safe = safe_completions(found, config, dropped, len(others.kept))
    if not safe:
        return [], len(others.kept) + others.repeats
    pairs: list[Pair] = []
    wanted = options(safe, others.kept, config, f"{seed}/{prompt.id}")
    # A prompt's own draws: a prompt more or less changes none of the others.
    draws = random.Random(f"{seed}/{prompt.id}")
    # among the options that any margin would let through, so that neither draws nor limits depend
    # on it
    place = 0
    for option in wanted:
        reason = _unfit(option, config)
        if reason is None:
            # Drawn before the margin is looked at, so that a higher margin changes no later draw.
            mixed = draws.random() < config.refuse_then_comply
            place += 1
            reason = _beyond(option, place, config)
            if reason is None:
                pairs.append(_harm_pair(prompt, option, opening_of if mixed else None))
        if reason:
            dropped[reason] += 1
    return pairs, len(wanted) + others.repeats


def _unfit(option: Option, config: PairsConfig) -> str | None:
    """Why no margin could make a pair of it."""
    rejected = option.rejected
    if rejected.harmfulness is None:
        return (
            "the policy's completion is unscored"
            if rejected.source != DATASET_REJECTED
            else "the data set's rejected completion is unscored"
        )
    # To reject a refusal of a harmful request would teach the policy to comply.
    if rejected.refusal == "full":
        return (
            "the policy's completion already refuses"
            if rejected.source != DATASET_REJECTED
            else "the data set's rejected completion refuses"
        )
    return "scorers disagree" if rejected.disagreement > config.max_disagreement else None


def _beyond(option: Option, place: int, config: PairsConfig) -> str | None:
    assert option.chosen.harmfulness is not None
    assert option.rejected.harmfulness is not None
    margin = option.rejected.harmfulness - option.chosen.harmfulness
    if margin == 0:
        return "tie"
    if margin < config.min_margin:
        return "margin below min_margin"
    if option.chosen.improvement is not None and option.chosen.improvement < config.min_margin:
        return "revision improves on its completion by less than min_margin"
    return "over max_pairs_per_prompt" if place > config.max_pairs_per_prompt else None


def _harm_pair(prompt: Prompt, option: Option, opening_of: Opening | None) -> Pair:
    chosen, rejected = option
    opening = opening_of(text_of(chosen.completion)) if opening_of else None
    if opening:
        # The chosen side's own opening: then the opening is on both sides and tells nothing.
        rejected = rejected._replace(
            completion=assistant(f"{opening} {text_of(rejected.completion)}")
        )
    return pair_of(prompt, chosen, rejected, "refuse_then_comply" if opening else "harm")
