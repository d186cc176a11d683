"""The stage rlhf from a tiny base: what it leaves, what its scoreboard holds, and how it goes on
when it was stopped.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from present import present
from safetensors.torch import load_file

from eval.config import EvalConfig, ScoreboardConfig
from eval.results.scoreboard_row import ScoreboardRow
from eval.scoreboard_shape import read_scoreboard
from models.config import AdapterConfig, GenerationConfig, LanguageModelConfig, ModelConfig
from models.loading.load import load_tokenizer
from pipeline.online_prompts import kinds_of
from pipeline.run.config import ReleaseConfig, RunConfig
from pipeline.run.stage_run import run_stage
from pipeline.stages import load_stage
from records.errors import PreemptedError
from records.rows import Kind, Prompt, Split, user
from records.stage_folder import StageDirectory, write_records
from reward.model.harmfulness_model import save_reward_model
from reward.model.link import Link
from reward.model.network import new_network
from train.config import TrainerConfig
from train.rlhf.config import DegenerateConfig, LimitConfig, RlhfConfig
from train.rlhf.plan import Asked

DRAWING = GenerationConfig(max_new_tokens=5, temperature=1.0, batch_size=16, dtype="float32")
ONLINE = RlhfConfig(
    starts_from="base",
    steps=4,
    measure_every=2,
    prompts_per_step=4,
    num_generations=2,
    learning_rate=1e-2,
    generation=DRAWING,
    degenerate=DegenerateConfig(min_words=0, max_perplexity=1e8),
    limit=LimitConfig(rate=2.0, start=1.0, delay=1),
    stop_when_scorers_part=False,
)


def prompts(split: Split, count: int) -> list[Prompt]:
    rows = []
    for k in range(count):
        asked: list[tuple[Kind, str, str | None]] = [
            ("harmful", "harmful", f"{split}-twins-{k}"),
            ("benign", "twins", f"{split}-harmful-{k}"),
            ("benign", "q", None),
        ]
        for kind, suite, twin in asked:
            text = user(f"Request {k} of {suite} in {split}?")
            row = Prompt(
                id=f"{split}-{suite}-{k}",
                prompt=text,
                kind=kind,
                suite=suite,
                source="made",
                licence="MIT",
                twin_id=twin,
                split=split,
            )
            rows.append(row)
    return rows


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, tiny_directory: Path) -> Path:
    """A run whose prep and reward are done."""
    run = tmp_path_factory.mktemp("before")
    prep = StageDirectory(run / "prep")
    prep.begin({"fingerprint": "prep"})
    others = [
        Prompt(
            id="x",
            prompt=user("Odd?"),
            kind="benign",
            suite="nowhere",
            source="made",
            licence="MIT",
            split="train",
        )
    ]
    write_records(prep.path / "prompts.train.jsonl", [*prompts("train", 5), *others])
    write_records(prep.path / "prompts.val.jsonl", prompts("val", 3))
    prep.finish({})
    reward = StageDirectory(run / "reward")
    reward.begin({"fingerprint": "reward"})
    base = ModelConfig(path=str(tiny_directory))
    network = new_network(base, AdapterConfig(rank=2, alpha=4), layers=1, seed=0)
    torch.nn.init.normal_(network.score.weight, std=3.0, generator=torch.Generator().manual_seed(0))
    save_reward_model(
        network, load_tokenizer(base), reward.path / "reward_model", link=Link(), probe_rows=[]
    )
    (reward.path / "validation.json").write_text("{}")
    reward.finish({})
    return run


@pytest.fixture
def config(
    before: Path, tmp_path: Path, tiny_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> RunConfig:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    shutil.copytree(before, tmp_path / "run")
    return RunConfig(
        run_dir=str(tmp_path / "run"),
        model=LanguageModelConfig(
            base=ModelConfig(path=str(tiny_directory)),
            adapter=AdapterConfig(rank=2, alpha=4),
            max_length=128,
        ),
        trainer=TrainerConfig(
            accelerator="cpu", precision="32-true", cpu_threads=1, checkpoint_every_steps=1
        ),
        eval=EvalConfig(
            generation=GenerationConfig(max_new_tokens=5, batch_size=16, dtype="float32"),
            factors=False,
            scoreboard=ScoreboardConfig(harmful_prompts=3, benign_prompts=6),
        ),
        rlhf=ONLINE,
        release=ReleaseConfig(policy="rlhf"),
    )


def folder(config: RunConfig) -> Path:
    return Path(config.run_dir) / "rlhf"


def test_it_leaves_a_policy_and_a_scoreboard_of_its_own(
    config: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_stage(load_stage("rlhf"), config)
    rows, said = read_scoreboard(folder(config) / "scoreboard.jsonl"), capsys.readouterr().out

    assert [(row.epoch, row.step) for row in rows] == [(0, 0), (1, 2), (2, 4)]
    assert rows[0].kl == 0 < present(rows[-1].kl)
    assert set(present(rows[0].multipliers)) == {"twins", "q"}
    assert rows[0].drawn_over_refusal == {}
    assert set(present(rows[1].drawn_over_refusal)) == {"twins", "q"}
    assert None not in (rows[1].mean_tokens, rows[1].distinct_2)
    assert (folder(config) / "policy" / "model.safetensors").is_file()
    assert not (folder(config) / "work").exists()
    assert "a step asks 2 harmful, 1 twins, 1 questions, 2 completions each" in said
    assert (
        "1 prompts of nowhere left out: the scoreboard has none of that suite to hold a limit on"
        in said
    )
    assert not run_stage(load_stage("rlhf"), config)


def rate(row: ScoreboardRow, suite: str) -> float:
    return present(row.over_refusal_by_suite[suite].mean)


def test_the_limit_is_moved_by_what_the_scoreboard_measured_last(config: RunConfig) -> None:
    run_stage(load_stage("rlhf"), config)
    rows = read_scoreboard(folder(config) / "scoreboard.jsonl")
    lines = [
        json.loads(line) for line in (folder(config) / "metrics.jsonl").read_text().splitlines()
    ]
    limits = {line["step"]: line["limit/twins"] for line in lines if "limit/twins" in line}
    base, middle = rows[:2]

    assert limits[1] == pytest.approx(rate(base, "twins") + 0.1)  # nothing is drawn yet
    drawn = next(
        line["refused/benign/twins"]
        for line in lines
        if line["step"] == 1 and "refused/benign/twins" in line
    )
    assert limits[2] == pytest.approx(rate(base, "twins") + 0.1 + drawn - rate(base, "twins"))
    moved = present(middle.drawn_over_refusal)["twins"] - rate(middle, "twins")
    assert limits[3] == limits[4] == pytest.approx(rate(base, "twins") + 0.1 + moved)


def test_stopped_in_time_it_ends_in_the_same_policy(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train.engine import preemption

    whole = replace(config, run_dir=str(tmp_path / "whole"))
    Path(config.run_dir).rename(tmp_path / "kept")
    shutil.copytree(tmp_path / "kept", config.run_dir)
    shutil.copytree(tmp_path / "kept", whole.run_dir)
    run_stage(load_stage("rlhf"), whole)
    with monkeypatch.context() as patch:
        patch.setattr(preemption, "heard", lambda: "SIGUSR1")
        with pytest.raises(PreemptedError, match="saved at step 1"):
            run_stage(load_stage("rlhf"), config)
    assert run_stage(load_stage("rlhf"), config)
    got, wanted = (
        load_file(folder(run) / "policy" / "model.safetensors") for run in (config, whole)
    )
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in got.items())


def test_kinds_of_prompts_are_told_apart_by_their_twins() -> None:
    asked = [Asked(prompt, [1]) for prompt in prompts("train", 2)]
    assert kinds_of(asked) == {"harmful": [0, 3], "twins": [1, 4], "questions": [2, 5]}
