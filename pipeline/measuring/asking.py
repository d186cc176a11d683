"""Every subject's completions to the same prompts, whatever kind of subject it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.measure import complete, completion_id
from eval.results.facts import PolicyFacts
from models.config import ModelConfig
from models.engines.generate import generation_dtype, rows_at_once
from models.engines.vllm_engine import VllmEngine, engine_name
from models.loading.inspection import require_model
from models.loading.load import load_tokenizer, model_location
from pipeline.measuring.completion_files import Answered
from pipeline.measuring.kept_completions import KeptCompletions
from pipeline.measuring.servers import completed_by_server, endpoint_of
from pipeline.measuring.subjects import Subject
from pipeline.policies import device, generating, own_gpus
from pipeline.run.config import RunConfig
from pipeline.run.console import say
from records.errors import PrimumError
from records.rows import Completion, Prompt

FROM_A_FILE = "file"


@dataclass(frozen=True)
class Asked:
    """A policy under its name and title, and what it completes the prompts with."""

    name: str
    title: str
    about: PolicyFacts
    """Where it came from, for results.json."""
    completions: list[Completion]


def model_of(subject: Subject, config: RunConfig) -> ModelConfig:
    """The model's files.

    Raises ModelError where it is none; settings of model.base besides the path hold for it too.
    """
    # The settings of model.base hold for each subject, as chat template and float type do.
    named = replace(
        config.model.base,
        path=subject.where,
        revision=subject.revision or config.model.base.revision,
    )
    require_model(named, "")
    return replace(named, path=model_location(named))


def require_subjects(subjects: Sequence[Subject], config: RunConfig, api_key_env: str = "") -> None:
    """Raise with what is wrong with all of them, before the first is asked: its completions take
    hours.
    """
    faults: list[str] = []
    if any(subject.kind == "model" for subject in subjects):
        # Asked once for all: a missing engine is no fault of any one model.
        engine_name(config.eval.engine, config.model.vllm)
    for subject in subjects:
        try:
            if subject.kind == "server":
                endpoint_of(subject, config.eval.generation, api_key_env)
            else:
                # The tokenizer alone: weights would take minutes for each subject.
                load_tokenizer(model_of(subject, config))
        except PrimumError as error:
            faults += error.faults
    if faults:
        raise PrimumError(faults)


def ask(
    subject: Subject,
    prompts: Sequence[Prompt],
    config: RunConfig,
    folder: Path,
    *,
    api_key_env: str = "",
) -> Asked:
    """A model's or a server's completions, one a prompt; what was written before a kill is not
    written again.
    """
    generation = config.eval.generation
    if subject.kind == "server":
        endpoint = endpoint_of(subject, generation, api_key_env)
        made = completed_by_server(
            endpoint, prompts, folder / "replies" / f"{subject.name}.jsonl", policy=subject.name
        )
        return Asked(
            subject.name,
            endpoint.model,
            PolicyFacts(path=endpoint.model, kind="server", server=subject.where),
            made,
        )
    made = _written(subject, prompts, config, folder)
    return Asked(
        subject.name,
        subject.title,
        PolicyFacts(path=subject.where, kind="model", revision=subject.revision),
        made,
    )


def _written(
    subject: Subject, prompts: Sequence[Prompt], config: RunConfig, folder: Path
) -> list[Completion]:
    model, generation = model_of(subject, config), config.eval.generation
    engine = engine_name(config.eval.engine, config.model.vllm)
    kept = KeptCompletions(model, generation, device(config.trainer), engine)
    missing = kept.missing(prompts)
    say(
        "measure",
        f"{subject.title}: {len(prompts)} prompts, {len(prompts) - len(missing)} of their "
        "completions are known already",
    )
    if missing:
        # As many together as an evaluation asks for, up to where a kill would lose much: rounding
        # depends on who is written beside whom.
        size = rows_at_once(generation, config.eval.engine)
        with answering(subject, model, config, folder) as (policy, tokenizer):
            for start in range(0, len(missing), size):
                block = missing[start : start + size]
                kept.keep(
                    block, complete(policy, tokenizer, block, generation, policy=subject.name)
                )
    found: list[Completion] = []
    for made in kept.of(prompts, policy=subject.name):
        if made:
            found.append(made)
    return found


@contextmanager
def answering(
    subject: Subject, model: ModelConfig, config: RunConfig, folder: Path
) -> Iterator[tuple[Any, Any]]:
    """(model, tokenizer) for as long as it writes, by eval.engine."""
    if config.eval.engine == "transformers":
        yield generating(config.trainer, model, config.eval.generation), load_tokenizer(model)
        return
    log = folder / f"vllm.{subject.name}.log"
    with VllmEngine(
        config.model.vllm,
        model,
        generation_dtype(config.eval.generation),
        gpus=own_gpus(config.trainer),
        log=log,
    ) as policy:
        yield policy, load_tokenizer(model)


def from_file(
    name: str,
    title: str,
    rows: Mapping[tuple[str, str], Answered],
    prompts: Sequence[Prompt],
    path: str,
) -> Asked:
    """What a file holds of these prompts, under the name that the measurement gives its policy."""
    made = [rows[prompt.suite, prompt.id].completion for prompt in prompts]
    named = []
    # Renamed: several files may call their policies alike, and the first is the baseline here.
    for row, prompt in zip(made, prompts, strict=True):
        named.append(replace(row, id=completion_id(prompt, name), policy=name, suite=prompt.suite))
    return Asked(name, title, PolicyFacts(path=path, kind=FROM_A_FILE), named)
