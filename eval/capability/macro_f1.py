"""Macro-F1 of tasks whose options are the same classes for every question.

On PubMedQA 55 % of the questions are right with "yes", so that accuracy alone hides a policy that
never says "maybe". Its authors report this figure beside accuracy (arXiv 1909.06146).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from eval.capability.answers import Answer
from eval.capability.config import CapabilityConfig
from eval.results.capability import TaskResult
from measures.agreement import confusion, macro_f1
from measures.bootstrap import bootstrap_estimate, cluster_weights
from measures.estimates import Estimate

FORMATS = ("pubmedqa",)
"""The letters of other formats stand for another option in every question."""


def has_classes(task: str, config: CapabilityConfig) -> bool:
    """Whether the options of the task mean the same in every question."""
    return any(one.name == task and one.format in FORMATS for one in config.tasks)


def macro_f1_estimate(rows: Sequence[Answer], confidence: float) -> Estimate:
    """The mean F1 of the classes that are right somewhere or chosen somewhere, with a bootstrap
    interval over questions; the likeliest option is the choice.
    """
    right = [row.gold for row in rows]
    # argmax keeps the first of equals, as accuracy does.
    chosen = [int(np.argmax(row.logps)) for row in rows]
    # Classes that occur on neither side would add F1s of 0 for nothing.
    classes = sorted({*right, *chosen})
    return bootstrap_estimate(
        lambda drawn: macro_f1(confusion(right, chosen, classes, drawn)),
        cluster_weights([row.id for row in rows]),
        confidence=confidence,
    )


def with_macro_f1(
    task: TaskResult, by_policy: Mapping[str, Sequence[Answer]], confidence: float
) -> TaskResult:
    """The task's result with the figure of every policy."""
    policies = {}
    for name, found in task.policies.items():
        policies[name] = replace(found, macro_f1=macro_f1_estimate(by_policy[name], confidence))
    return replace(task, policies=policies)
