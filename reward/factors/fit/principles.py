"""The baseline of the principle head: naive Bayes over the words of a request, on the same
folds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

from reward.factors.fit.regression import FOLDS, fold_of
from reward.factors.fit.targets import Target


def naive_bayes(target: Target) -> NDArray[np.float64]:
    """(N, C) chances of every row by a naive Bayes that did not see its fold."""
    texts = [row.exchange.prompt for row in target.rows]
    folds = np.array([fold_of(row) for row in target.rows])
    # Of all folds: which words there are says nothing of a label.
    counts = CountVectorizer(ngram_range=(1, 2), min_df=2).fit_transform(texts)
    found = np.zeros((len(texts), len(target.classes)))
    for fold in range(FOLDS):
        kept, tried = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        found[tried] = (
            MultinomialNB().fit(counts[kept], target.labels[kept]).predict_proba(counts[tried])
        )
    return found
