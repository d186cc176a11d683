"""The same items through lm-evaluation-harness: its own requests, its own log-likelihoods.

Its tasks are pointed at rows that are written to a folder of their own and read from there; nothing
is downloaded and no task of the package is used, whose files come from the hub.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eval.capability.answers import Answer, answered
from eval.capability.items import Item
from records.errors import ResourceError

WHY_MISSING = (
    "eval.capability.engine=lm_eval: the package lm_eval is not installed; "
    "`pip install lm_eval`, or leave the engine at primum, which gives the same accuracies"
)


def lm_eval_answers(
    model: Any, tokenizer: Any, items: Sequence[Item], *, policy: str
) -> list[Answer]:
    """One answer an item, in their order. Raises ResourceError where the package is missing."""
    if find_spec("lm_eval") is None:
        raise ResourceError(WHY_MISSING)
    from lm_eval import simple_evaluate  # noqa: PLC0415  an extra
    from lm_eval.models.huggingface import HFLM  # noqa: PLC0415  an extra
    from lm_eval.tasks import TaskManager  # noqa: PLC0415  an extra

    names = list(dict.fromkeys(item.task for item in items))
    with tempfile.TemporaryDirectory() as folder:
        # Configs as objects: names would make the harness look for its own tasks, whose data are
        # fetched.
        configs = [task_config(Path(folder), name, _of(items, name)) for name in names]
        outcome = simple_evaluate(
            model=HFLM(pretrained=model, tokenizer=tokenizer, batch_size=8),
            tasks=configs,
            num_fewshot=0,
            log_samples=True,
            # Its intervals are not used: the summary makes its own, for both engines alike.
            bootstrap_iters=0,
            # Without the defaults, reading thousands of YAML files is left out.
            task_manager=TaskManager(include_defaults=False),
        )
    by_id = {item.id: item for item in items}
    found = {}
    for name in names:
        for sample in outcome["samples"][name]:
            logps = [float(pair[0]) for pair in sample["filtered_resps"]]
            item = by_id[sample["doc"]["id"]]
            found[item.id] = answered(item, policy, logps)
    return [found[item.id] for item in items]


def task_config(folder: Path, name: str, items: Sequence[Item]) -> dict[str, Any]:
    """A task of lm-evaluation-harness over rows in `folder`, as a YAML file would hold it."""
    path = folder / f"{name}.jsonl"
    rows = []
    for item in items:
        rows.append(
            {"id": item.id, "context": item.context, "choices": item.choices, "gold": item.gold}
        )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    measured = []
    for metric in ("acc", "acc_norm"):
        measured.append({"metric": metric, "aggregation": "mean", "higher_is_better": True})
    return {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(path)}, "cache_dir": str(folder / "cache")},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{context}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "gold",
        "metric_list": measured,
        "metadata": {"version": 1.0},
    }


def _of(items: Sequence[Item], task: str) -> list[Item]:
    return [item for item in items if item.task == task]
