"""Several completions of a prompt, and the policy's revisions of its own by critique."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sampled_prompts import PRECISE

from data_prep.splits.split_files import LEARNED_FROM, read_splits
from models.config import GenerationConfig
from models.engines.generate import Generated
from pipeline import revising
from pipeline.revising import drafts
from pipeline.run.config import RunConfig
from pipeline.run.stage_run import run_stage
from pipeline.stages import sample
from records.principles import critique_request, rewrite_request
from records.rows import (
    Completion,
    Message,
    Prompt,
    Revision,
    assistant,
    text_of,
    user,
)
from records.stage_folder import read_json


def three_prompts_with_two_answers() -> tuple[list[Prompt], list[Completion]]:
    prompts = [
        Prompt(
            id=f"{i}", prompt=user(f"q{i}"), kind="harmful", suite="s", source="m", licence="MIT"
        )
        for i in range(3)
    ]
    answers = [
        Completion(
            id=f"{p.id}/base/{k}",
            prompt_id=p.id,
            prompt=p.prompt,
            completion=assistant(f"a{k}"),
            policy="base",
            sample=k,
            seed=0,
            num_tokens=1,
            finish_reason="stop",
        )
        for p in prompts
        for k in range(2)
    ]
    return prompts, answers


def test_the_first_of_several_answers_is_greedy_and_the_others_are_drawn(run: RunConfig) -> None:
    run_stage(sample.STAGE, run)
    first = read_splits(Path(run.run_dir) / "sample", "completions", Completion, LEARNED_FROM)
    run_stage(sample.STAGE, replace(run, seed=1))
    other = read_splits(Path(run.run_dir) / "sample", "completions", Completion, LEARNED_FROM)
    same = {a.id: a.completion == b.completion for a, b in zip(first, other, strict=True)}
    assert sorted(same) == [
        *(f"{p}-harmful/base/{k}" for p in (1, 2) for k in range(3)),
        "3-benign/base/0",
    ]
    assert {name for name, equal in same.items() if equal} == {
        "1-harmful/base/0",
        "2-harmful/base/0",
        "3-benign/base/0",
    }


def test_every_harmful_prompt_is_revised_by_its_principle_and_answers_take_turns(
    run: RunConfig,
) -> None:
    run_stage(sample.STAGE, run)
    rows = read_splits(Path(run.run_dir) / "sample", "revisions", Revision, LEARNED_FROM)
    assert [r.answer_id for r in rows if r.prompt_id == "1-harmful"] == [
        f"1-harmful/base/{k}" for k in (0, 1, 2, 0)
    ]
    assert {r.prompt_id for r in rows} == {"1-harmful", "2-harmful"}
    assert {r.principle for r in rows if r.prompt_id == "1-harmful"} == {8}
    assert len({text_of(r.completion) for r in rows}) > 4
    assert read_json(Path(run.run_dir) / "sample" / "manifest.json")["summary"]["revisions"] == 8


def test_the_critique_sees_the_answer_and_the_revision_sees_the_critique(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def generate(
        model: object,
        tokenizer: object,
        prompts: list[list[Message]],
        config: GenerationConfig,
        *,
        seeds: list[int],
        label: str,
    ) -> list[Generated]:
        asked.append((prompts, config.max_new_tokens, seeds))
        return [Generated(f"text {len(asked)}.{i}", 3, "stop") for i in range(len(prompts))]

    monkeypatch.setattr(revising, "generate", generate)
    prompts, answers = three_prompts_with_two_answers()
    block = drafts(prompts, answers, samples=2, revisions=1, seed=0)
    made = revising.revise(
        None, None, block, replace(PRECISE, max_new_tokens=300), seed=0, label=""
    )
    (critiques, brief, first_seeds), (revisions, full, seeds) = asked
    assert (brief, full) == (revising.CRITIQUE_TOKENS, 300)
    assert len({*first_seeds, *seeds}) == 2 * len(block)
    for i, draft in enumerate(block):
        question, told = (
            user(critique_request(draft.principle)),
            user(rewrite_request(draft.principle)),
        )
        assert critiques[i] == [*draft.first.prompt, *draft.first.completion, *question]
        assert revisions[i] == [*critiques[i], *assistant(f"text 1.{i}"), *told]
        assert (made[i].critique, text_of(made[i].completion)) == (f"text 1.{i}", f"text 2.{i}")
        assert (made[i].prompt, made[i].answer_id, made[i].seed) == (
            draft.first.prompt,
            draft.first.id,
            seeds[i],
        )


def test_revising_goes_on_where_it_was_cut_off(
    run: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two blocks.
    monkeypatch.setattr(sample, "rows_at_once", lambda generation, engine: generation.batch_size)
    whole = RunConfig(**{**run.__dict__, "run_dir": f"{run.run_dir}/whole"})
    shutil.copytree(Path(run.run_dir) / "prep", Path(whole.run_dir) / "prep")
    run_stage(sample.STAGE, whole)
    blocks: list[int] = []

    def cut_off(*arguments: Any, **rest: Any) -> list[Revision]:
        blocks.append(1)
        if len(blocks) == 2:
            raise KeyboardInterrupt
        return revising.revise(*arguments, **rest)

    monkeypatch.setattr(sample, "revise", cut_off)
    with pytest.raises(KeyboardInterrupt):
        run_stage(sample.STAGE, run)

    def go_on(*arguments: Any, **rest: Any) -> list[Revision]:
        blocks.append(2)
        return revising.revise(*arguments, **rest)

    monkeypatch.setattr(sample, "revise", go_on)
    run_stage(sample.STAGE, run)
    assert blocks == [1, 1, 2]
    for name in ("completions.train.jsonl", "revisions.train.jsonl"):
        made, wanted = (Path(folder.run_dir) / "sample" / name for folder in (run, whole))
        assert made.read_bytes() == wanted.read_bytes()


def test_ranks_share_the_revisions_of_the_answers_that_they_write() -> None:
    prompts, answers = three_prompts_with_two_answers()
    alone = {d.id for d in drafts(prompts, answers, samples=2, revisions=3, seed=0)}
    parts = [
        {d.id for d in drafts(prompts, answers[rank::3], samples=2, revisions=3, seed=0)}
        for rank in range(3)
    ]
    assert len(alone) == 9 == sum(map(len, parts))
    assert set().union(*parts) == alone
