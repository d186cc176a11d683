"""results.json as lm-evaluation-harness writes its own: for what reads those files, leaderboards
and plots among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from eval.exports.figures import Figure, figures
from eval.measured import Measured
from eval.results.results import Results
from eval.results.suite_result import SuiteResult
from records.own_files import Object

FILTER = "none"
"""The harness writes metric and filter as one key; completions are read as they stand."""
VERSION = 1


def task_name(suite: str) -> str:
    """`primum_SUITE`, with letters that file names and command lines take."""
    return "primum_" + "".join(
        letter if letter.isalnum() and letter.isascii() else "_" for letter in suite
    )


def lm_eval_results(results: Results, policy: str) -> Object:
    """The file `results_*.json` of one policy, a task a suite.

    Raises KeyError where the policy was not measured.
    """
    about, confidence = results.policies[policy], results.confidence
    provenance = results.provenance
    by_task = {task_name(name): suite for name, suite in about.suites.items()}
    measured = {}
    for task, suite in by_task.items():
        measured[task] = list(figures(suite, confidence))
    found: Object = {
        "results": {task: _metrics(task, by_task[task], shown) for task, shown in measured.items()},
        "group_subtasks": {task: [] for task in by_task},
        "configs": {task: _config(task, suite, provenance) for task, suite in by_task.items()},
        "versions": dict.fromkeys(by_task, VERSION),
        "n-shot": dict.fromkeys(by_task, 0),
        "higher_is_better": {
            task: {figure.name: figure.higher_is_better for figure in shown}
            for task, shown in measured.items()
        },
        "n-samples": {
            task: {"original": suite.n, "effective": suite.n} for task, suite in by_task.items()
        },
    }
    versions = provenance.get("versions") or {}
    return {
        **found,
        "config": {
            "model": "primum",
            "model_args": {"pretrained": about.path or policy},
            "random_seed": provenance.get("seed"),
        },
        "git_hash": provenance.get("commit"),
        "date": datetime.fromisoformat(results.created).timestamp() if results.created else 0.0,
        "transformers_version": versions.get("transformers", ""),
        # Empty, since the harness has measured none of this.
        "lm_eval_version": "",
        "model_source": "primum",
        "model_name": about.title,
        "model_name_sanitized": policy,
    }


def lm_eval_samples(rows: Sequence[Measured]) -> list[Object]:
    """The lines of `samples_*.jsonl`: what was asked, what came, and what every scorer says."""
    return [_sample(number, row) for number, row in enumerate(rows)]


def _metrics(task: str, suite: SuiteResult, shown: Sequence[Figure]) -> Object:
    found: Object = {"alias": task, "sample_len": suite.n}
    for figure in shown:
        # The harness' own key is metric and filter with a comma between.
        found[f"{figure.name},{FILTER}"] = figure.value
        found[f"{figure.name}_stderr,{FILTER}"] = (
            # What the harness itself writes where there is no error.
            "N/A" if figure.standard_error is None else figure.standard_error
        )
    return found


def _config(task: str, suite: SuiteResult, provenance: Mapping[str, Any]) -> Object:
    return {
        "task": task,
        "output_type": "generate_until",
        "num_fewshot": 0,
        "repeats": 1,
        "generation_kwargs": _generation_kwargs(provenance.get("generation") or {}),
        "metadata": {"version": VERSION, "kind": suite.kind, "measured_by": "primum"},
    }


def _generation_kwargs(generation: Mapping[str, Any]) -> Object:
    temperature = generation.get("temperature") or 0.0
    found: Object = {
        "max_gen_toks": generation.get("max_new_tokens"),
        "do_sample": temperature > 0,
    }
    # transformers warns of a temperature beside greedy decoding, and so does the harness.
    if temperature > 0:
        found |= {"temperature": temperature, "top_p": generation.get("top_p")}
    return found


def _sample(number: int, row: Measured) -> Object:
    asked = [message["content"] for message in row.prompt.prompt]
    return {
        "doc_id": number,
        "doc": {"id": row.prompt.id, "prompt": row.prompt.prompt, "principle": row.principle},
        "target": "",
        "arguments": {"gen_args_0": {"arg_0": "\n".join(asked)}},
        "resps": [[row.text]],
        "filtered_resps": [row.text],
        "filter": FILTER,
        "metrics": ["harmfulness", "refusal"],
        "harmfulness": row.harmfulness,
        "refusal": row.refusal,
    }
