"""What experts have said, as scores and preferences; a rating belongs to a text, whichever run or
policy brings that text again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from data_prep.review.items import ReviewItem
from data_prep.review.ratings import Rating
from records.errors import RecordError, unreadable
from records.rows import Pair, Score, read_records, shorten, stable_id, text_of
from records.stage_folder import sha256_file

EXPERTS = "experts"
PREFIX = "expert/"
"""Scorer of one rater's rows: the prefix and the rater's id."""
CONFLICT = 2
"""Raters whose harmfulness of one item lies this far apart disagree; then the experts have no
common word."""


@dataclass(frozen=True, kw_only=True)
class ExpertLabel(Score):
    """A rater's word, or that of all; `label` is the refusal."""

    item: str
    """Names the texts of prompt and completion (data_prep.review.item_id)."""
    comment: str = ""
    drawn: str = ""
    """How its item came into the batch; empty in labels from before, which are of random draws."""


class PairsFound(NamedTuple):
    pairs: list[Pair]
    contradicted: list[tuple[str, str]]
    """Items of one prompt that raters prefer in opposite directions."""


def labels_of(ratings: Iterable[Rating], items: Iterable[ReviewItem]) -> list[ExpertLabel]:
    """Each item's ratings, one a rater, then the word of all: the mean harmfulness and the refusal
    that most name.
    """
    by_item: defaultdict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        by_item[rating.item].append(rating)
    labels = []
    # In the order of the items, whatever order the raters' files have.
    for item in items:
        found = sorted(by_item.get(item.id, []), key=lambda rating: rating.rater)
        for r in found:
            labels.append(
                _label(item, f"{PREFIX}{r.rater}", r.harmfulness, r.refusal, comment=r.comment)
            )
        if found:
            value, reason = common_word([r.harmfulness for r in found if r.harmfulness is not None])
            labels.append(
                _label(item, EXPERTS, value, majority(r.refusal for r in found), reason=reason)
            )
    return labels


def _label(
    item: ReviewItem,
    scorer: str,
    value: float | None,
    refusal: str,
    *,
    reason: str = "",
    comment: str = "",
) -> ExpertLabel:
    reason = reason or ("" if value is not None else "harmfulness not rated")
    return ExpertLabel(
        id=f"{item.completion_id}/{scorer}",
        completion_id=item.completion_id,
        scorer=scorer,
        value=None if value is None else float(value),
        label=refusal,
        reason=reason,
        item=item.id,
        comment=comment,
        drawn=item.drawn,
    )


def common_word(values: Sequence[float]) -> tuple[float | None, str]:
    """The mean, or None and why."""
    if not values:
        return None, "harmfulness not rated"
    # Raters two levels apart mean different things by the scale; their mean stands for neither.
    low, high = min(values), max(values)
    return (
        (None, f"raters disagree: {low:g} to {high:g}")
        if high - low >= CONFLICT
        else (round(fmean(values), 4), "")
    )


def majority(labels: Iterable[str]) -> str:
    """The label that more raters name than any other; empty where there is none."""
    ranked = Counter(label for label in labels if label).most_common(2)
    # A tie is no majority: the first of two equal labels would be an accident of sorting.
    return ranked[0][0] if ranked and (len(ranked) == 1 or ranked[0][1] > ranked[1][1]) else ""


def read_labels(paths: Iterable[str]) -> list[Rating]:
    """Every rater's ratings in files of labels.

    Raises RecordError where one rater says two things of one item.
    """
    found: dict[tuple[str, str], tuple[Rating, str]] = {}
    faults = []
    for path in paths:
        for label in read_records(Path(path), ExpertLabel):
            if not label.scorer.startswith(PREFIX):
                continue
            if label.value is not None and label.value % 1:  # cut down it would be another rating
                faults.append(f"{path}: {label.scorer}: {label.value:g}; wanted a whole level")
                continue
            value = None if label.value is None else int(label.value)
            rater = label.scorer.removeprefix(PREFIX)
            rating = Rating(label.item, rater, value, label.label, label.comment, label.drawn)
            known, where = found.setdefault((rating.item, rating.rater), (rating, path))
            # The four first fields are what was said; how the item was drawn is no part of it.
            if known[:4] != rating[:4]:
                faults.append(
                    f"{path}: {rating.rater} has rated {rating.item} otherwise in {where}; leave "
                    "one of the two"
                )
            elif known.drawn == "abstained":
                # Drawn at random for another batch, it counts as that.
                found[rating.item, rating.rater] = rating, path
    if faults:
        raise RecordError(shorten(faults))
    return [rating for rating, _ in found.values()]


def hash_labels(paths: Iterable[str], setting: str = "pairs.expert_labels") -> dict[str, str]:
    """For a stage's fingerprint; `setting` is what names the files."""
    missing = [path for path in paths if not Path(path).is_file()]
    faults = []
    for path in missing:
        faults.append(f"{setting}: {path}: no such file; `primum review-import` writes it")
    found = {}
    for path in paths if not faults else ():
        try:
            found[path] = sha256_file(Path(path))
        except OSError as error:
            faults.append(unreadable(setting, Path(path), error))
    if faults:
        raise RecordError(faults)
    return found


def common_ratings(ratings: Iterable[Rating]) -> dict[str, float]:
    """Mean harmfulness by item, of those whose raters do not lie far apart."""
    by_item: defaultdict[str, list[int]] = defaultdict(list)
    for rating in ratings:
        if rating.harmfulness is not None:
            by_item[rating.item].append(rating.harmfulness)
    means = {item: common_word(values)[0] for item, values in by_item.items()}
    made: dict[str, float] = {}
    for item, mean in means.items():
        if mean is not None:
            made[item] = mean
    return made


def with_expert_scores(
    scores: list[Score], ratings: list[Rating], items: Iterable[ReviewItem]
) -> list[Score]:
    """The scores, with the experts' word in the place of every other scorer's on each completion
    that they have rated.

    Raises RecordError where none of the ratings is about a completion of this run.
    """
    if not ratings:
        return scores
    # Only the common word replaces scorers; one rater's rows stand for themselves.
    said = {}
    for label in labels_of(ratings, items):
        if label.scorer == EXPERTS:
            said[label.completion_id] = label
    if not said:
        raise RecordError(
            "pairs.expert_labels: none of the rated completions is in this run; name labels of "
            "this run's completions, or remove the key"
        )
    refusals = {}
    for score in scores:
        if score.scorer == "refusal" and score.completion_id in said:
            refusals[score.completion_id] = score
    # Every other scorer goes: their mean with the experts' word would be half a machine's.
    kept = []
    for score in scores:
        if score.completion_id not in said:
            kept.append(score)
    for name, label in said.items():
        kept.append(
            Score(
                id=label.id,
                completion_id=name,
                scorer=EXPERTS,
                value=label.value,
                reason=label.reason,
            )
        )
        if label.label:
            kept.append(
                Score(id=f"{name}/refusal", completion_id=name, scorer="refusal", label=label.label)
            )
        # Experts who rated harm alone said nothing of refusal, so the detector's word stays.
        elif name in refusals:
            kept.append(refusals[name])
    return kept


def expert_pairs(
    ratings: Iterable[Rating], items: Iterable[ReviewItem], *, min_margin: float
) -> PairsFound:
    """Two completions to one prompt whose mean harmfulness differs by `min_margin`, unless raters
    disagree on one or on which is worse.
    """
    values: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for rating in ratings:
        if rating.harmfulness is not None:
            values[rating.item][rating.rater] = rating.harmfulness
    by_prompt: defaultdict[str, dict[str, ReviewItem]] = defaultdict(dict)
    for item in sorted(items, key=lambda i: i.completion_id):
        if item.id in values:
            # One item a text: the same completion sampled twice is one thing to compare.
            by_prompt[item.prompt_id].setdefault(item.id, item)
    pairs, contradicted = [], []
    for _, completions in sorted(by_prompt.items()):
        for one, other in combinations(completions.values(), 2):
            directions = set()
            for r in values[one.id].keys() & values[other.id].keys():
                directions.add(sign(values[one.id][r] - values[other.id][r]))
            means = []
            for item in (one, other):
                means.append(common_word(list(values[item.id].values()))[0])
            # Opposite directions come first: a mean of opposed ratings may well differ by the
            # margin.
            if {1, -1} <= directions:
                contradicted.append((one.id, other.id))
            elif (
                means[0] is not None
                and means[1] is not None
                and abs(means[0] - means[1]) >= min_margin
                # A margin of 0 lets equal means through, which are no preference.
                and means[0] != means[1]
            ):
                (low, chosen), (high, rejected) = sorted(
                    zip(means, (one, other), strict=True), key=lambda side: side[0] or 0.0
                )
                pairs.append(_pair(chosen, rejected, low or 0.0, high or 0.0))
    return PairsFound(pairs, contradicted)


def with_expert_pairs(pairs: list[Pair], found: Iterable[Pair]) -> list[Pair]:
    """The pairs, and those of the experts that are not among them already."""

    def texts(pair: Pair) -> tuple[str, frozenset[str]]:
        # A set of both texts: an expert's pair that only swaps the sides of another is known too.
        return pair.prompt_id, frozenset((text_of(pair.chosen), text_of(pair.rejected)))

    known = set(map(texts, pairs))
    return [*pairs, *(pair for pair in found if texts(pair) not in known)]


def _pair(chosen: ReviewItem, rejected: ReviewItem, low: float, high: float) -> Pair:
    return Pair(
        id=stable_id(chosen.prompt_id, "expert", chosen.id, rejected.id),
        prompt=chosen.prompt,
        chosen=chosen.completion,
        rejected=rejected.completion,
        prompt_id=chosen.prompt_id,
        pair_type="expert",
        kind=chosen.kind,
        split=chosen.split,
        chosen_source=chosen.source,
        rejected_source=rejected.source,
        chosen_score=low,
        rejected_score=high,
        margin=round(high - low, 4),
        principle=chosen.principle,
        chosen_finished=chosen.finished,
        rejected_finished=rejected.finished,
    )


def sign(value: int) -> int:
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)
