"""What the sample, score and pairs stages make of candidates, on a tiny model: greedy first,
revisions, several reward models, resuming.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from sampled_prompts import demonstration, finish

from data_prep.pairs.candidates import rejected_id
from data_prep.pairs.config import PairsConfig
from data_prep.splits.split_files import LEARNED_FROM, read_splits
from models.config import ModelConfig
from models.engines.generate import generation_dtype
from models.loading.load import load_tokenizer
from pipeline.run.config import RunConfig, SampleConfig, ScoreConfig
from pipeline.run.config_loading import load_config
from pipeline.run.inputs import Inputs
from pipeline.run.stage_run import run_stage
from pipeline.stages import pairs, sample, score
from records.errors import ConfigError, ModelError, RecordError
from records.rows import (
    Completion,
    Pair,
    Score,
    read_records,
)
from records.run_files import REVISIONS
from records.stage_folder import read_json, write_json
from reward.config import RewardConfig
from reward.model.harmfulness_model import HarmfulnessScorer, save_reward_model
from reward.model.link import Link
from reward.model.network import new_network


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
def reward_model(
    tmp_path_factory: pytest.TempPathFactory, tiny_directory: Path
) -> Callable[[int], Path]:
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
def scored(run: RunConfig, reward_model: Callable[[int], Path]) -> tuple[RunConfig, list[Score]]:
    run_stage(sample.STAGE, run)
    leave_reward(run, reward_model(1))
    config = replace(
        run, score=ScoreConfig(reward_models=[str(reward_model(2))], accept_failed_probes=["all"])
    )
    run_stage(score.STAGE, config)
    return config, read_records(Path(run.run_dir) / "score" / "scores.jsonl", Score)


def test_every_reward_model_scores_answers_revisions_and_both_sides_of_the_data_set(
    scored: tuple[RunConfig, list[Score]],
) -> None:
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


def test_a_completion_has_one_harmfulness_in_a_run_whatever_its_length(
    run: RunConfig, reward_model: Callable[[int], Path]
) -> None:
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
    run: RunConfig, reward_model: Callable[[int], Path]
) -> None:
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


def test_pairs_are_made_of_the_mean_of_the_reward_models(
    scored: tuple[RunConfig, list[Score]],
) -> None:
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


def test_a_reward_model_that_is_none_is_named_before_any_work(
    run: RunConfig, tmp_path: Path
) -> None:
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
        (
            ["sample.revisions=2", "pairs.chosen=best"],
            "revisions of one completion would be the same",
        ),
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
def test_settings_that_cannot_be_meant_are_refused(
    tmp_path: Path, overrides: list[str], said: str
) -> None:
    (tmp_path / "run.yaml").write_text("run_dir: runs/x\n")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "run.yaml", overrides)
    assert said in str(caught.value)


def test_the_config_alone_says_that_revisions_are_read() -> None:
    plain = RunConfig()
    assert score.STAGE.reads_if(plain) == pairs.STAGE.reads_if(plain) == ()
    with_revisions = replace(
        plain, sample=SampleConfig(revisions=1), pairs=PairsConfig(chosen="best")
    )
    assert (
        score.STAGE.reads_if(with_revisions) == pairs.STAGE.reads_if(with_revisions) == (REVISIONS,)
    )
    assert score.read_revisions(plain, Inputs("score", 1, (), plain)) == []
