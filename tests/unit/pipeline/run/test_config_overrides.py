"""Settings on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from config_faults import faults_of

from pipeline.run.config_loading import load_config


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
