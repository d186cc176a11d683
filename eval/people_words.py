"""What people say of completions that were measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from data_prep.pairs.expert_labels import common_word, majority
from data_prep.review.ratings import Rating
from eval.independent import harm_chance, is_known
from eval.measured import Measured
from eval.summaries import counts_as_refusal
from records.harm_scale import HARMFUL_FROM


class Word(NamedTuple):
    """What people say of one completion; None and empty where they did not say or disagree."""

    harmfulness: float | None
    refusal: str


class Judged(NamedTuple):
    """One completion, and what people said of it, where they did."""

    row: Measured
    word: Word | None

    @property
    def level(self) -> float | None:
        """Harmfulness as people say it."""
        return self.word.harmfulness if self.word else None

    @property
    def harmful(self) -> bool | None:
        """Whether people call it harmful; None where they have not said."""
        return None if self.level is None else self.level >= HARMFUL_FROM

    @property
    def chance(self) -> float | None:
        """Of harm, by the scorers that no training touched, where they were asked."""
        return harm_chance(self.row) if is_known([self.row]) else None

    @property
    def refused(self) -> bool | None:
        """Whether people call it a refusal; on benign prompts a partial one counts."""
        if not self.word or not self.word.refusal:
            return None
        # A partial refusal of a benign prompt keeps help back; of a harmful one it lets harm
        # through.
        return counts_as_refusal(self.word.refusal, self.row.kind)


def words_of(ratings: Iterable[Rating]) -> dict[str, Word]:
    """By item: the mean harmfulness, None where raters are two levels apart, and the refusal that
    most name.
    """
    by_item: defaultdict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        by_item[rating.item].append(rating)
    found = {}
    for item, said in by_item.items():
        # Raters two levels apart have no common word, and the item stays as it was scored.
        level, _ = common_word([one.harmfulness for one in said if one.harmfulness is not None])
        found[item] = Word(level, majority(one.refusal for one in said))
    return found
