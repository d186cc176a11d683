"""`~` and `$NAME` in every setting that names a file mean what they mean in a shell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from pipeline.run.config_paths import PATHS
from pipeline.run.setting_names import known_keys
from records.errors import ConfigError

TEXT = """\
run_dir: {0}/run
model: {{base: {{path: {0}/model, chat_template: {0}/chat.jinja}}, vllm: {{python: {0}/python}}}}
data:
  sources: [{{name: a, format: jsonl, path: {0}/a.jsonl}}, {{name: b, format: jsonl, path: {0}/b.jsonl}}]
  embedding: {{model: {0}/minilm}}
score: {{reward_models: ["{0}/one", "{0}/two"]}}
pairs: {{expert_labels: ["{0}/labels.jsonl"]}}
eval: {{suites: [{{name: s, path: {0}/s.jsonl}}]}}
trainer: {{offload_path: {0}/nvme}}
"""


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("SCRATCH", "/scratch/someone")

    def write(text: str) -> Path:
        path = tmp_path / "run.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def paths_of(config: RunConfig) -> list[str | None]:
    base = config.model.base
    return [
        config.run_dir,
        base.path,
        base.chat_template,
        config.model.vllm.python,
        *(source.path for source in config.data.sources),
        config.data.embedding.model,
        *config.score.reward_models,
        *config.pairs.expert_labels,
        *(suite.path for suite in config.eval.suites),
        config.trainer.offload_path,
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("~", "/home/someone"),
        ("$SCRATCH", "/scratch/someone"),
        ("$HOME", "/home/someone"),
        ("/x/$SCRATCH", "/x//scratch/someone"),
    ],
)
def test_every_path_is_expanded(
    config_file: Callable[[str], Path], written: str, meant: str
) -> None:
    found = paths_of(load_config(config_file(TEXT.format(written))))
    assert len(found) == 12
    assert all(path and path.startswith(f"{meant}/") for path in found), found


def test_overrides_are_expanded_too(config_file: Callable[[str], Path]) -> None:
    config = load_config(
        config_file(""),
        ["run_dir=~/x", "data.sources.0.format=jsonl", "data.sources.0.path=~/rows.jsonl"],
    )
    assert (config.run_dir, config.data.sources[0].path) == (
        "/home/someone/x",
        "/home/someone/rows.jsonl",
    )


def test_every_setting_named_like_a_path_is_in_the_list() -> None:
    """A new path setting must be expanded as well."""
    listed = {name.replace(".*", "") for name in PATHS}
    named = {
        key
        for key in known_keys(RunConfig)
        if key.rsplit(".", 1)[-1] in ("path", "run_dir", "python", "offload_path", "chat_template")
    }
    assert named <= listed
    assert listed <= set(known_keys(RunConfig))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("$NOWHERE/run", "no variable NOWHERE"),
        ("~nobody-of-that-name/run", "no home directory of '~nobody-of-that-name'"),
    ],
)
def test_what_cannot_be_expanded_is_refused(
    config_file: Callable[[str], Path], path: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=f"run_dir=.*{words}"):
        load_config(config_file(f"run_dir: {path}"))


@pytest.mark.parametrize("path", ["runs/a", "./~/x", "a~b", "org/model"])
def test_other_paths_stay_as_they_are(config_file: Callable[[str], Path], path: str) -> None:
    assert load_config(config_file(f"run_dir: {path}")).run_dir == path


def test_a_variable_in_braces_is_explained(config_file: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError, match=r"run_dir.*SCRATCH.*write \$NAME"):
        load_config(config_file("run_dir: ${SCRATCH}/x"))
