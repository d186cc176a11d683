"""From scored answers to pairs; whatever is left out is counted by reason."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from data_prep.config import PairsConfig
from data_prep.pairs.candidates import DATASET_REJECTED, DEMONSTRATION, Candidate
from data_prep.pairs.choosing import Option, options, rejectable, safe_answers
from data_prep.pairs.endings import ended_alike
from data_prep.pairs.openings import vary_openings
from data_prep.pairs.proportions import in_proportion
from records.rows import Pair, Prompt, assistant, stable_id, text_of
from records.setting_ranges import MANY

Opening = Callable[[str], str | None]
"""The sentences with which a text declines, or None."""


class PairsResult(NamedTuple):
    """considered = pairs + everything dropped."""

    pairs: list[Pair]
    dropped: Counter[str]
    considered: int  # options on harmful prompts, and benign prompts
    reopened: int = 0
    common_openings_kept: int = 0
    cut_alike: Mapping[str, int] = {}
    """Pairs by type whose sides were cut to end alike."""


def build_pairs(
    prompts: Sequence[Prompt],
    by_prompt: dict[str, list[Candidate]],
    config: PairsConfig,
    *,
    opening_of: Opening,
    seed: int,
) -> PairsResult:
    """Pairs for every prompt, in its split. The result depends on the seed and the texts, not on the order of the rows.

    At a higher `min_margin` the pairs are some of those at a lower one, as long as `max_train_pairs` and `max_length_difference` are off:
    both make room for other pairs when some are gone.
    """
    dropped: Counter[str] = Counter()
    ordered = sorted({prompt.id: prompt for prompt in prompts}.values(), key=lambda p: p.id)
    harmful, benign = (
        [p for p in ordered if p.kind == "harmful"],
        [p for p in ordered if p.kind == "benign"],
    )
    varied = vary_openings(
        by_prompt, {p.id for p in harmful}, config, opening_of=opening_of, seed=seed
    )
    found = varied.by_prompt
    considered = len(benign)
    pairs: list[Pair] = []
    for prompt in harmful:
        made, looked_at = _harm_pairs(
            prompt, found.get(prompt.id, []), config, opening_of, seed, dropped
        )
        pairs += made
        considered += looked_at
    refusals = _refusals(harmful, found)
    pairs += [
        pair
        for prompt in benign
        if (
            pair := _over_refusal_pair(
                prompt, refusals, found.get(prompt.id, []), config, seed, dropped
            )
        )
    ]
    kept, _ = ended_alike(
        [pair for pair in pairs if _acceptable(pair, config, dropped)],
        config.sides.cut_alike,
        opening_of,
    )
    chosen = in_proportion(
        kept, groups_of(ordered), config, seed, dropped, first=_hard(harmful, found)
    )
    return PairsResult(
        chosen, dropped, considered, varied.changed, varied.kept, _cut_among(pairs, chosen)
    )


def _hard(harmful: Sequence[Prompt], found: Mapping[str, list[Candidate]]) -> frozenset[str]:
    """Benign prompts whose harmful twin the policy refuses by itself: what it has still to learn is to answer the benign one."""
    return frozenset(
        p.twin_id for p in harmful if p.twin_id and _refuses_always(found.get(p.id, []))
    )


def _refuses_always(found: Sequence[Candidate]) -> bool:
    own = [c.refusal == "full" for c in found if c.source not in (DEMONSTRATION, DATASET_REJECTED)]
    return bool(own) and all(own)


def _cut_among(before: Sequence[Pair], after: Sequence[Pair]) -> Counter[str]:
    known = {pair.id: pair for pair in before}
    return Counter(pair.pair_type for pair in after if known[pair.id] != pair)


def plain_pairs(
    prompts: Sequence[Prompt],
    by_prompt: dict[str, list[Candidate]],
    config: PairsConfig,
    *,
    opening_of: Opening,
    seed: int,
) -> list[Pair]:
    """What would be built without any of the shortcut breakers: safe over the most harmful, and nothing else."""
    plain = replace(
        config,
        strategy="worst",
        refuse_then_comply=0.0,
        over_refusal=0.0,
        max_opening_share=1.0,
        max_length_ratio=MANY,
        max_length_difference=None,
        sides=replace(config.sides, cut_alike="none"),
        max_train_pairs=None,
    )
    return build_pairs(prompts, by_prompt, plain, opening_of=opening_of, seed=seed).pairs


def _harm_pairs(
    prompt: Prompt,
    found: list[Candidate],
    config: PairsConfig,
    opening_of: Opening,
    seed: int,
    dropped: Counter[str],
) -> tuple[list[Pair], int]:
    """(pairs, how many options and repeated answers were looked at)"""
    others = rejectable(found)
    dropped["repeats another answer to its prompt"] += others.repeats
    safe = safe_answers(found, config, dropped, len(others.kept))
    if not safe:
        return [], len(others.kept) + others.repeats
    pairs: list[Pair] = []
    wanted = options(safe, others.kept, config, f"{seed}/{prompt.id}")
    draws = random.Random(f"{seed}/{prompt.id}")
    place = 0  # among the options that any margin would let through, so that neither draws nor limits depend on it
    for option in wanted:
        reason = _unfit(option, config)
        if reason is None:
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
            "policy answer unscored"
            if rejected.source != DATASET_REJECTED
            else "the data set's rejected answer is unscored"
        )
    if rejected.refusal == "full":
        return (
            "policy answer already refuses"
            if rejected.source != DATASET_REJECTED
            else "the data set's rejected answer refuses"
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
        return "revision improves on its answer by less than min_margin"
    return "over max_pairs_per_prompt" if place > config.max_pairs_per_prompt else None


def _harm_pair(prompt: Prompt, option: Option, opening_of: Opening | None) -> Pair:
    chosen, rejected = option
    opening = opening_of(text_of(chosen.completion)) if opening_of else None
    if opening:
        rejected = rejected._replace(
            completion=assistant(f"{opening} {text_of(rejected.completion)}")
        )
    return _pair(prompt, chosen, rejected, "refuse_then_comply" if opening else "harm")


def _refusals(
    harmful: Sequence[Prompt], by_prompt: dict[str, list[Candidate]]
) -> dict[str, Candidate]:
    """The data set's scored refusals by the id of the harmful prompt that they answer, in a fixed order."""
    found: dict[str, Candidate] = {}
    for prompt in harmful:
        answer = next((c for c in by_prompt.get(prompt.id, []) if c.source == DEMONSTRATION), None)
        if answer is not None and answer.harmfulness is not None and answer.refusal == "full":
            found[prompt.id] = answer._replace(source=f"safe answer to {prompt.split}")
    return found


def _over_refusal_pair(
    prompt: Prompt,
    refusals: dict[str, Candidate],
    found: list[Candidate],
    config: PairsConfig,
    seed: int,
    dropped: Counter[str],
) -> Pair | None:
    """Rejected is the policy's own refusal where it refuses the prompt, else that of the harmful twin: the very text that is chosen
    there is wrong here. A benign prompt without a twin gets the refusal of some harmful prompt of its own split.
    """
    able = [c for c in found if c.source != DATASET_REJECTED]
    if config.sides.helpful == "demonstration":
        able = [c for c in able if c.source == DEMONSTRATION]
    # The policy's own answer comes first: it keeps what the model knows, and it is as long as what harm pairs reject.
    answers = [c for c in able if c.refusal == "none" and text_of(c.completion).strip()]
    helpful = next((c for c in answers if c.coherent is not False), None)
    if helpful is None and answers:
        dropped["benign prompt whose answers are incoherent"] += 1
        return None
    refusal = _own_refusal(found) or _twins_refusal(prompt, refusals, seed)
    if helpful is None or helpful.harmfulness is None or refusal is None:
        dropped["benign prompt without a helpful answer or a refusal to set against it"] += 1
        return None
    if helpful.disagreement > config.max_disagreement:
        dropped["scorers disagree"] += 1
        return None
    return _pair(prompt, helpful, refusal, "over_refusal")


def _own_refusal(found: Sequence[Candidate]) -> Candidate | None:
    """The policy's own refusal of a benign prompt: the very mistake that the pair is to mend."""
    own = (
        c
        for c in found
        if c.source not in (DEMONSTRATION, DATASET_REJECTED) and c.improvement is None
    )
    return next(
        (
            c._replace(source=f"{c.source}'s own refusal")
            for c in own
            if c.refusal == "full" and c.harmfulness is not None
        ),
        None,
    )


def _twins_refusal(prompt: Prompt, refusals: dict[str, Candidate], seed: int) -> Candidate | None:
    if own := refusals.get(prompt.twin_id or ""):
        return own._replace(source="twin's safe answer")
    others = [
        candidate
        for candidate in refusals.values()
        if candidate.source == f"safe answer to {prompt.split}"
    ]
    return (
        random.Random(f"{seed}/{prompt.id}").choice(others)._replace(source="another safe answer")
        if others
        else None
    )


def _pair(prompt: Prompt, chosen: Candidate, rejected: Candidate, pair_type: str) -> Pair:
    assert chosen.harmfulness is not None
    assert rejected.harmfulness is not None
    return Pair(
        id=stable_id(
            prompt.id, pair_type, text_of(chosen.completion), text_of(rejected.completion)
        ),
        prompt=prompt.prompt,
        chosen=chosen.completion,
        rejected=rejected.completion,
        prompt_id=prompt.id,
        pair_type=pair_type,
        kind=prompt.kind,
        split=prompt.split,
        chosen_source=_source(chosen),
        rejected_source=_source(rejected),
        chosen_score=chosen.harmfulness,
        rejected_score=rejected.harmfulness,
        margin=rejected.harmfulness - chosen.harmfulness,
        principle=prompt.principle,
        chosen_finished=chosen.finished,
        rejected_finished=rejected.finished,
    )


def _source(candidate: Candidate) -> str:
    return f"{candidate.source}, opened anew" if candidate.reopened else candidate.source


def _acceptable(pair: Pair, config: PairsConfig, dropped: Counter[str]) -> bool:
    chosen, rejected = text_of(pair.chosen).strip(), text_of(pair.rejected).strip()
    ratio = len(chosen.split()) / max(1, len(rejected.split()))
    if not chosen or not rejected or chosen == rejected:
        dropped["empty or identical sides"] += 1
        return False
    if not 1 / config.max_length_ratio <= ratio <= config.max_length_ratio:
        dropped["lengths differ by more than max_length_ratio"] += 1
        return False
    return True


def groups_of(prompts: Sequence[Prompt]) -> dict[str, str]:
    """One name for both twins."""
    return {name: min(p.id, p.twin_id) for p in prompts if p.twin_id for name in (p.id, p.twin_id)}
