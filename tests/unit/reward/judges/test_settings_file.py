"""A scorer's settings out of a file, and every fault with the file that has it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from records.errors import ConfigError
from reward.judges.settings import JuryConfig, ScorerConfig
from reward.judges.settings_file import read_settings

JUDGE = """
name: judge
kind: judge
endpoint: {base_url: http://h:1/v1, model: m}
"""
JURY = """
name: jury
kind: jury
members:
- {name: a, kind: experts, labels: [x]}
- {name: b, kind: experts, labels: [y]}
"""


def test_a_judge_and_a_jury_are_read(tmp_path: Path) -> None:
    path = tmp_path / "scorer.yaml"
    path.write_text(JUDGE)
    assert isinstance(read_settings(path), ScorerConfig)
    path.write_text(JURY)
    config = read_settings(path)
    assert isinstance(config, JuryConfig)
    assert [type(member) for member in config.members] == [ScorerConfig] * 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "wanted the settings of one scorer"),
        ("- a", "got list"),
        ("a: [", "not YAML"),
        ("name: x\nkind: experts\nlabels: ['${oc.env:HOME}']", "nothing is looked up"),
        (JUDGE + "a: &a [x]\nb: *a", "holds an alias"),
        (JUDGE + "name: other", "the key name stands in line 2 and again in line 5"),
        (JUDGE.replace("model: m", "model: m, model: n"), "the key model stands in line 4"),
        (JUDGE + "labels: " + "[" * 5000, "more than 1000 brackets"),
        (JUDGE + "labels: " + "[" * 300, "not YAML"),
        (JUDGE + "rubrik: {}", "rubrik"),
        (JUDGE.replace("model: m", "modell: m"), "endpoint.modell: Key 'modell' not in"),
        (JUDGE.replace(", model: m", ""), "model"),
        (JUDGE.replace("kind: judge", "kind: judges"), "judges"),
        (JUDGE.replace("model: m", "model: m, concurrency: none at all"), "none at all"),
        (JUDGE.replace("model: m", "model: m, timeout: .nan"), "timeout"),
        (JUDGE.replace("model: m", "model: m, api_key_env: 'a b'"), "api_key_env"),
        (JURY.replace("name: b", "name: a"), "two members are called a"),
    ],
)
def test_what_is_wrong_is_told_with_the_file(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "scorer.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told) as error:
        read_settings(path)
    assert all(fault.startswith(f"{path}: ") for fault in error.value.faults)


def test_a_file_that_is_no_settings_by_its_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_text("# \n" * 50_000)
    with pytest.raises(ConfigError, match="more than 100 kB"):
        read_settings(tmp_path / "big.yaml")


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_settings(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_settings(tmp_path / "bytes.yaml")


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    """A sparse file of a terabyte would not fit into memory."""
    path = tmp_path / "judge.yaml"
    path.write_text("kind: judge\n")
    os.truncate(path, 2**40)
    with pytest.raises(ConfigError, match="more than 100 kB"):
        read_settings(path)
