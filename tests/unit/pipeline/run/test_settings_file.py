"""What is written in a file or on the command line is honoured or refused, never passed over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.run.config_loading import load_config
from pipeline.run.settings_file import replaced
from records.errors import ConfigError


@pytest.fixture
def config_file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "run.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def faults_of(path: Path, overrides: list[str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return caught.value.faults


GATE = "release:\n  gate: {max_harmfulness: 2.0}\nseed: 1\nrelease:\n  name: mine\n"


@pytest.mark.parametrize(
    ("text", "key", "lines"),
    [
        (GATE, "release", "1 and 4"),
        ("seed: 1\nseed: 1\n", "seed", "1 and 2"),
        ("dpo:\n  beta: 0.1\n  epochs: 2\n  beta: 0.2\n", "dpo.beta", "2 and 4"),
        ("dpo: {beta: 0.1, beta: 0.2}", "dpo.beta", "1 and 1"),
        ("dpo: {beta: 0.1}\ndpo.beta: 0.2\n", "dpo.beta", "1 and 2"),
        ("seed: 1\nseed: 2\nseed: 3\n", "seed", "1 and 2 and 3"),
        ("data:\n  sources:\n    - name: a\n      name: b\n", "data.sources.0.name", "3 and 4"),
        (
            "data:\n  lint:\n    fail_above:\n      roles: 0.1\n      roles: 0.9\n",
            "data.lint.fail_above.roles",
            "4 and 5",
        ),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_its_lines(
    config_file: Callable[[str], Path], text: str, key: str, lines: str
) -> None:
    path = config_file(text)
    (fault,) = faults_of(path)
    assert fault.startswith(f"{path}: {key!r} stands in lines {lines},")
    assert "remove one" in fault


def test_every_key_that_stands_twice_is_named(config_file: Callable[[str], Path]) -> None:
    assert len(faults_of(config_file("seed: 1\ndpo: {beta: 1, beta: 2}\nseed: 2\n"))) == 2


def test_a_key_that_stands_twice_ends_the_command_with_2(
    config_file: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["config", str(config_file(GATE))]) == 2
    assert "lines 1 and 4" in capsys.readouterr().err


def test_a_key_that_stands_twice_in_an_override_is_refused(
    config_file: Callable[[str], Path],
) -> None:
    (fault,) = faults_of(
        config_file(""), ["release.gate={max_harmfulness: 2.0, max_harmfulness: 5.0}"]
    )
    assert "'max_harmfulness' stands in lines 1 and 1" in fault


@pytest.mark.parametrize(
    "text",
    [
        "eval: {generation: &g {batch_size: 8}}\nsample: {generation: *g}\n",
        "eval: {generation: &g {batch_size: 8}}\nsample: {generation: {<<: *g, batch_size: 9}}\n",
        "data: {sources: [{name: a}, {name: b}]}",
        "sft: {epochs: 2}\ndpo: {epochs: 2}",
    ],
)
def test_the_same_name_in_two_places_is_no_repetition(
    config_file: Callable[[str], Path], text: str
) -> None:
    load_config(config_file(text))


def test_the_last_of_two_overrides_counts_and_that_is_said(
    config_file: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = config_file("")
    assert load_config(path, ["dpo.beta=0.2", "dpo.beta=0.3"]).dpo.beta == 0.3
    assert cli.main(["config", str(path), "dpo.beta=0.2", "dpo.beta=0.3"]) == 0
    said = capsys.readouterr()
    assert "beta: 0.3" in said.out
    assert (
        "note: dpo.beta is given 2 values on the command line (0.2, 0.3); the last counts"
        in said.err
    )


def test_the_same_override_twice_is_nothing_to_say() -> None:
    assert replaced(["seed=1", "dpo.beta=1", "seed=1", "data.sources=[{name: a}]"]) == []


def test_a_run_in_the_place_of_its_config_says_where_that_is(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    with pytest.raises(ConfigError, match=rf"a folder.*; name {tmp_path}/config\.yaml"):
        load_config(tmp_path)
