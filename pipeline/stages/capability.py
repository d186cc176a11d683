"""capability: is the medicine still there?

Options by log-likelihood, held-out text by perplexity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.capability.answers import Answer
from eval.capability.config import CapabilityConfig
from eval.capability.items import Item, read_tasks
from eval.capability.perplexity import TextLikelihood, held_out_texts
from eval.capability.summary import capability_summary
from models.config import GenerationConfig, ModelConfig
from models.loading.load import load_tokenizer
from pipeline.measuring.capability import task_answers, text_likelihoods
from pipeline.model_identity import model_files
from pipeline.policies import base_config, generating, policy_of
from pipeline.run.config import RunConfig
from pipeline.run.declared import Part, StageSettings, beside
from pipeline.run.graph import policy_title, trained_policies
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.setting_parts import PolicyModel, Rounds, StartsFrom
from records.contracts import BASE
from records.errors import RecordError
from records.hash_beside import hash_faults, write_hash
from records.rows import Demonstration, Record, RecordT, read_records
from records.run_files import (
    CAPABILITY,
    CAPABILITY_ANSWERS,
    CAPABILITY_TEXTS,
    DEMONSTRATIONS,
    POLICY,
)
from records.stage_folder import sha256_file, write_json, write_records
from train.config import ControlConfig, TrainerConfig


@dataclass(frozen=True, kw_only=True)
class Questions(Part):
    capability: CapabilityConfig
    confidence: float
    generation: GenerationConfig = beside(but=("dtype",))


@dataclass(frozen=True, kw_only=True)
class Settings(StageSettings):
    model: PolicyModel
    eval: Questions
    trainer: TrainerConfig = beside()
    control: ControlConfig = beside()
    dpo: Rounds
    rlhf: StartsFrom


def work(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Measure how well every policy answers medical questions and predicts medical text."""
    wanted = config.eval.capability
    tasks, absent = read_tasks(wanted.tasks)
    for task in absent:
        place.say(str(task))
    # Test rows, as perplexity on what was trained on would only show memory.
    texts = held_out_texts(inputs.read(DEMONSTRATIONS.of("test")), wanted.held_out_texts)
    items = []
    for rows in tasks.values():
        items.extend(rows)
    # A stage without figures would look like a capability that was kept.
    if not items and not texts:
        raise RecordError(
            "eval.capability: nothing to measure: no task's file is there, and the test split "
            "holds no benign prompt with a reference completion; name a task's file, or set "
            "eval.capability.held_out_texts=0 and leave eval.capability.tasks empty"
        )
    # Policy by policy and not task by task, so that each model is loaded once.
    measured = {}
    for name, at in _policies(config, inputs).items():
        measured[name] = _measured(config, place, name, at, items, texts)
    answers = []
    for of_tasks, _ in measured.values():
        answers.extend(of_tasks)
    likely = []
    for _, of_texts in measured.values():
        likely.extend(of_texts)
    write_records(place.path / CAPABILITY_ANSWERS.name, answers)
    write_records(place.path / CAPABILITY_TEXTS.name, likely)
    summary = capability_summary(
        {
            name: {policy: _of(rows, name) for policy, (rows, _) in measured.items()}
            for name in tasks
        },
        {policy: rows for policy, (_, rows) in measured.items()},
        absent,
        wanted,
        baseline=BASE.name,
        confidence=config.eval.confidence,
    )
    write_json(place.path / CAPABILITY.name, summary.to_json())
    return {"items": len(items), "texts": len(texts), "policies": len(measured)}


def _of(rows: Sequence[Answer], task: str) -> list[Answer]:
    return [row for row in rows if row.task == task]


def _policies(config: Settings, inputs: Inputs) -> dict[str, ModelConfig]:
    trained = trained_policies(config)
    left = {one.name: inputs.path(POLICY.left_by(one.name)) for one in trained}
    found = {name: policy_of(config.model.base, folder) for name, folder in left.items()}
    return {BASE.name: base_config(config.model.base), **found}


def _measured(
    config: Settings,
    place: Place,
    name: str,
    at: ModelConfig,
    items: list[Item],
    texts: list[Demonstration],
) -> tuple[list[Answer], list[TextLikelihood]]:
    """Of one policy; what was finished before a kill is not computed again."""
    folder = place.work
    loaded: list[tuple[Any, Any]] = []

    def model() -> tuple[Any, Any]:
        # Loaded at the first call: where both files are whole already, no model is needed.
        if not loaded:
            policy = generating(config.trainer, at, config.eval.generation)
            loaded.append((policy, load_tokenizer(at)))
        return loaded[0]

    answers = _kept(
        folder / f"{name}.answers.jsonl",
        Answer,
        lambda: task_answers(config, name, *model(), items) if items else [],
    )
    likely = _kept(
        folder / f"{name}.texts.jsonl",
        TextLikelihood,
        lambda: text_likelihoods(config, name, *model(), texts) if texts else [],
    )
    place.say(f"{policy_title(name)}: {len(answers)} items and {len(likely)} texts measured")
    return answers, likely


def _kept(path: Path, record: type[RecordT], make: Callable[[], Sequence[Record]]) -> list[RecordT]:
    # A hash beside the file: it lies in the work folder, which no manifest covers.
    if hash_faults(path):
        write_records(path, make())
        write_hash(path)
    return read_records(path, record)


def task_files(config: RunConfig) -> dict[str, str]:
    """Hashes of the tasks' files that are there."""
    found = {}
    for task in config.eval.capability.tasks:
        path = Path(task.path)
        # MMLU's tasks are a folder with a file a subject.
        files = sorted(path.glob("*_test.csv")) if path.is_dir() else [path]
        named = {}
        for file in files:
            if file.is_file():
                named[f"task {task.name} {file.name}"] = file
        found.update({name: sha256_file(file) for name, file in named.items()})
    return found


STAGE = Stage(
    name="capability",
    reads=(DEMONSTRATIONS.of("test"),),
    writes=(CAPABILITY, CAPABILITY_ANSWERS, CAPABILITY_TEXTS),
    measures=True,
    reads_if=lambda config: tuple(
        POLICY.left_by(policy.name) for policy in trained_policies(config)
    ),
    work=work,
    settings=Settings,
    files=lambda config: {**model_files(config), **task_files(config)},
)
