"""The policies of a measurement without a run on medical questions and held-out text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from eval.capability.answers import Answer, answer
from eval.capability.items import Item, read_tasks
from eval.capability.perplexity import TextLikelihood, held_out_texts, likelihoods
from eval.capability.summary import capability_summary
from eval.results.capability import Capability
from models.config import ModelConfig
from models.loading.load import load_tokenizer
from models.memory.prepare import prepared_layout
from pipeline.measuring.prompts import own_demonstrations
from pipeline.policies import generating
from pipeline.run.config import RunConfig
from pipeline.run.console import say
from pipeline.run.views import AsksQuestions
from records.contracts import BASE
from records.rows import Demonstration, text_of


@dataclass(frozen=True)
class Known:
    """What one policy makes of the items and of the texts."""

    answers: list[Answer]
    texts: list[TextLikelihood]


def capability_of(
    models: Mapping[str, ModelConfig], config: RunConfig, learned: Set[str] = frozenset()
) -> Capability | None:
    """`Results.capability`; the first policy is the baseline.

    None where nothing is asked.

    Held-out texts are reference completions of the project's own benign test prompts: there is no
    run that holds others out. Those of `learned` prompts, by their texts, are left out: a run with
    another seed deals the same prompts otherwise, and may have trained a model on them.
    """
    wanted = config.eval.capability
    # Files of completions and servers have no likelihoods, so without a base here there is no
    # comparison.
    if not wanted.is_wanted or BASE.name not in models:
        return None
    tasks, absent = read_tasks(wanted.tasks)
    items = []
    for rows in tasks.values():
        items.extend(rows)
    texts = held_out_texts(
        never_learned(own_demonstrations("test"), learned), wanted.held_out_texts
    )
    for task in absent:
        say("measure", str(task))
    found = {}
    # One model at a time, each dropped before the next is loaded.
    for name, at in models.items():
        found[name] = measure_known(config, name, at, items, texts)
    by_task = {}
    for name in tasks:
        by_task[name] = {policy: _of(one.answers, name) for policy, one in found.items()}
    likely = {policy: one.texts for policy, one in found.items()}
    level = config.eval.confidence
    return capability_summary(by_task, likely, absent, wanted, baseline=BASE.name, confidence=level)


def measure_known(
    config: RunConfig, name: str, at: ModelConfig, items: list[Item], texts: list[Demonstration]
) -> Known:
    """One policy, loaded once."""
    model = generating(config.trainer, at, config.eval.generation)
    tokenizer = load_tokenizer(at)
    say("measure", f"{name}: {len(items)} medical questions and {len(texts)} held-out texts")
    answers = task_answers(config, name, model, tokenizer, items)
    return Known(answers, text_likelihoods(config, name, model, tokenizer, texts))


def text_likelihoods(
    config: AsksQuestions, name: str, model: Any, tokenizer: Any, texts: list[Demonstration]
) -> list[TextLikelihood]:
    """Of one loaded policy; none where there is no text."""
    if not texts:
        return []
    wanted, most = config.eval.capability, config.model.max_length
    # Room for the larger of the two, as one layout serves texts and questions.
    layout = prepared_layout(model, tokenizer.pad_token_id, max(most, wanted.batch_tokens))
    limits = {"max_length": most, "batch_tokens": wanted.batch_tokens}
    return likelihoods(model, tokenizer, texts, layout, policy=name, **limits)


def task_answers(
    config: AsksQuestions, name: str, model: Any, tokenizer: Any, items: list[Item]
) -> list[Answer]:
    """Of one loaded policy, by the engine that the config names."""
    wanted = config.eval.capability
    if not items:
        return []
    if wanted.engine == "lm_eval":
        from eval.capability.lm_eval_engine import lm_eval_answers  # noqa: PLC0415  an extra

        return lm_eval_answers(model, tokenizer, items, policy=name)
    layout = prepared_layout(model, tokenizer.pad_token_id, wanted.batch_tokens)
    return answer(model, tokenizer, items, layout, policy=name, batch_tokens=wanted.batch_tokens)


def _of(rows: Sequence[Answer], task: str) -> list[Answer]:
    return [row for row in rows if row.task == task]


def never_learned(texts: Sequence[Demonstration], learned: Set[str]) -> list[Demonstration]:
    """Those whose prompt is not among the learned texts; how many are left out is said."""
    kept = []
    for row in texts:
        if text_of(row.prompt) not in learned:
            kept.append(row)
    if len(kept) < len(texts):
        say(
            "measure",
            f"{len(texts) - len(kept)} held-out texts are left out: a run trained one of these "
            "models on their prompts",
        )
    return kept
