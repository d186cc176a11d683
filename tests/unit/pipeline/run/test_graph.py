"""Stages and policies of a run, from what the stages are registered with: nobody else knows a
policy by its name.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from present import present

from eval.config import EvalConfig
from models.config import GenerationConfig, LanguageModelConfig
from pipeline.run.config import ReleaseConfig, RunConfig
from pipeline.run.config_loading import load_config
from pipeline.run.graph import (
    compared_policies,
    main_policy,
    policy_left_by,
    policy_title,
    releasable,
    released_policy,
    stage_names,
    stages_before,
    trained_in_jobs,
    trainings,
    way_to,
)
from pipeline.run.rounds import trained_before
from pipeline.stages import STAGES, load_stage, release
from pipeline.stages import eval as eval_stage
from records.contracts import BASE, Policy
from records.errors import ConfigError
from train.config import ControlConfig, DpoConfig
from train.rlhf.config import MixConfig, RlhfConfig

THREE_ROUNDS = RunConfig(dpo=DpoConfig(rounds=3))


def test_the_order_of_a_run_with_rounds() -> None:
    rounds = [f"{name}_{round}" for round in (2, 3) for name in ("sample", "score", "pairs", "dpo")]
    first = ["prep", "sample", "reward", "score", "pairs", "sft", "dpo"]
    assert stage_names(THREE_ROUNDS) == [*first, *rounds, "sft_control", "eval", "release"]
    assert stages_before("eval", THREE_ROUNDS) == [*first, *rounds, "sft_control"]


def test_policies_know_what_they_start_from_and_are_compared_in_order() -> None:
    assert [policy.name for policy in compared_policies(THREE_ROUNDS)] == [
        "base",
        "sft",
        "sft_control",
        "dpo",
        "dpo_2",
        "dpo_3",
    ]
    assert policy_left_by("dpo_3") == Policy("dpo_3", "DPO, round 3", "dpo_2", round=3)
    assert policy_left_by("pairs_2") is policy_left_by("eval") is None
    assert [policy.name for policy in way_to(present(policy_left_by("dpo_3")))] == [
        "sft",
        "dpo",
        "dpo_2",
        "dpo_3",
    ]
    assert [policy.name for policy in way_to(present(policy_left_by("sft_control")))] == [
        "sft",
        "sft_control",
    ]
    assert way_to(BASE) == [BASE]
    assert [trained_before(round) for round in (1, 2, 3)] == ["sft", "dpo", "dpo_2"]


def test_titles_are_those_of_the_stages_and_an_unknown_policy_is_its_own_name() -> None:
    assert [policy_title(name) for name in ("base", "sft", "dpo_2", "mine")] == [
        "base",
        "SFT",
        "DPO, round 2",
        "mine",
    ]


def test_what_may_be_released_exported_and_is_trained_on_all_ranks() -> None:
    assert releasable() == ["sft", "dpo", "sft_control", "rlhf"]
    assert trainings(2) == ["sft", "dpo", "sft_control", "rlhf", "dpo_2"]
    assert main_policy() == RunConfig().release.policy
    assert trained_in_jobs() == [name for name in STAGES if load_stage(name).ranks]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "release.policy=ppo",
            "release.policy must be one of sft, dpo, sft_control, rlhf, got 'ppo'",
        ),
        (
            "release.gate.accept_unheld_selection=[dop]",
            r"accept_unheld_selection names stages that train a policy .* got \['dop'\]",
        ),
    ],
)
def test_a_policy_that_no_stage_trains_is_refused(
    tmp_path: Path, override: str, words: str
) -> None:
    (tmp_path / "run.yaml").write_text("")
    with pytest.raises(ConfigError, match=words):
        load_config(tmp_path / "run.yaml", [override])


def test_a_control_that_is_off_cannot_be_released() -> None:
    with pytest.raises(
        ValueError, match=r"release\.policy is sft_control, a stage that this run leaves out"
    ):
        RunConfig(control=ControlConfig(enabled=False), release=ReleaseConfig(policy="sft_control"))


@pytest.mark.parametrize(
    ("policy", "pairs"), [("dpo", ("pairs", "pairs_2", "pairs_3")), ("sft", ("pairs",))]
)
def test_a_release_reads_the_pairs_of_the_rounds_that_led_to_its_policy(
    policy: str, pairs: tuple[str, ...]
) -> None:
    config = RunConfig(dpo=DpoConfig(rounds=3), release=ReleaseConfig(policy=policy))
    assert [file.stage for file in release.STAGE.reads_if(config)] == [
        *pairs,
        released_policy(config),
    ]


def test_another_policy_to_release_is_another_endpoint_of_eval() -> None:
    assert "release.policy" in eval_stage.STAGE.counted


@pytest.mark.parametrize(
    ("start", "way", "reads"),
    [
        ("base", ["rlhf"], []),
        ("sft", ["sft", "rlhf"], ["sft/policy", "sft/scoreboard.jsonl"]),
        ("dpo", ["sft", "dpo", "dpo_2", "dpo_3", "rlhf"], ["dpo_3/policy", "sft/scoreboard.jsonl"]),
    ],
)
def test_rlhf_starts_from_the_policy_that_the_config_names(
    start: Literal["none", "base", "sft", "dpo"], way: list[str], reads: list[str]
) -> None:
    config = replace(
        THREE_ROUNDS, rlhf=RlhfConfig(starts_from=start), release=ReleaseConfig(policy="rlhf")
    )
    policy = present(policy_left_by("rlhf", config))
    inputs = load_stage("rlhf").inputs(config)

    assert stage_names(config)[-3:] == ["rlhf", "eval", "release"]
    assert [step.name for step in way_to(policy, config)] == way
    assert compared_policies(config)[-1].starts_from == (way[-2] if len(way) > 1 else "base")
    assert set(reads) <= set(inputs)
    assert bool(reads) == any(name.split("/")[0] in ("sft", "dpo_3") for name in inputs)
    assert load_stage("release").inputs(config)[-1] == "rlhf"


def test_without_a_start_rlhf_is_no_stage_of_the_run() -> None:
    assert "rlhf" not in stage_names(RunConfig())


@pytest.mark.parametrize(
    ("rlhf", "others", "words"),
    [
        (
            {"starts_from": "sft"},
            {"eval": EvalConfig(factors=False)},
            "eval.factors is false, so there is no independent scorer to stop by",
        ),
        (
            {"starts_from": "sft"},
            {"model": LanguageModelConfig(max_length=64)},
            "no room for a prompt",
        ),
    ],
)
def test_settings_that_do_not_go_with_rlhf_are_refused(
    rlhf: dict[str, Any], others: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        RunConfig(rlhf=RlhfConfig(**rlhf), **others)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"engine": "vllm"}, "weights are not handed over"),
        (
            {"generation": GenerationConfig(temperature=0.0)},
            "wanted a temperature above 0 and top_p 1",
        ),
        (
            {"generation": GenerationConfig(temperature=1.0, top_p=0.9)},
            "wanted a temperature above 0 and top_p 1",
        ),
        ({"steps": 25}, "no multiple of rlhf.measure_every=10"),
        ({"mix": {"twins": 0, "questions": 0}}, "no benign prompts"),
    ],
)
def test_settings_of_rlhf_that_would_be_ignored_or_wrong_are_refused(
    settings: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        rlhf_of(settings)


def rlhf_of(settings: dict[str, Any]) -> RlhfConfig:
    known: dict[str, Any] = {
        key: MixConfig(**value) if key == "mix" else value for key, value in settings.items()
    }
    return RlhfConfig(**known)
