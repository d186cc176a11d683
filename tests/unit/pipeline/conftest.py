"""A release without training: what earlier stages would have left, and the real `release`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from data_prep.splits.split_files import read_splits
from eval.measure import Sample
from eval.results import build_results
from pipeline.run.config import RunConfig
from pipeline.run.stage import Context, Stage, run_stage
from pipeline.stages import prep, release
from records.rows import Prompt, text_of
from records.stage_folder import write_json, write_records, write_text

Release = Callable[..., Path]
NEEDS = {
    "reward": ("prep/prompts.train.jsonl",),
    "pairs": ("prep/prompts.train.jsonl",),
    "dpo": ("prep/prompts.train.jsonl",),
    "eval": ("prep", "dpo"),
}


def sample(prompt: Prompt, policy: str, completion: str) -> Sample:
    return Sample(
        id=f"{prompt.suite}/{prompt.id}/{policy}",
        policy=policy,
        suite=prompt.suite,
        kind=prompt.kind,
        principle=prompt.principle,
        prompt_id=prompt.id,
        prompt=text_of(prompt.prompt),
        completion=f"{completion} ({policy} on a {prompt.kind} one)",
        harmfulness=4.0 if policy == "base" and prompt.kind == "harmful" else 1.5,
        unscored_reason="",
        refusal="none",
        finish_reason="stop",
        num_tokens=3,
    )


@pytest.fixture
def released() -> Release:
    """Runs prep and release, with stand-ins between; returns the released folder.

    `completion` answers every prompt; `own` are prompts of suites beside the test split; `absent` and
    `provenance` go into results.json as they are.
    """

    def make(
        config: RunConfig,
        completion: str = "Some words.",
        own: Sequence[Prompt] = (),
        absent: Sequence[dict[str, Any]] = (),
        **provenance: Any,
    ) -> Path:
        def evaluate(context: Context) -> dict[str, Any]:
            prompts = [*read_splits(context.stage("prep").path, "prompts", Prompt, ("test",)), *own]
            samples = [sample(prompt, policy, completion) for policy in ("base", "dpo") for prompt in prompts]
            about = {"base": {"title": "base", "path": config.model.base.path}, "dpo": {"title": "DPO", "path": "dpo/policy"}}
            results = build_results(
                samples, about, confidence=0.95, validation={}, scoreboard=[], suites_absent=absent,
                provenance={"model": config.model.base.path, **provenance},
            )  # fmt: skip
            write_records(context.path / "samples.jsonl", samples)
            write_json(context.path / "results.json", results)
            return {}

        def work(context: Context) -> dict[str, Any]:
            if context.path.name == "eval":
                return evaluate(context)
            for name in ("validation.json", "pairs.report.json"):
                write_json(context.path / name, {"written in": str(context.path)})
            write_text(context.path / "data_card.md", f"made in {context.path}\n")
            write_json(context.path / "policy" / "config.json", {"tokenizer_file": f"{config.model.base.path}/tokenizer.json"})
            return {}

        made = [Stage(name=n, summary="", needs=of, sections=(), work=work, measures=n == "eval") for n, of in NEEDS.items()]
        for stage in (prep.STAGE, *made, release.STAGE):
            run_stage(stage, config)
        return Path(config.run_dir) / "release" / config.release.name

    return make
