"""What experts said of a text, as a scorer: whichever run or policy brings that text again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from data_prep.pairs.expert_labels import common_word, majority, read_labels
from data_prep.review.items import item_id
from data_prep.review.ratings import Rating
from records.harm_scale import HARMFULNESS
from records.rows import Completion, Score
from reward.judges.jury import disagreement
from reward.judges.reports import ExpertsReport
from reward.scorers import score_id

UNRATED = "no expert has rated it"


class Experts:
    """The mean of the raters where they agree within a level; otherwise unscored, and their
    distance is the uncertainty."""

    scale = HARMFULNESS

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        self.name = name
        self._ratings: defaultdict[str, list[Rating]] = defaultdict(list)
        for rating in read_labels(labels):
            self._ratings[rating.item].append(rating)

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """One score a completion, found by the texts of prompt and completion."""
        return [self._score(completion) for completion in completions]

    def _score(self, completion: Completion) -> Score:
        # By the texts themselves: a rating holds for whichever policy writes them again.
        said = self._ratings.get(item_id(completion.prompt, completion.completion), [])
        levels = []
        for rating in said:
            if rating.harmfulness is not None:
                levels.append(float(rating.harmfulness))
        value, reason = common_word(levels) if said else (None, UNRATED)
        return Score(
            id=score_id(completion, self.name),
            completion_id=completion.id,
            scorer=self.name,
            value=value,
            label=majority(rating.refusal for rating in said),
            # Where they are too far apart for a value as well: that is when it is wanted.
            uncertainty=disagreement(levels),
            reason=reason,
        )

    def report(self) -> ExpertsReport:
        """Who rated how much, for the report."""
        raters = set()
        for said in self._ratings.values():
            for rating in said:
                raters.add(rating.rater)
        return {"scorer": self.name, "raters": len(raters), "rated_texts": len(self._ratings)}
