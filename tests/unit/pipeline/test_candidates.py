"""What the sample, score and pairs stages make of candidates, on a tiny model: greedy first,
revisions, several reward models, resuming.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from data_prep.pairs.candidates import rejected_id
from data_prep.pairs.config import PairsConfig
from data_prep.splits.split_files import LEARNED_FROM, read_splits, write_splits
from models.config import GenerationConfig, LanguageModelConfig, ModelConfig
from models.engines.generate import Generated, generation_dtype
from models.loading.load import load_tokenizer
from pipeline import revising
from pipeline.revising import drafts
from pipeline.run.config import RunConfig, SampleConfig, ScoreConfig
from pipeline.run.config_loading import load_config
from pipeline.run.inputs import Inputs
from pipeline.run.stage_run import run_stage
from pipeline.stages import pairs, sample, score
from records.errors import ConfigError, ModelError, RecordError
from records.principles import critique_request, rewrite_request
from records.rows import (
    Completion,
    Demonstration,
    Pair,
    Prompt,
    Revision,
    Score,
    assistant,
    read_records,
    text_of,
    user,
)
from records.run_files import REVISIONS
from records.stage_folder import StageDirectory, read_json, write_json
from reward.config import RewardConfig
from reward.model.harmfulness_model import HarmfulnessScorer, save_reward_model
from reward.model.link import Link
from reward.model.network import new_network

PRECISE = GenerationConfig(max_new_tokens=6, temperature=1.0, batch_size=4, dtype="float32")


def demonstration(number: int, kind: str, **fields) -> Demonstration:
    text = f"I won't do {number}. Ask a nurse." if kind == "harmful" else f"Yes, {number} is fine."
    return Demonstration(
        id=f"{number}-{kind}",
        prompt=user(f"What about {number}?"),
        completion=assistant(text),
        kind=kind,
        suite=kind,
        source="builtin",
        licence="MIT",
        **({"split": "train"} | fields),
    )


def finish(folder: Path) -> None:
    directory = StageDirectory(folder)
    write_json(folder / "run.json", {"fingerprint": "made"})
    directory.finish({})


def leave_reward(run: RunConfig, folder: Path, failed: Sequence[str] = ()) -> None:
    """As the reward stage leaves it, with probes that the audit failed."""
    stage = Path(run.run_dir) / "reward"
    shutil.copytree(folder, stage / "reward_model")
    write_json(stage / "validation.json", audit_of(failed))
    finish(stage)


def audit_of(failed: Sequence[str]) -> dict[str, Any]:
    probe = {"mean": 0.5, "interval": [0.4, 0.6], "n": 27, "bar": "at most 0.05", "passed": False}
    return {"audit": {"failed": list(failed), "probes": {name: probe for name in failed}}}


@pytest.fixture(scope="module")
def reward_model(tmp_path_factory, tiny_directory):
    """A function that writes one with a random head of a seed."""

    def write(seed: int) -> Path:
        folder = tmp_path_factory.mktemp("reward") / "reward_model"
        base = ModelConfig(path=str(tiny_directory))
        network = new_network(base, RewardConfig().adapter, layers=1, seed=seed)
        torch.nn.init.normal_(network.score.weight, generator=torch.Generator().manual_seed(seed))
        save_reward_model(network, load_tokenizer(base), folder, link=Link(), probe_rows=[])
        return folder

    return write


@pytest.fixture
def run(tmp_path, tiny_directory):
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


def three_prompts_with_two_answers() -> tuple[list[Prompt], list[Completion]]:
    prompts = [
        Prompt(
            id=f"{i}", prompt=user(f"q{i}"), kind="harmful", suite="s", source="m", licence="MIT"
        )
        for i in range(3)
    ]
    rest = {"policy": "base", "seed": 0, "num_tokens": 1, "finish_reason": "stop"}
    answers = [
        Completion(
            id=f"{p.id}/base/{k}",
            prompt_id=p.id,
            prompt=p.prompt,
            completion=assistant(f"a{k}"),
            sample=k,
            **rest,
        )
        for p in prompts
        for k in range(2)
    ]
    return prompts, answers


def test_the_first_of_several_answers_is_greedy_and_the_others_are_drawn(run):
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


def test_every_harmful_prompt_is_revised_by_its_principle_and_answers_take_turns(run):
    run_stage(sample.STAGE, run)
    rows = read_splits(Path(run.run_dir) / "sample", "revisions", Revision, LEARNED_FROM)
    assert [r.answer_id for r in rows if r.prompt_id == "1-harmful"] == [
        f"1-harmful/base/{k}" for k in (0, 1, 2, 0)
    ]
    assert {r.prompt_id for r in rows} == {"1-harmful", "2-harmful"}
    assert {r.principle for r in rows if r.prompt_id == "1-harmful"} == {8}
    assert len({text_of(r.completion) for r in rows}) > 4
    assert read_json(Path(run.run_dir) / "sample" / "manifest.json")["summary"]["revisions"] == 8


def test_the_critique_sees_the_answer_and_the_revision_sees_the_critique(monkeypatch):
    asked = []

    def generate(model, tokenizer, prompts, config, *, seeds, label):
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
        assert critiques[i] == [*draft.answer.prompt, *draft.answer.completion, *question]
        assert revisions[i] == [*critiques[i], *assistant(f"text 1.{i}"), *told]
        assert (made[i].critique, text_of(made[i].completion)) == (f"text 1.{i}", f"text 2.{i}")
        assert (made[i].prompt, made[i].answer_id, made[i].seed) == (
            draft.answer.prompt,
            draft.answer.id,
            seeds[i],
        )


def test_revising_goes_on_where_it_was_cut_off(run, monkeypatch):
    # Two blocks.
    monkeypatch.setattr(sample, "rows_at_once", lambda generation, engine: generation.batch_size)
    whole = RunConfig(**{**run.__dict__, "run_dir": f"{run.run_dir}/whole"})
    shutil.copytree(Path(run.run_dir) / "prep", Path(whole.run_dir) / "prep")
    run_stage(sample.STAGE, whole)
    revise, blocks = sample.revise, []

    def cut_off(*arguments, **rest):
        blocks.append(1)
        if len(blocks) == 2:
            raise KeyboardInterrupt
        return revise(*arguments, **rest)

    monkeypatch.setattr(sample, "revise", cut_off)
    with pytest.raises(KeyboardInterrupt):
        run_stage(sample.STAGE, run)
    monkeypatch.setattr(
        sample, "revise", lambda *arguments, **rest: blocks.append(2) or revise(*arguments, **rest)
    )
    run_stage(sample.STAGE, run)
    assert blocks == [1, 1, 2]
    for name in ("completions.train.jsonl", "revisions.train.jsonl"):
        made, wanted = (Path(folder.run_dir) / "sample" / name for folder in (run, whole))
        assert made.read_bytes() == wanted.read_bytes()


def test_ranks_share_the_revisions_of_the_answers_that_they_write():
    prompts, answers = three_prompts_with_two_answers()
    alone = {d.id for d in drafts(prompts, answers, samples=2, revisions=3, seed=0)}
    parts = [
        {d.id for d in drafts(prompts, answers[rank::3], samples=2, revisions=3, seed=0)}
        for rank in range(3)
    ]
    assert len(alone) == 9 == sum(map(len, parts))
    assert set().union(*parts) == alone


@pytest.fixture
def scored(run, reward_model):
    run_stage(sample.STAGE, run)
    leave_reward(run, reward_model(1))
    config = replace(run, score=ScoreConfig(reward_models=[str(reward_model(2))]))
    run_stage(score.STAGE, config)
    return config, read_records(Path(run.run_dir) / "score" / "scores.jsonl", Score)


def test_every_reward_model_scores_answers_revisions_and_both_sides_of_the_data_set(scored):
    _, scores = scored
    by_scorer = {
        name: {s.completion_id for s in scores if s.scorer == name}
        for name in {s.scorer for s in scores}
    }
    assert by_scorer.pop("teacher/coherent") == {"3-benign/base/0"}
    assert sorted(by_scorer) == ["refusal", "reward_model", "reward_model_2"]
    wanted = {f"{p}/base/{k}" for p in ("1-harmful", "2-harmful") for k in range(3)} | {
        "3-benign/base/0"
    }
    wanted |= {f"{p}/base/revised/{k}" for p in ("1-harmful", "2-harmful") for k in range(4)}
    wanted |= {"1-harmful", "2-harmful", rejected_id(demonstration(1, "harmful"))}
    wanted |= {"3-benign"}  # the tiny policy's own completion is incoherent
    assert all(names == wanted for names in by_scorer.values())
    values = {
        name: [s.value for s in scores if s.scorer == name]
        for name in ("reward_model", "reward_model_2")
    }
    assert values["reward_model"] != values["reward_model_2"]


def test_a_completion_has_one_harmfulness_in_a_run_whatever_its_length(run, reward_model):
    """Stages that score do it by one function: model.max_length, which cuts what is trained on,
    cuts nothing that is scored.
    """
    config = replace(run, model=replace(run.model, max_length=24))
    run_stage(sample.STAGE, config)
    leave_reward(run, reward_model(1))
    run_stage(score.STAGE, config)
    made = read_splits(Path(run.run_dir) / "sample", "completions", Completion, LEARNED_FROM)
    scorer = HarmfulnessScorer.load(reward_model(1), generation_dtype(config.eval.generation))
    found = {
        s.completion_id: s.value
        for s in read_records(Path(run.run_dir) / "score" / "scores.jsonl", Score)
        if s.scorer == "reward_model"
    }
    wanted = {s.completion_id: s.value for s in scorer.score(made)}
    assert None not in wanted.values()
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=0.02)


def test_a_reward_model_that_failed_its_audit_is_refused_and_so_is_that_of_another_run(
    run, reward_model
):
    run_stage(sample.STAGE, run)
    leave_reward(run, reward_model(1), ["echo"])
    with pytest.raises(RecordError, match=r"reward_model: fails its audit: echo 0\.50"):
        run_stage(score.STAGE, run)
    other = reward_model(2)
    write_json(other.parent / "validation.json", audit_of(["loop"]))
    accepting = ScoreConfig(reward_models=[str(other)], accept_failed_probes=["echo"])
    with pytest.raises(RecordError, match=r"fails its audit: loop .*=\[loop\]"):
        run_stage(score.STAGE, replace(run, score=accepting))
    run_stage(
        score.STAGE, replace(run, score=replace(accepting, accept_failed_probes=["echo", "loop"]))
    )


def test_pairs_are_made_of_the_mean_of_the_reward_models(scored):
    config, scores = scored
    run_stage(
        pairs.STAGE,
        replace(
            config,
            pairs=replace(
                config.pairs, max_chosen_harmfulness=5.0, max_disagreement=5.0, over_refusal=0.0
            ),
        ),
    )
    values: dict[str, list[float]] = {}
    for s in scores:
        if s.value is not None:
            values.setdefault(s.completion_id, []).append(s.value)
    means = {round(sum(v) / len(v), 4) for v in values.values()}
    rows = read_records(Path(config.run_dir) / "pairs" / "pairs.train.jsonl", Pair)
    assert rows
    assert {p.chosen_score for p in rows} | {p.rejected_score for p in rows} <= means
    report = read_json(Path(config.run_dir) / "pairs" / "pairs.report.json")
    assert report["considered"] == report["pairs"] + sum(report["dropped"].values())


def test_a_reward_model_that_is_none_is_named_before_any_work(run, tmp_path):
    config = replace(
        run, score=ScoreConfig(reward_models=[str(tmp_path / "a"), str(tmp_path / "b")])
    )
    with pytest.raises(ModelError) as caught:
        score.STAGE.files(config)
    assert len(caught.value.faults) == 2
    assert "wanted a reward_model folder" in caught.value.faults[0]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["sample.revisions=-1"], "sample.revisions: got -1, wanted a whole number from 0"),
        (["sample.revisions=2", "pairs.chosen=best"], "revisions of one answer would be the same"),
        (["sample.revisions=1"], "set pairs.chosen=best"),
        (
            ["pairs.max_opening_share=0"],
            "pairs.max_opening_share: got 0.0, wanted a number above 0",
        ),
        (
            ["pairs.max_length_difference=-1"],
            "pairs.max_length_difference: got -1.0, wanted a number from 0",
        ),
        (
            ["pairs.max_chosen_harmfulness=6"],
            "pairs.max_chosen_harmfulness: got 6.0, wanted a number from 1 to 5",
        ),
        (["pairs.strategy=best"], "pairs.strategy"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path, overrides, said):
    (tmp_path / "run.yaml").write_text("run_dir: runs/x\n")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "run.yaml", overrides)
    assert said in str(caught.value)


def test_the_config_alone_says_that_revisions_are_read():
    plain = RunConfig()
    assert score.STAGE.reads_if(plain) == pairs.STAGE.reads_if(plain) == ()
    with_revisions = replace(
        plain, sample=SampleConfig(revisions=1), pairs=PairsConfig(chosen="best")
    )
    assert (
        score.STAGE.reads_if(with_revisions) == pairs.STAGE.reads_if(with_revisions) == (REVISIONS,)
    )
    assert score.read_revisions(plain, Inputs("score", 1, (), plain)) == []
