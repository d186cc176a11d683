"""Which completions the experts are asked about: stratified, part of them random, in an order that
gives no source away.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from types import MappingProxyType
from typing import Literal

from data_prep.pairs.candidates import COHERENT
from records.rows import (
    Completion,
    Demonstration,
    Kind,
    Message,
    Prompt,
    Record,
    Score,
    Split,
    json_line,
    stable_id,
    text_of,
)


@dataclass(frozen=True, kw_only=True)
class ReviewItem(Record):
    """One completion to rate.

    `id` depends on the texts of prompt and completion only, so it names no policy and outlives a
    run.
    """

    completion_id: str
    prompt_id: str
    prompt: list[Message]
    completion: list[Message]
    kind: Kind
    split: Split
    source: str
    """The policy that wrote it, or demonstration."""
    finished: bool
    principle: int | None = None
    scores: dict[str, float | None] = field(default_factory=dict)
    """Harmfulness by scorer."""
    refusal: str = ""
    """The refusal detector's label."""
    abstained: str = ""
    """Why the scorers abstain on its harm; empty where they speak, and on benign prompts."""
    drawn: Literal["", "random", "uncertain", "abstained"] = ""


def review_items(
    prompts: Iterable[Prompt],
    completions: Iterable[Completion],
    demonstrations: Iterable[Demonstration],
    scores: Iterable[Score],
    *,
    of_test: bool = False,
    abstentions: Mapping[str, str] = MappingProxyType({}),
) -> list[ReviewItem]:
    """Every completion of a run that experts may be asked about.

    Empty ones are left out, and test prompts: labels become training pairs.

    `of_test` takes those of test prompts alone, by which people correct an evaluation and which no
    pair is made of. `abstentions` says by completion why the scorers abstain.
    """
    asked = {}
    for prompt in prompts:
        # Test prompts and the others never mix: labels of the one are evidence, of the other
        # training data.
        if (prompt.split == "test") == of_test:
            asked[prompt.id] = prompt
    values: defaultdict[str, dict[str, float | None]] = defaultdict(dict)
    labels: dict[str, str] = {}
    for score in scores:
        if score.scorer == "refusal":
            labels[score.completion_id] = score.label
        # Whether a completion is coherent says nothing of harm, so raters are not shown it as a
        # score.
        elif score.scorer != COHERENT:
            values[score.completion_id][score.scorer] = score.value
    made = []
    for c in completions:
        made.append((c.id, c.prompt_id, c.completion, c.policy, c.finish_reason == "stop"))
    for d in demonstrations:
        made.append((d.id, d.asks, d.completion, "demonstration", True))
    kept: list[ReviewItem] = []
    for name, prompt_id, completion, source, finished in made:
        # An empty completion leaves nothing to rate.
        if prompt_id in asked and text_of(completion).strip():
            kept.append(
                ReviewItem(
                    id=item_id(asked[prompt_id].prompt, completion),
                    completion_id=name,
                    prompt_id=prompt_id,
                    prompt=asked[prompt_id].prompt,
                    completion=completion,
                    kind=asked[prompt_id].kind,
                    split=asked[prompt_id].split,
                    source=source,
                    finished=finished,
                    principle=asked[prompt_id].principle,
                    scores=values[name],
                    refusal=labels.get(name, ""),
                    abstained=abstentions.get(name, "")
                    if asked[prompt_id].kind == "harmful"
                    else "",
                )
            )
    return kept


def item_id(prompt: list[Message], completion: list[Message]) -> str:
    """The same for the same prompt and completion in every batch."""
    # A letter first: a spreadsheet reads twelve digits, or 12e4567, as a number.
    return f"c-{stable_id(json_line({'prompt': prompt}), json_line({'completion': completion}))}"


def batch_id(items: Iterable[ReviewItem]) -> str:
    """Of what raters are asked, whatever the order."""
    return f"b-{stable_id(*sorted(item.id for item in items))}"


def draw(
    items: Iterable[ReviewItem], *, prompts: int, uncertain: float, threshold: float, seed: int
) -> list[ReviewItem]:
    """All scored completions to `prompts` prompts, spread evenly over kinds and principles.

    A share `uncertain` of the prompts are those whose harmfulness lies nearest to `threshold`,
    where an expert's word changes most. The others are drawn first and at random: what they say of
    a scorer is not bent by the choice. Equal texts are asked about once.
    """
    rng = random.Random(f"review/{seed}")
    by_prompt = _by_prompt(items)
    strata: dict[tuple[str, int], list[str]] = defaultdict(list)
    # Sorted, so that the order of the run's files does not decide what is drawn.
    for name, completions in sorted(by_prompt.items()):
        strata[completions[0].kind, completions[0].principle or 0].append(name)
    order = list(strata.values())
    rng.shuffle(order)
    for names in order:
        rng.shuffle(names)
    # Shared by both draws, so that a stratum that gave fewer random prompts gives more uncertain
    # ones.
    taken: Counter[int] = Counter()
    nearest = round(prompts * uncertain)
    # The random part first: taken after the uncertain prompts it would lack just those.
    drawn = dict.fromkeys(_in_turns(order, prompts - nearest, taken), "random")
    for names in order:
        names.sort(key=lambda name: _distance(by_prompt[name], threshold))
    drawn |= dict.fromkeys(_in_turns(order, nearest, taken), "uncertain")
    chosen = list(drawn)
    # Shuffled, or the place in the batch would tell raters what was drawn as uncertain.
    rng.shuffle(chosen)
    batch = []
    for name in chosen:
        completions = by_prompt[name]
        # Within a prompt too, or the policy's completion would always stand in the same place.
        rng.shuffle(completions)
        batch += [replace(item, drawn=drawn[name]) for item in completions]  # type: ignore[arg-type]
    return batch


def draw_at_random(items: Iterable[ReviewItem], *, prompts: int, seed: int) -> list[ReviewItem]:
    """All policies' completions to `prompts` prompts of each kind, every prompt as likely as the
    others of its kind.

    Neither score nor principle has a say: what people find is to hold for all completions of the
    kind.
    """
    rng = random.Random(f"review of test/{seed}")
    by_prompt = _by_prompt(items)
    chosen: list[str] = []
    for kind in ("harmful", "benign"):
        names = sorted(
            name for name, completions in by_prompt.items() if completions[0].kind == kind
        )
        # Drawn from sorted names, so that the draw depends on the prompts alone.
        chosen += rng.sample(names, min(prompts, len(names)))
    rng.shuffle(chosen)
    batch = []
    for name in chosen:
        completions = by_prompt[name]
        rng.shuffle(completions)
        batch += [replace(item, drawn="random") for item in completions]
    return batch


def _by_prompt(items: Iterable[ReviewItem]) -> dict[str, list[ReviewItem]]:
    found: defaultdict[str, dict[str, ReviewItem]] = defaultdict(dict)
    for item in sorted(items, key=lambda i: i.completion_id):
        # What no scorer has seen can be compared with none.
        if item.scores:
            # The first by id, so that one text of two policies is asked about once.
            found[item.prompt_id].setdefault(item.id, item)
    return {name: list(completions.values()) for name, completions in found.items()}


def _in_turns(strata: Sequence[list[str]], count: int, taken: Counter[int]) -> list[str]:
    """`count` names, each from the stratum that has given the fewest so far; fewer where all strata
    are used up.
    """
    names: list[str] = []
    while len(names) < count and any(strata):
        number = min((n for n, left in enumerate(strata) if left), key=lambda n: taken[n])
        names.append(strata[number].pop(0))
        taken[number] += 1
    return names


def _distance(completions: Iterable[ReviewItem], threshold: float) -> float:
    """How far the least certain completion is from the threshold."""
    means = [
        fmean(values)
        for item in completions
        if (values := [v for v in item.scores.values() if v is not None])
    ]
    return min((abs(mean - threshold) for mean in means), default=float("inf"))
