"""Settings that are bombs, programs or no texts: each is one fault with a remedy, at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.run.config import RunConfig, to_yaml
from pipeline.run.config_loading import load_config
from pipeline.run.config_paths import PATHS
from pipeline.run.setting_names import known_keys
from records.errors import ConfigError

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
BROKEN = {
    "an alias of itself": (
        "data: &a {limit: *a}",
        r"line 1: the alias \*a stands inside what it names; write the value out",
    ),
    "a list that holds itself": ("data: &a [*a]", r"the alias \*a"),
    "a bomb of aliases": (BOMB, "line 6: its aliases stand for more than 100000 values"),
    "a chain of aliases": (
        "a0: &a0 [x]\n" + "".join(f"a{k}: &a{k} [*a{k - 1}]\n" for k in range(1, 2000)),
        "more than 40 blocks",
    ),
    "brackets": ("[" * 2000, "more than 40 blocks in each other"),
    "braces": ("{a: " * 1500, "more than 40 blocks in each other"),
    "much of it": ("# " + "x" * 1_000_001, "1000003 characters, wanted at most 1000000"),
    "an interpolation": (
        "run_dir: ${nope}",
        r"run_dir: got '\$\{nope\}'; settings do not refer to each other",
    ),
    "an interpolation of itself": ("seed: ${seed}", "seed: got"),
    "a variable of the environment": (
        "wandb: {project: '${oc.env:HF_TOKEN}'}",
        r"wandb.project: got '\$\{oc.env:HF_TOKEN\}'",
    ),
    "an interpolation in a source": ("data: {sources: [{name: 'a${x}'}]}", "data.sources.0.name"),
    "a missing value": ("seed: ???", "seed: got [?]{3}, which stands for a value to be filled in"),
    "a missing block": ("model: ???", "model: got"),
    "a number for a name": ("1: 2", "1 is no name of a setting"),
    "a NUL": ('run_dir: "\\0x"', r"run_dir: got .* with the control character"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_no_settings_file_may_hold_is_told_at_once(tmp_path: Path, name: str) -> None:
    text, said = BROKEN[name]
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_config(path)


@pytest.mark.parametrize(
    "override", ["seed=${seed}", "run_dir=???", "data.sources=" + "[" * 500, "data=&a [*a]"]
)
def test_nor_may_the_command_line(tmp_path: Path, override: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("seed: 1\n")
    with pytest.raises(ConfigError, match="override"):
        load_config(path, [override])


LONG = "x" * 256
ODD_TEXTS = {
    "a line end in a name": ("release.name", "a\nb"),
    "NUL": ("release.name", "a\0b"),
    "too long": ("release.name", LONG),
    "too long in UTF-8": ("release.name", "ä" * 128),
    "a folder above": ("release.name", ".."),
    "a path": ("release.name", "a/b"),
    "spaces": ("release.name", " a"),
    "half a character": ("release.name", "\ud800"),
    "an escape": ("wandb.project", "\x1b[31m"),
    "a bell in a source": ("data.sources", [{"name": "a\x07"}]),
    "a line end in a licence": (
        "data.sources",
        [{"name": "a", "format": "jsonl", "path": "x", "licence": "CC0\n\n## x"}],
    ),
    "a carriage return": ("data.sources", [{"name": "a", "labelled_by": "a\rb"}]),
    "a long part": ("run_dir", f"runs/{LONG}/a"),
    "a long whole": ("run_dir", "/".join(["x" * 200] * 25)),
    "a line end in a path": ("run_dir", "a\nb"),
    "a tab in a path": ("model.base.path", "a\tb"),
    "a long path of a list": ("score.reward_models", ["a", LONG]),
    "a long suite": ("eval.suites", [{"name": "a", "path": f"/{LONG}"}]),
    "an odd disk": ("trainer.offload_path", "/a\nb"),
    "an odd template": ("model.base.chat_template", LONG),
    "an odd Python": ("model.vllm.python", LONG),
    "labels": ("pairs.expert_labels", [f"{LONG}.jsonl"]),
    "labels of the evaluation": ("eval.expert_labels", [f"{LONG}.jsonl"]),
    "a judge": ("eval.judges", [f"{LONG}.yaml"]),
    "ratings": ("reward.people", [f"{LONG}.jsonl"]),
    "thumbs": ("dpo", {"loss": "kto", "unpaired": [f"{LONG}.jsonl"]}),
    "a task": ("eval.capability.tasks", [{"name": "a", "path": f"/{LONG}"}]),
    "a condition": ("eval.conditions", [{"name": "paraphrase", "path": f"/{LONG}"}]),
    "rows to tamper with": ("eval.tamper.medquad_path", LONG),
    "an embedding model": ("data.embedding.model", LONG),
}


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_no_name_and_no_path_is_taken_that_no_file_could_have(tmp_path: Path, name: str) -> None:
    key, value = ODD_TEXTS[name]
    path = tmp_path / "run.yaml"
    path.write_text(json.dumps({key: value}))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    (fault,) = caught.value.faults
    assert key in fault
    assert "wanted" in fault
    assert "; " in fault
    assert fault.isprintable()
    assert len(fault) < 500


def test_every_setting_that_is_a_path_is_looked_at(tmp_path: Path) -> None:
    for pattern in PATHS:
        key = pattern.replace(".*", ".0")
        assert any(key.startswith(setter) for setter, _ in ODD_TEXTS.values()), pattern


def test_a_variable_of_the_environment_may_not_make_a_path_that_no_file_could_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODD", "a\nb")
    path = tmp_path / "run.yaml"
    path.write_text("run_dir: $ODD\n")
    with pytest.raises(ConfigError, match=r"run_dir: got 'a\\nb' with the control character '\\n'"):
        load_config(path)


def test_prose_may_have_lines(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(
        json.dumps({"data.sources": [{"name": "a", "labelled_by": "two nurses,\n\tone doctor"}]})
    )
    assert "\n" in load_config(path).data.sources[0].labelled_by


def test_no_secret_of_the_environment_gets_into_a_run_by_any_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither through OmegaConf, which would read the environment, nor through the variables that a
    path may hold.
    """
    monkeypatch.setenv("PRIMUM_TEST_TOKEN", "hunter2")
    path = tmp_path / "run.yaml"
    path.write_text("")
    for value in (
        "${oc.env:PRIMUM_TEST_TOKEN}",
        "${oc.decode:${oc.env:PRIMUM_TEST_TOKEN}}",
        "a/${PRIMUM_TEST_TOKEN}/b",
    ):
        words = [f"{key}={value}" for key in known_keys(RunConfig)]
        with pytest.raises(ConfigError) as caught:
            load_config(path, words)
        assert all(
            any(fault.startswith(f"override {word!r}: ") for fault in caught.value.faults)
            for word in words
        )
        assert "hunter2" not in str(caught.value)
    entries = {
        "data.sources.*.path": "[{name: a, format: jsonl, path: $PRIMUM_TEST_TOKEN}]",
        "eval.suites.*.path": "[{name: a, path: $PRIMUM_TEST_TOKEN}]",
        "eval.suites.*.suite": "[{suite: $PRIMUM_TEST_TOKEN, path: a}]",
        "eval.capability.tasks.*.path": "[{name: a, path: $PRIMUM_TEST_TOKEN}]",
        "eval.conditions.*.name": "[{name: $PRIMUM_TEST_TOKEN}]",
        "eval.conditions.*.path": "[{name: paraphrase, path: $PRIMUM_TEST_TOKEN}]",
    }
    for key in PATHS:
        value = entries.get(key, "[$PRIMUM_TEST_TOKEN]" if "*" in key else "$PRIMUM_TEST_TOKEN")
        with pytest.raises(
            ConfigError, match="PRIMUM_TEST_TOKEN is a secret by its name"
        ) as caught:
            load_config(path, [f"{key.split('.*')[0]}={value}"])
        assert "hunter2" not in str(caught.value)
    assert "hunter2" not in to_yaml(load_config(path, ["wandb.project=$PRIMUM_TEST_TOKEN"]))
