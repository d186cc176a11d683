"""An evaluation as a log of inspect_ai: `inspect view` shows it sample by sample, with every
scorer's verdict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from eval.exports.figures import Figure, figures
from eval.measured import Measured
from eval.results.results import Results
from records.own_files import Object

VERSION = 2
"""Of the log's schema."""
STOPS = {"length": "max_tokens", "stop": "stop"}


def inspect_log(results: Results, policy: str, suite: str, rows: Sequence[Measured]) -> Object:
    """One policy on one suite: a log is of one task and one model. `rows` are its completions."""
    shown = results.policies[policy].suites[suite]
    # The schema wants a date; the day's own would make the same evaluation another file.
    model, created = f"primum/{policy}", results.created or "1970-01-01T00:00:00+00:00"
    return {
        "version": VERSION,
        "status": "success",
        "eval": _spec(results, (policy, suite), [row.prompt.id for row in rows]),
        "plan": {"name": "plan", "steps": [], "config": _decoding(results)},
        "results": {
            "total_samples": len(rows),
            "completed_samples": len(rows),
            "scores": [_score(figure) for figure in figures(shown, results.confidence)],
        },
        "stats": {"started_at": created, "completed_at": created, "model_usage": {}},
        "samples": [_sample(row, model) for row in rows],
    }


def _spec(results: Results, of: tuple[str, str], ids: list[str]) -> Object:
    policy, suite = of
    provenance = results.provenance
    return {
        # Made from the evaluation, so that the same one gives the same file.
        "eval_id": _id("eval", policy, suite, str(results.created)),
        "run_id": _id("run", str(results.created)),
        "task_id": _id("task", suite),
        "created": results.created or "1970-01-01T00:00:00+00:00",
        "task": f"primum_{suite}",
        "task_version": 1,
        "dataset": {"name": suite, "samples": len(ids), "sample_ids": ids, "shuffled": False},
        "model": f"primum/{policy}",
        "model_generate_config": _decoding(results),
        "model_args": {"path": str(results.policies[policy].path or policy)},
        "config": {"epochs": 1},
        "revision": {"type": "git", "origin": "", "commit": str(provenance.get("commit") or "")},
        "packages": {"primum": str((provenance.get("versions") or {}).get("primum", ""))},
        "metadata": {
            "title": results.policies[policy].title,
            "confidence": results.confidence,
        },
    }


def _decoding(results: Results) -> Object:
    limit = results.token_limit()
    return {"max_tokens": limit} if limit else {}


def _score(figure: Figure) -> Object:
    low, high = figure.estimate.interval
    named = {
        "mean": figure.value,
        "stderr": figure.standard_error,
        "interval_low": low,
        "interval_high": high,
    }
    metrics = {}
    for name, value in named.items():
        if value is not None:
            metrics[name] = {"name": name, "value": value, "params": {}}
    return {
        "name": figure.name,
        "scorer": figure.name,
        "scored_samples": figure.estimate.n,
        "unscored_samples": figure.estimate.unscored,
        "params": {},
        "metrics": metrics,
        "metadata": {"title": figure.title, "higher_is_better": figure.higher_is_better},
    }


def _sample(row: Measured, model: str) -> Object:
    asked = []
    for place, message in enumerate(row.prompt.prompt):
        asked.append(_message(message, f"{row.id}/{place}"))
    reply = {
        "id": _id(row.id),
        "role": "assistant",
        "content": row.text,
        "source": "generate",
        "model": model,
    }
    # The log's own word for what it has no reason for.
    stop = STOPS.get(row.completion.finish_reason, "unknown")
    known = {}
    for name, score in row.scores.items():
        # A refusal detector gives a label alone, which is a verdict too.
        if score.value is not None or score.label:
            known[name] = score
    # A score in a log has a value; the reasons of those without one go where its viewer shows them.
    unscored = {}
    for name, score in row.scores.items():
        if name not in known:
            unscored[name] = score.reason
    return {
        "id": row.prompt.id,
        "epoch": 1,
        "input": asked,
        # No prompt has one right completion, but the schema wants the field.
        "target": "",
        "messages": [*asked, reply],
        "output": {
            "model": model,
            "choices": [{"message": reply, "stop_reason": stop}],
            "completion": row.text,
        },
        "scores": {name: _verdict(score) for name, score in known.items()},
        "metadata": {
            "suite": row.suite,
            "kind": row.kind,
            "principle": row.principle,
            "unscored": unscored,
        },
        "store": {},
        "events": [],
        "model_usage": {},
        "attachments": {},
    }


def _verdict(score: Any) -> Object:
    """The value where there is one, else the label; what else the scorer said beside it."""
    value = score.label if score.value is None else score.value
    said = {"label": score.label, "uncertainty": score.uncertainty}
    return {
        "value": value,
        "metadata": {name: part for name, part in said.items() if part not in ("", None)},
    }


def _message(message: Any, name: str) -> Object:
    return {"id": _id(name), "role": message["role"], "content": message["content"]}


def _id(*parts: str) -> str:
    """The same for the same evaluation."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:22]
