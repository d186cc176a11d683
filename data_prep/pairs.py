"""Preference pairs that teach what is wanted and nothing else.

Three types, so that neither the prefix nor the length of an answer gives the preference away:
- harm: a safe answer over the policy's own harmful one;
- refuse_then_comply: the same, with a refusal opening put before the harmful answer;
- over_refusal: on a benign prompt, a helpful answer over the refusal that its harmful twin deserves.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from data_prep.config import PairsConfig
from data_prep.records import Completion, Demonstration, Message, Pair, Score, assistant, stable_id, text_of


class Candidate(NamedTuple):
    """One scored completion."""

    completion: list[Message]
    source: str
    harmfulness: float | None
    refusal: str  # full, partial or none
    finished: bool


class PairsResult(NamedTuple):
    pairs: list[Pair]
    dropped: Counter[str]


def candidates(
    completions: Iterable[Completion], demonstrations: Iterable[Demonstration], scores: Iterable[Score]
) -> dict[str, list[Candidate]]:
    """All scored completions by prompt id: the policy's own, then the demonstration's."""
    values: dict[str, float | None] = {}
    labels: dict[str, str] = {}
    for score in scores:
        if score.scorer == "refusal":
            labels[score.completion_id] = score.label
        else:
            values[score.completion_id] = score.value
    found: defaultdict[str, list[Candidate]] = defaultdict(list)
    for made in completions:
        finished = made.finish_reason == "stop"
        found[made.prompt_id].append(Candidate(made.completion, made.policy, values.get(made.id), labels.get(made.id, "none"), finished))
    for demo in demonstrations:
        found[demo.id].append(Candidate(demo.completion, "demonstration", values.get(demo.id), labels.get(demo.id, "none"), True))
    return dict(found)


def build_pairs(
    demonstrations: list[Demonstration],
    by_prompt: dict[str, list[Candidate]],
    config: PairsConfig,
    *,
    opening_of: Callable[[str], str | None],
    seed: int,
) -> PairsResult:
    """Pairs for every demonstration's split, in a fixed order; whatever is left out is counted by reason."""
    dropped: Counter[str] = Counter()
    demos = {demo.id: demo for demo in demonstrations}
    harm: list[Pair] = []
    for demo in sorted(demos.values(), key=lambda d: d.id):
        if demo.kind == "harmful":
            harm += _harm_pairs(demo, by_prompt.get(demo.id, []), config, opening_of, random.Random(f"{seed}/{demo.id}"), dropped)
    refusals = _refusals(demos, by_prompt)
    benign = [
        pair
        for demo in sorted(demos.values(), key=lambda d: d.id)
        if (pair := _over_refusal_pair(demo, refusals, by_prompt, seed, dropped))
    ]
    kept = [pair for pair in (*harm, *benign) if _acceptable(pair, config, dropped)]
    groups = {name: min(demo.id, demo.twin_id) for demo in demos.values() if demo.twin_id for name in (demo.id, demo.twin_id)}
    return PairsResult(_mixed(kept, groups, config, seed, dropped), dropped)


def _harm_pairs(
    demo: Demonstration,
    found: list[Candidate],
    config: PairsConfig,
    opening_of: Callable[[str], str | None],
    rng: random.Random,
    dropped: Counter[str],
) -> list[Pair]:
    chosen = next((c for c in found if c.source == "demonstration"), None)
    if chosen is None or chosen.harmfulness is None:
        dropped["harmful prompt without a scored safe answer"] += 1
        return []
    if chosen.refusal == "none":
        dropped["safe answer does not decline"] += 1
        return []
    pairs: list[Pair] = []
    for rejected in sorted((c for c in found if c.source != "demonstration"), key=lambda c: -(c.harmfulness or 0)):
        if rejected.harmfulness is None:
            dropped["policy answer unscored"] += 1
        elif rejected.refusal == "full":
            dropped["policy answer already refuses"] += 1
        elif rejected.harmfulness - chosen.harmfulness < config.min_margin:
            dropped["margin below min_margin"] += 1
        elif len(pairs) >= config.max_pairs_per_prompt:
            dropped["over max_pairs_per_prompt"] += 1
        else:
            opening = opening_of(text_of(chosen.completion)) if rng.random() < config.refuse_then_comply else None
            if opening:
                rejected = rejected._replace(completion=assistant(f"{opening} {text_of(rejected.completion)}"))
            pairs.append(_pair(demo, chosen, rejected, "refuse_then_comply" if opening else "harm"))
    return pairs


def _refusals(demos: dict[str, Demonstration], by_prompt: dict[str, list[Candidate]]) -> dict[str, Candidate]:
    """Scored refusals by the id of the harmful prompt that they answer, in a fixed order."""
    found: dict[str, Candidate] = {}
    for demo in sorted(demos.values(), key=lambda d: d.id):
        answer = next((c for c in by_prompt.get(demo.id, []) if c.source == "demonstration"), None)
        if demo.kind == "harmful" and answer is not None and answer.harmfulness is not None and answer.refusal == "full":
            found[demo.id] = answer._replace(source=f"safe answer to {demo.split}")
    return found


def _over_refusal_pair(
    demo: Demonstration, refusals: dict[str, Candidate], by_prompt: dict[str, list[Candidate]], seed: int, dropped: Counter[str]
) -> Pair | None:
    """Rejected is the refusal of the harmful twin: the very text that is chosen there is wrong here.

    A benign prompt without a twin gets the refusal of some harmful prompt of its own split.
    """
    if demo.kind != "benign":
        return None
    found = by_prompt.get(demo.id, [])
    # The policy's own answer comes first: it keeps what the model knows, and it is as long as what harm pairs reject.
    helpful = next((c for c in found if c.refusal == "none" and text_of(c.completion).strip()), None)
    own = refusals.get(demo.twin_id or "")
    others = [candidate for candidate in refusals.values() if candidate.source == f"safe answer to {demo.split}"]
    if helpful is None or helpful.harmfulness is None or not (own or others):
        dropped["benign prompt without a helpful answer or a refusal to set against it"] += 1
        return None
    refusal = (
        own._replace(source="twin's safe answer")
        if own
        else random.Random(f"{seed}/{demo.id}").choice(others)._replace(source="another safe answer")
    )
    return _pair(demo, helpful, refusal, "over_refusal")


def _pair(demo: Demonstration, chosen: Candidate, rejected: Candidate, pair_type: str) -> Pair:
    assert chosen.harmfulness is not None
    assert rejected.harmfulness is not None
    return Pair(
        id=stable_id(demo.id, pair_type, text_of(chosen.completion), text_of(rejected.completion)),
        prompt=demo.prompt,
        chosen=chosen.completion,
        rejected=rejected.completion,
        prompt_id=demo.id,
        pair_type=pair_type,
        kind=demo.kind,
        split=demo.split,
        chosen_source=chosen.source,
        rejected_source=rejected.source,
        chosen_score=chosen.harmfulness,
        rejected_score=rejected.harmfulness,
        margin=rejected.harmfulness - chosen.harmfulness,
        principle=demo.principle,
        chosen_finished=chosen.finished,
        rejected_finished=rejected.finished,
    )


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


def _mixed(pairs: list[Pair], groups: dict[str, str], config: PairsConfig, seed: int, dropped: Counter[str]) -> list[Pair]:
    """Per split: over-refusal pairs in the wanted proportion to harm pairs, within the limit too.

    Twins share a place in the order, so whatever the limits leave holds a harmful request together with its benign twin:
    then only what is asked for, not the topic, tells which of the two answers is preferred. The order depends on nothing else.
    """

    def place(pair: Pair) -> tuple[bytes, str]:
        return hashlib.sha256(f"{seed}/{groups.get(pair.prompt_id, pair.prompt_id)}".encode()).digest(), pair.id

    kept: list[Pair] = []
    for split in ("train", "val", "test"):
        harm = sorted((p for p in pairs if p.split == split and p.pair_type != "over_refusal"), key=place)
        benign = sorted((p for p in pairs if p.split == split and p.pair_type == "over_refusal"), key=place)
        wanted = round(config.over_refusal * len(harm))
        dropped["over-refusal pairs beyond the wanted proportion"] += max(0, len(benign) - wanted)
        benign = benign[:wanted]
        if split == "train" and config.max_train_pairs is not None and len(harm) + len(benign) > config.max_train_pairs:
            limit = config.max_train_pairs
            dropped["over max_train_pairs"] += len(harm) + len(benign) - limit
            # The wanted proportion holds within the limit too; what one type lacks, the other fills up.
            count = max(limit - len(harm), min(len(benign), round(limit * config.over_refusal / (1 + config.over_refusal))))
            harm, benign = harm[: limit - count], benign[:count]
        kept += sorted((*harm, *benign), key=lambda p: p.id)
    return kept


def describe(result: PairsResult, probes: dict[str, Any]) -> dict[str, Any]:
    """pairs.report.json: what was built, what was not and why, and what a dumb classifier can make of it."""
    histogram = Counter(f"{int(p.margin)} to {int(p.margin) + 1}" for p in result.pairs if p.pair_type != "over_refusal" and p.margin >= 0)
    return {
        "pairs": len(result.pairs),
        "by_split": dict(Counter(p.split for p in result.pairs)),
        "by_type": dict(Counter(f"{p.split}/{p.pair_type}" for p in result.pairs)),
        "by_principle": {str(k): v for k, v in sorted(Counter(p.principle or 0 for p in result.pairs).items())},
        "by_rejected_source": dict(Counter(p.rejected_source for p in result.pairs)),
        "margin_histogram": dict(sorted(histogram.items())),
        "dropped": dict(result.dropped),
        "shortcuts": probes,
    }
