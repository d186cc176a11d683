"""A release without training: what earlier stages would have left, and the real `release`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sampled_prompts import PRECISE, demonstration, finish
from typed_results import built

from data_prep.pairs.config import PairsConfig
from data_prep.splits.split_files import write_splits
from eval.endpoint import Endpoint
from eval.measure import Measured, completions_of, joined
from models.config import LanguageModelConfig, ModelConfig
from models.engines.generate import Generated
from pipeline.run.config import RunConfig, SampleConfig
from pipeline.run.declared import StageSettings
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.stage_run import run_stage
from pipeline.stages import prep, release
from records.contracts import BASE, Policy
from records.rows import Pair, Prompt, Score, assistant, user
from records.run_files import PROMPTS, RunFile, whole
from records.stage_folder import write_json, write_records, write_text
from reward.scorers import HARM_MODEL, REFUSAL

Release = Callable[..., Path]
NEEDS: dict[str, tuple[RunFile[Any], ...]] = {
    "reward": (PROMPTS.of("train"),),
    "pairs": (PROMPTS.of("train"),),
    "dpo": (PROMPTS.of("train"),),
    "eval": (whole("prep"), whole("dpo")),
}


def measured(prompt: Prompt, policy: str, text: str) -> Measured:
    made = Generated(f"{text} ({policy} on a {prompt.kind} one)", 3, "stop")
    (completion,) = completions_of([prompt], [made], policy=policy)
    harm = 4.0 if policy == "base" and prompt.kind == "harmful" else 1.5
    scores = [
        Score(
            id=f"{completion.id}/{HARM_MODEL}",
            completion_id=completion.id,
            scorer=HARM_MODEL,
            value=harm,
        ),
        Score(
            id=f"{completion.id}/{REFUSAL}",
            completion_id=completion.id,
            scorer=REFUSAL,
            label="none",
        ),
    ]
    return joined([prompt], [completion], scores)[0]


def pair(rejected: str) -> Pair:
    return Pair(
        id="p", prompt=user("Hide it?"), chosen=assistant("No."), rejected=assistant(rejected),
        prompt_id="h", pair_type="harm", kind="harmful", split="train", chosen_source="a",
        rejected_source="b", chosen_score=1.0, rejected_score=4.0, margin=3.0,
    )  # fmt: skip


@pytest.fixture
def released() -> Release:
    """Runs prep and release, with stand-ins between; returns the released folder.

    `completion` answers every prompt; `own` are prompts of suites beside the test split; `absent`
    and `provenance` go into results.json as they are; `rejected` is the worse side of a pair.
    """

    def make(
        config: RunConfig,
        completion: str = "Some words.",
        rejected: str = "Other words.",
        own: Sequence[Prompt] = (),
        absent: Sequence[dict[str, Any]] = (),
        **provenance: Any,
    ) -> Path:
        def evaluate(inputs: Inputs, place: Place) -> dict[str, Any]:
            prompts = [*inputs.read(PROMPTS.of("test")), *own]
            rows = [
                measured(prompt, policy, completion)
                for policy in ("base", "dpo")
                for prompt in prompts
            ]
            about = {
                BASE: {"path": config.model.base.path},
                Policy("dpo", "DPO", "base"): {"path": "dpo/policy"},
            }
            results = built(
                rows, about, endpoint=Endpoint("dpo", "base"), confidence=0.95, validation={},
                scoreboard=[], suites_absent=absent,
                provenance={"model": config.model.base.path, **provenance},
            )  # fmt: skip
            write_records(place.path / "prompts.jsonl", prompts)
            write_records(place.path / "completions.jsonl", [row.completion for row in rows])
            write_records(
                place.path / "scores.jsonl",
                [score for row in rows for score in row.scores.values()],
            )
            write_json(place.path / "results.json", results.to_json())
            return {}

        def work(_: StageSettings, inputs: Inputs, place: Place) -> dict[str, Any]:
            if place.path.name == "eval":
                return evaluate(inputs, place)
            if place.path.name == "pairs":
                write_records(place.path / "pairs.train.jsonl", [pair(rejected)])
            for name in ("validation.json", "pairs.report.json"):
                write_json(place.path / name, {"written in": str(place.path)})
            write_text(place.path / "data_card.md", f"made in {place.path}\n")
            write_json(
                place.path / "policy" / "config.json",
                {"tokenizer_file": f"{config.model.base.path}/tokenizer.json"},
            )
            return {}

        made = [Stage(name=n, reads=of, work=work, measures=n == "eval") for n, of in NEEDS.items()]
        stages: list[Stage[Any]] = [prep.STAGE, *made, release.STAGE]
        for stage in stages:
            run_stage(stage, config)
        return Path(config.run_dir) / "release" / config.release.name

    return make


@pytest.fixture
def run(tmp_path: Path, tiny_directory: Path) -> RunConfig:
    """A run directory after prep: two harmful prompts, one with a worse completion and no
    principle, a benign one and a test prompt.
    """
    rows = [
        demonstration(1, "harmful", principle=8, rejected=assistant("Do it like this.")),
        demonstration(2, "harmful"),
        demonstration(3, "benign"),
        demonstration(4, "harmful", split="test"),
    ]
    prompts = [
        Prompt(
            **{
                k: v
                for k, v in row.to_json().items()
                if k not in ("completion", "rejected", "prompt_id")
            }
        )
        for row in rows
    ]
    write_splits(tmp_path / "prep", "prompts", prompts, lambda row: row.split)
    write_splits(tmp_path / "prep", "demonstrations", rows, lambda row: row.split)
    finish(tmp_path / "prep")
    return RunConfig(
        run_dir=str(tmp_path),
        model=LanguageModelConfig(base=ModelConfig(path=str(tiny_directory))),
        sample=SampleConfig(generation=PRECISE, harmful_samples=3, revisions=4),
        pairs=PairsConfig(
            chosen="best",
            min_margin=0.0,
            max_length_ratio=99,
            max_length_difference=None,
            shortcut_fail=1.0,
        ),
    )
