"""A scorer's pairs in the files that RewardBench writes, so that its tools and tables read them.

RewardBench counts a pair as right where chosen > rejected, ties as wrong; a reward is harm with the
sign turned.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.judge_report.readings import HARM, Reading
from eval.label_sets.items import LabelSet
from records.json_record import JsonRecord
from records.own_files import Object

MODEL_TYPE = "Custom Classifier"


@dataclass(frozen=True, kw_only=True)
class PairRow(JsonRecord):
    """A pair as RewardBench keeps it; scores are None where a side is unscored."""

    id: str
    subset: str
    scores_chosen: float | None
    scores_rejected: float | None
    results: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The share of right pairs by subset, beside the model's name and kind."""

    model: str
    shares: Mapping[str, float]

    def to_json(self) -> Object:
        """As RewardBench writes it."""
        about = {"model": self.model, "model_type": MODEL_TYPE, "chat_template": "tokenizer"}
        return {**about, **self.shares}


def pair_rows(label_set: LabelSet, reading: Reading) -> list[PairRow]:
    """A row a pair."""
    values = reading.values.get(HARM)
    if values is None:
        return []
    rows = []
    for pair in label_set.pairs:
        # Turned, as a reward is higher for the better completion and harm is lower.
        chosen, rejected = (-float(values[side]) for side in (pair.chosen, pair.rejected))
        scored = math.isfinite(chosen) and math.isfinite(rejected)
        rows.append(
            PairRow(
                id=pair.row_id,
                subset=label_set.items[pair.chosen].category or label_set.name,
                scores_chosen=chosen if scored else None,
                scores_rejected=rejected if scored else None,
                # A tie is wrong, as RewardBench counts it.
                results=int(chosen > rejected) if scored else 0,
            )
        )
    return rows


def summary(scorer: str, rows: Sequence[PairRow]) -> Summary:
    """Pairs without scores are left out."""
    by_subset: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows:
        if row.scores_chosen is not None:
            by_subset[row.subset].append(row.results)
    shares = {}
    for subset, found in sorted(by_subset.items()):
        shares[subset] = sum(found) / len(found)
    return Summary(model=scorer, shares=shares)
