"""From scored completions to pairs; whatever is left out is counted by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from data_prep.pairs.candidates import DATASET_REJECTED, DEMONSTRATION, Candidate
from data_prep.pairs.config import PairsConfig
from data_prep.pairs.endings import ended_alike
from data_prep.pairs.harm_pairs import Opening, harm_pairs
from data_prep.pairs.openings import vary_openings
from data_prep.pairs.over_refusal_pairs import over_refusal_pair, refusals_of
from data_prep.pairs.proportions import in_proportion
from records.rows import Pair, Prompt, text_of
from records.setting_ranges import MANY


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
    """Pairs for every prompt, in its split.

    The result depends on the seed and the texts, not on the order of the rows.

    At a higher `min_margin` the pairs are some of those at a lower one, as long as
    `max_train_pairs` and `max_length_difference` are off: both make room for other pairs when some
    are gone.
    """
    dropped: Counter[str] = Counter()
    # By id and each once: the order of the rows must decide nothing.
    ordered = sorted({prompt.id: prompt for prompt in prompts}.values(), key=lambda p: p.id)
    harmful, benign = (
        [p for p in ordered if p.kind == "harmful"],
        [p for p in ordered if p.kind == "benign"],
    )
    # Openings first: every later step must see the texts that are trained on.
    varied = vary_openings(
        by_prompt, {p.id for p in harmful}, config, opening_of=opening_of, seed=seed
    )
    found = varied.by_prompt
    considered = len(benign)
    pairs: list[Pair] = []
    for prompt in harmful:
        made, looked_at = harm_pairs(
            prompt, found.get(prompt.id, []), config, opening_of, seed, dropped
        )
        pairs += made
        considered += looked_at
    # Of the texts with varied openings: the twin's refusal has to be the very text that is chosen
    # there.
    refusals = refusals_of(harmful, found)
    pairs += [
        pair
        for prompt in benign
        if (
            pair := over_refusal_pair(
                prompt, refusals, found.get(prompt.id, []), config, seed, dropped
            )
        )
    ]
    # Dropped by ratio before anything is cut: a cut would hide how unequal the sides were.
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
    """Benign prompts whose harmful twin the policy refuses by itself: what it has still to learn is
    to answer the benign one.
    """
    return frozenset(
        p.twin_id for p in harmful if p.twin_id and _refuses_always(found.get(p.id, []))
    )


def _refuses_always(found: Sequence[Candidate]) -> bool:
    own = []
    for c in found:
        # Only what the policy itself sampled says what it does by itself.
        if c.source not in (DEMONSTRATION, DATASET_REJECTED):
            own.append(c.refusal == "full")
    return bool(own) and all(own)


def _cut_among(before: Sequence[Pair], after: Sequence[Pair]) -> Counter[str]:
    # By id: cutting changes a pair's texts and leaves its id.
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
    """What would be built without any of the shortcut breakers: safe over the most harmful, and
    nothing else.
    """
    # Margins and limits per prompt stay, so that the figures before and after differ in the
    # breakers alone.
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
    found: dict[str, str] = {}
    for p in prompts:
        if p.twin_id:
            for name in (p.id, p.twin_id):
                # The smaller id names both, whichever of the two is met first.
                found[name] = min(p.id, p.twin_id)
    return found
