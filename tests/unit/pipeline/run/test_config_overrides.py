"""Settings on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from config_faults import faults_of

from pipeline.run.config import RunConfig, to_yaml
from pipeline.run.config_loading import load_config
from records.errors import ConfigError
from train.rlhf.config import RlhfConfig


@pytest.mark.parametrize("override", ["dpo.beta=[1", "dpo.beta={a", "dpo.beta=: : :"])
def test_an_override_that_is_no_yaml_is_a_fault(
    config_file: Callable[[str], Path], override: str
) -> None:
    (fault,) = faults_of(config_file(""), [override])
    assert override in fault


@pytest.mark.parametrize("override", ["dpo.beta", "=3", "--dpo.beta"])
def test_an_override_without_key_or_value_shows_how(
    config_file: Callable[[str], Path], override: str
) -> None:
    (fault,) = faults_of(config_file(""), [override])
    assert "wanted key=value" in fault


def test_overrides_replace_what_the_file_says(config_file: Callable[[str], Path]) -> None:
    config = load_config(
        config_file("dpo: {beta: 0.3, epochs: 4}"),
        ["dpo.beta=0.2", "run_dir=runs/b", "dpo.learning_rate=1e-4"],
    )
    assert (config.dpo.beta, config.dpo.epochs, config.run_dir, config.dpo.learning_rate) == (
        0.2,
        4,
        "runs/b",
        1e-4,
    )


def test_an_override_reaches_into_a_list(config_file: Callable[[str], Path]) -> None:
    path = config_file(
        "data: {sources: [{name: a, format: jsonl, path: x.jsonl}, {name: b, format: jsonl, "
        "path: y.jsonl}]}"
    )
    config = load_config(path, ["data.sources.0.path=z.jsonl"])
    assert [source.path for source in config.data.sources] == ["z.jsonl", "y.jsonl"]


def test_an_override_beyond_the_end_of_a_list_is_a_fault(
    config_file: Callable[[str], Path],
) -> None:
    assert faults_of(config_file(""), ["data.sources.7.path=z.jsonl"])


def test_an_override_of_an_unknown_key_in_a_list_names_the_one_that_was_meant(
    config_file: Callable[[str], Path],
) -> None:
    (fault,) = faults_of(config_file(""), ["data.sources.0.pathh=z.jsonl"])
    assert "data.sources.path" in fault.split("did you mean")[1]


@pytest.mark.parametrize(
    ("text", "overrides", "key"),
    [
        ("rlhf: {steps: 20}", [], "rlhf.steps"),
        ("", ["rlhf={beta: 0.1}"], "rlhf.beta"),
        ("rlhf: {starts_from: none, steps: 20}", ["rlhf.beta=0.1"], "rlhf.beta"),
    ],
)
def test_settings_of_rlhf_for_a_run_without_it_are_refused(
    config_file: Callable[[str], Path], text: str, overrides: list[str], key: str
) -> None:
    with pytest.raises(ConfigError, match=f"{key}: rlhf has settings and rlhf.starts_from is none"):
        load_config(config_file(text), overrides)


def test_rlhf_may_be_left_out_with_its_settings_kept(config_file: Callable[[str], Path]) -> None:
    config = load_config(
        config_file("rlhf: {starts_from: sft, steps: 20}"), ["rlhf.starts_from=none"]
    )
    assert (config.rlhf.starts_from, config.rlhf.steps) == ("none", 20)


def test_the_config_that_a_run_saved_is_read_after_a_default_has_changed(
    config_file: Callable[[str], Path],
) -> None:
    """It holds every setting, so those of a stage that is left out are another default's."""
    earlier = RunConfig(rlhf=RlhfConfig(steps=40))
    assert load_config(config_file(to_yaml(earlier))) == earlier


def test_an_adapter_that_other_trainers_have_is_refused_with_the_reason(
    config_file: Callable[[str], Path],
) -> None:
    (fault,) = faults_of(config_file(""), ["model.adapter.kind=QLoRA"])
    assert "got 'QLoRA', wanted one of lora, full" in fault
    assert "bases are not trained in a quantised form" in fault
