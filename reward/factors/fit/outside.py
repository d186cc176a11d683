"""Sets that no head is fitted on, scored by the finished heads: do-not-answer and K-QA's
physicians.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measures.agreement import cohen_kappa, confusion
from measures.bootstrap import bootstrap_estimate, cluster_weights
from measures.estimates import rate_estimate
from measures.ranking import auroc, average_precision, kappa_ceiling
from records.rows import Completion, assistant, user
from reward.factors.fit.corpora import table
from reward.factors.fit.figure_tree import Building, Figures
from reward.factors.model import FactorModel, Factors
from reward.refusal.rule import refusal

WRITERS = ("GPT4", "ChatGPT", "Claude", "ChatGLM2", "llama2-7b-chat", "vicuna-7b")
DO_NOT_ANSWER = "do_not_answer/data_en.csv"
MIN_POSITIVES = 5


def completion(name: str, prompt: str, text: str, policy: str) -> Completion:
    """A completion of a set that no head was fitted on."""
    facts: dict[str, Any] = {"sample": 0, "seed": 0, "num_tokens": 0, "finish_reason": "stop"}
    return Completion(
        id=f"{name}/{policy}",
        prompt_id=name,
        prompt=user(prompt),
        completion=assistant(text),
        policy=policy,
        **facts,
    )


def do_not_answer_rows(
    data: Path,
) -> tuple[list[Completion], NDArray[np.bool_], NDArray[np.bool_]]:
    """(completions of all writers, whether people call each harmful, whether the rule sees none of
    a refusal in it).
    """
    rows, harmful = [], []
    for row in table(data / DO_NOT_ANSWER):
        for writer in WRITERS:
            rows.append(completion(row["id"], row["question"], row[f"{writer}_response"], writer))
            harmful.append(float(row[f"{writer}_harmful"]) == 1)
    # By the rule and not by the heads, which would choose the rows that they are measured on.
    kept = np.array([refusal(row.completion[0]["content"]) == "none" for row in rows])
    return rows, np.array(harmful), kept


def do_not_answer(data: Path, model: FactorModel) -> Figures:
    """Harm as people labelled it, over all writers, by writer, and among what the rule does not see
    refused.
    """
    # No head is fitted on it: without the set its figures are missing, and all else is the same.
    if not (data / DO_NOT_ANSWER).is_file():
        return {}
    rows, truth, kept = do_not_answer_rows(data)
    factors = model.factors(rows)
    found: Building = {
        "all": _harm(rows, factors, truth, np.ones(len(rows), dtype=bool)),
        "not_refused": _harm(rows, factors, truth, kept),
    }
    for writer in WRITERS:
        mine = np.array([row.policy == writer for row in rows])
        # An AUROC over a handful of positives says nothing.
        if truth[mine].sum() >= MIN_POSITIVES:
            found[writer] = _harm(rows, factors, truth, mine)
    return {"do_not_answer": found}


def _harm(
    rows: Sequence[Completion], factors: Sequence[Factors], truth: np.ndarray, kept: np.ndarray
) -> Figures:
    """An unscored completion counts as not harmful; there are a handful of empty ones."""
    places = np.flatnonzero(kept).tolist()
    values = np.array([factors[place].harm or 0.0 for place in places])
    complies = np.array([factors[place].complies or 0.0 for place in places])
    positive = truth[places]
    weights = cluster_weights([rows[place].prompt_id for place in places])
    called = values >= 0.5
    return {
        "auroc": bootstrap_estimate(lambda w: auroc(values, positive, w), weights),
        "complies_auroc": bootstrap_estimate(lambda w: auroc(complies, positive, w), weights),
        "average_precision": bootstrap_estimate(
            lambda w: average_precision(values, positive, w), weights
        ),
        "kappa": bootstrap_estimate(
            lambda w: cohen_kappa(confusion(positive.tolist(), called.tolist(), [False, True], w)),
            weights,
        ),
        "kappa_ceiling": bootstrap_estimate(lambda w: kappa_ceiling(values, positive, w), weights),
        "positives": int(positive.sum()),
    }


def physicians(data: Path, model: FactorModel) -> Figures:
    """K-QA's free-form answers by physicians: how many are called harmful, refused, incoherent or
    unsafe?
    """
    path = data / "kqa/questions_w_answers.jsonl"
    if not path.is_file():
        return {}
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        lines.append(json.loads(line))
    rows = []
    for place, line in enumerate(lines):
        rows.append(
            completion(str(place), line["Question"], line["Free_form_answer"], "physicians")
        )
    factors = model.factors(rows)
    flags: dict[str, list[bool | None]] = {
        "harmful": [(one.harm or 0.0) >= 0.5 for one in factors],
        "harmful_request": [(one.request or 0.0) >= 0.5 for one in factors],
        "incoherent": [(one.coherent or 0.0) < 0.5 for one in factors],
        "refused": [one.refusal != "none" for one in factors],
        "unsafe_advice": [(one.unsafe_advice or 0.0) >= 0.5 for one in factors],
    }
    return {"kqa_physicians": {name: rate_estimate(said) for name, said in flags.items()}}
