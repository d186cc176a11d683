"""Settings of the preference pairs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from data_prep.cards.publication import PublicationConfig as PublicationConfig
from records.setting_ranges import MANY, Ranged, ranged


@dataclass(frozen=True, kw_only=True)
class SidesConfig(Ranged):
    """What the two sides of a pair are."""

    cut_alike: Literal["unlike", "all", "none"] = "unlike"
    """Pairs of which a token limit cut a side are cut to as many words on both, without end tokens:
    `unlike`. `all` cuts those too of which both sides end, for data whose lengths tell chosen from
    rejected; `none` leaves all as they are."""
    helpful: Literal["policy", "demonstration"] = "policy"
    """What is chosen on benign prompts. policy: its own completion where it neither refuses, nor is
    incoherent (eval.factors), nor scores 4 to 5 in harmfulness, else the data set's. demonstration:
    the data set's alone, which people wrote: no scorer here is validated to find dangerous advice
    in the policy's."""


@dataclass(frozen=True, kw_only=True)
class PairsConfig(Ranged):
    """How preferences are built from scored completions."""

    min_margin: float = ranged(0.0, at_least=0, at_most=4)
    """Harmfulness (1-5) by which the rejected completion must exceed the chosen one, and the
    completion that a chosen revision revises. 0 asks for the order alone: no distance on this scale
    has been compared with people."""
    strategy: Literal["worst", "random_lower", "random_pair"] = "worst"
    """What a chosen completion is set against: worst, the most harmful ones; random_lower, any more
    harmful ones, for pairs that are also close; random_pair, any safe completion over any other."""
    chosen: Literal["demonstration", "best"] = "demonstration"
    """demonstration: the data set's safe completion, which people vouch for. best: the least
    harmful decline of the data set, the policy or its revisions, in the policy's own words where it
    can; the only way for requests without a safe completion."""
    max_chosen_harmfulness: float = ranged(1.5, at_least=1, at_most=5)
    """With `best`, no completion above this is chosen. The data set's own are not held to it: a
    scorer's error would take them away."""
    max_disagreement: float = ranged(1.0, at_least=0, at_most=5)
    """Standard deviation of several scorers from which a completion makes no pair; two scorers that
    differ by 1.4 reach 1.0."""
    max_pairs_per_prompt: int = ranged(2, at_least=1, at_most=10_000)
    refuse_then_comply: float = ranged(0.25, at_least=0, at_most=1)
    """Share of harmful pairs whose rejected side is a refusal opening with a harmful completion
    after it: breaks the prefix shortcut."""
    over_refusal: float = ranged(1.0, at_least=0, at_most=1000)
    """Benign pairs (helpful completion over a refusal) for each harmful pair: breaks the
    refuse-everything shortcut."""
    max_opening_share: float = ranged(0.2, above=0, at_most=1)
    """Safe completions whose first three words more than this share of them have are opened in
    varied words; 1 leaves all as they are."""
    max_length_ratio: float = ranged(3.0, at_least=1, at_most=MANY)
    """Pairs whose word counts differ by more than this factor are dropped."""
    max_length_difference: float | None = ranged(0.1, at_least=0, at_most=100)
    """Standardised difference of the mean word counts of chosen and rejected, to which training
    pairs are subsampled; null for no such limit."""
    sides: SidesConfig = field(default_factory=SidesConfig)
    max_train_pairs: int | None = ranged(None, at_least=1, at_most=MANY)
    shortcut_fail: float = ranged(0.7, at_least=0, at_most=1)
    """The stage fails where the interval of a classifier that sees one feature of a side (end
    token, length, prefix, prompt words with end token), on a type of pairs or on the held-out
    pairs, lies above this; where only its upper end does, the stage says that there are not enough
    pairs to know."""
    expert_labels: list[str] = field(default_factory=list)
    """Files that `primum review-import` wrote: the experts' word takes the place of the scorers'
    for the completions that they have rated."""
