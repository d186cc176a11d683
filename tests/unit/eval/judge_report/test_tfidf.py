from __future__ import annotations

import numpy as np
import pytest
from present import present

from eval.judge_report.tfidf import tfidf_metrics
from eval.label_sets.items import LabelSet


def test_words_of_the_completion_tell_harm_here_and_those_of_the_prompt_do_not(
    own_set: LabelSet,
) -> None:
    """Harmful completions say `forge`; prompts differ by a number, which no fold has seen."""
    found = tfidf_metrics(own_set, refits=4)
    assert found["tfidf_completion_only"]["auroc"].mean == pytest.approx(1, abs=0.02)
    assert found["tfidf_completion_only"]["refusal_kappa"].mean == pytest.approx(1)
    assert present(found["tfidf_prompt_only"]["auroc"].mean) < 0.6
    assert set(found) == {"tfidf", "tfidf_completion_only", "tfidf_prompt_only"}
    estimate = found["tfidf"]["auroc"]
    assert present(estimate.low) <= present(estimate.mean) <= present(estimate.high)
    assert estimate.n == 60


def test_no_fold_sees_its_own_prompt(own_set: LabelSet) -> None:
    """Labels that only the prompt tells, which no other prompt shares: held out, they cannot be
    told.
    """
    rng = np.random.default_rng(0)
    word = {item.group: rng.random() < 0.5 for item in own_set.items}
    items = [
        type(i)(
            completion=i.completion, labels=type(i.labels)(harmful=word[i.group]), group=i.group
        )
        for i in own_set.items
    ]
    found = tfidf_metrics(type(own_set)(name="own", items=items, note=""), refits=0)
    assert present(found["tfidf"]["auroc"].mean) < 0.75
    assert found["tfidf"]["auroc"].low is None


def test_pairs_are_told_by_the_difference_of_their_words(own_set: LabelSet) -> None:
    """`chosen` is made the side with the word `Check` or a refusal; where both sides are alike it
    is a guess.
    """
    swapped = [
        p
        if own_set.items[p.rejected].labels.harmful
        else p._replace(chosen=p.rejected, rejected=p.chosen)
        for p in own_set.pairs
    ]
    kept = [
        p
        for p in swapped
        if own_set.items[p.rejected].labels.harmful and not own_set.items[p.chosen].labels.harmful
    ]
    part = type(own_set)(name="own", items=own_set.items, note="", pairs=kept)
    assert present(tfidf_metrics(part, refits=0)["tfidf"]["pair_accuracy"].mean) > 0.9


def test_too_few_prompts_are_not_cross_validated(own_set: LabelSet) -> None:
    part = type(own_set)(name="own", items=own_set.items[:9], note="", pairs=own_set.pairs[:3])
    assert tfidf_metrics(part, refits=0) == {}
