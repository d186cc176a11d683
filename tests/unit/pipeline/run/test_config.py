"""A run's configuration: every fault at once, with what was probably meant; and nothing lost on the
way round.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from config_faults import faults_of

from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from records.errors import ConfigError


def test_an_empty_file_is_the_default_run(config_file: Callable[[str], Path]) -> None:
    assert load_config(config_file("")) == RunConfig()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("dpo: {betta: 0.2}", "dpo.beta"),
        ("dpoo: {beta: 0.2}", "dpo"),
        ("model: {base: {pth: x}}", "model.base.path"),
        ("seeed: 1", "seed"),
        ("eval: {generation: {temprature: 1}}", "eval.generation.temperature"),
    ],
)
def test_an_unknown_key_names_the_one_that_was_meant(
    config_file: Callable[[str], Path], text: str, meant: str
) -> None:
    (fault,) = faults_of(config_file(text))
    assert "unknown key" in fault
    assert meant in fault.split("did you mean")[1]


def test_an_unknown_key_like_no_other_says_where_to_look(
    config_file: Callable[[str], Path],
) -> None:
    (fault,) = faults_of(config_file("zzzzzzzz: 1"))
    assert "primum config" in fault


def test_an_unknown_key_inside_a_source_is_named(config_file: Callable[[str], Path]) -> None:
    (fault,) = faults_of(config_file("data: {sources: [{name: a, formatt: builtin}]}"))
    assert "unknown key 'data.sources.0.formatt'; did you mean 'data.sources.format'?" in fault


def test_every_unknown_key_of_a_list_is_named_with_the_one_that_was_meant(
    config_file: Callable[[str], Path],
) -> None:
    faults = faults_of(
        config_file(
            "data: {sources: [{nam: a}, {name: b}]}\neval: {suites: [{name: s, path: "
            "s.csv, feild: x}]}"
        )
    )
    for wrong, meant in (
        ("data.sources.0.nam", "data.sources.name"),
        ("eval.suites.0.feild", "eval.suites.field"),
    ):
        assert any(
            f"unknown key {wrong!r}; did you mean {meant!r}?" in fault for fault in faults
        ), faults


def test_faults_of_file_and_overrides_come_all_at_once(config_file: Callable[[str], Path]) -> None:
    path = config_file("dpo: {betta: 0.2}\nsft: {epochs: many}\nreward: {learning_rate: -1.0}")
    faults = faults_of(
        path, ["seeed=1", "trainer.zero_stage=9", "nonsense", "wandb.mode=sometimes"]
    )
    for part in (
        "dpo.betta",
        "sft.epochs",
        "reward.learning_rate",
        "seeed",
        "zero_stage",
        "'nonsense'",
        "wandb.mode",
    ):
        assert sum(part in fault for fault in faults) == 1, (part, faults)


def test_a_fault_says_whether_file_or_command_line_has_it(
    config_file: Callable[[str], Path],
) -> None:
    path = config_file("dpo: {betta: 0.2}")
    faults = faults_of(path, ["seeed=1"])
    assert any(fault.startswith(f"{path}: ") for fault in faults)
    assert any(fault.startswith("override 'seeed=1': ") for fault in faults)


@pytest.mark.parametrize(
    "text",
    [
        "sft: {epochs: 1.5}",
        "sft: {epochs: yes please}",
        "dpo: {loss: hinge}",
        "model: {base: {trust_remote_code: 7x}}",
    ],
)
def test_a_value_of_the_wrong_type_is_a_fault(
    config_file: Callable[[str], Path], text: str
) -> None:
    (fault,) = faults_of(config_file(text))
    assert yaml.safe_load(text).popitem()[0] in fault


@pytest.mark.parametrize("text", ["dpo: {beta: 0}", "dpo: {beta: -0.1}"])
def test_a_value_out_of_range_says_what_it_got(
    config_file: Callable[[str], Path], text: str
) -> None:
    path = config_file(text)
    (fault,) = faults_of(path)
    assert fault.startswith(f"{path}: dpo.beta: got ")
    assert "wanted a number above 0 and at most 100 (0 would ignore the reference model)" in fault


@pytest.mark.parametrize(
    "setting",
    [
        "data.split.train_limit=-1",
        "data.split.test_limit=-5",
        "pairs.max_train_pairs=0",
        "reward.global_batch_size=0",
        "reward.max_examples=0",
        "model.max_length=0",
        "trainer.cpu_threads=0",
        "sft.optimiser.weight_decay=-0.1",
        "dpo.sft_weight=-1.0",
        "eval.prompts_per_suite=0",
        "eval.scoreboard.harmful_prompts=0",
        "eval.scoreboard.benign_prompts=-3",
        "eval.suites=[{name: a, path: a.jsonl, limit: 0}]",
    ],
)
def test_a_number_that_would_leave_nothing_is_a_fault(
    config_file: Callable[[str], Path], setting: str
) -> None:
    """A negative limit would cut from the end, and some zeros would mean all."""
    (fault,) = faults_of(config_file(""), [setting])
    assert setting.split("=")[0].split(".")[-1] in fault
    assert "got" in fault


@pytest.mark.parametrize(
    "key",
    ["dpo.beta", "sft.learning_rate", "release.gate.max_harmfulness", "data.lint.fail_above.roles"],
)
def test_what_is_no_number_is_a_fault(config_file: Callable[[str], Path], key: str) -> None:
    (fault,) = faults_of(config_file(""), [f"{key}=.nan"])
    assert f"{key}: got nan, wanted a number " in fault


def test_an_empty_block_is_a_fault_or_the_default_but_no_crash(
    config_file: Callable[[str], Path],
) -> None:
    assert load_config(config_file("dpo: {}")) == RunConfig()
    assert faults_of(config_file("dpo:"))
    assert faults_of(config_file("dpo: 3"))


@pytest.mark.parametrize("text", ["- a\n- b", "just words"])
def test_a_file_that_holds_no_settings_is_named(
    config_file: Callable[[str], Path], text: str
) -> None:
    path = config_file(text)
    assert faults_of(path)[0].startswith(f"{path}: wanted settings by name")


@pytest.mark.parametrize("text", ["dpo: {beta: 0.1", "a: b: c", "\tdpo: 1"])
def test_malformed_yaml_is_one_fault_with_the_place(
    config_file: Callable[[str], Path], text: str
) -> None:
    (fault,) = faults_of(config_file(text))
    assert "not a YAML file" in fault
    assert "line" in fault


def test_a_missing_file_names_the_nearest(config_file: Callable[[str], Path]) -> None:
    path = config_file("")
    (fault,) = faults_of(path.with_name("runn.yaml"))
    assert "no such file; did you mean" in fault
    assert "run.yaml" in fault


@pytest.mark.parametrize("missing", ["folder/run.yaml", "run.yaml/x.yaml"])
def test_a_path_that_cannot_be_read_is_one_fault(
    config_file: Callable[[str], Path], missing: str
) -> None:
    path = config_file("")
    assert len(faults_of(path.parent / missing)) == 1


def test_a_folder_instead_of_a_file_is_one_fault(tmp_path: Path) -> None:
    assert len(faults_of(tmp_path)) == 1


def test_a_day_may_stand_with_or_without_quotes(config_file: Callable[[str], Path]) -> None:
    for text in ("2026-12-01", '"2026-12-01"'):
        assert (
            load_config(
                config_file(f"data: {{publication: {{date: {text}}}}}")
            ).data.publication.date
            == "2026-12-01"
        )
    assert (
        load_config(config_file(""), ["data.publication.date=2026-12-01"]).data.publication.date
        == "2026-12-01"
    )


@pytest.mark.parametrize("where", ["file", "override"])
def test_a_day_that_is_none_is_a_fault(config_file: Callable[[str], Path], where: str) -> None:
    text, overrides = (
        ("data: {publication: {date: 2026-13-01}}", [])
        if where == "file"
        else ("", ["data.publication.date=2026-13-01"])
    )
    with pytest.raises(ConfigError, match="month must be in"):
        load_config(config_file(text), overrides)


def test_a_limit_that_is_no_number_is_told_as_that_and_not_as_an_unknown_key(
    config_file: Callable[[str], Path],
) -> None:
    with pytest.raises(
        ConfigError, match=r"fail_above.no_refusal: got 'many', wanted a number from 0 to 100;"
    ):
        load_config(config_file(""), ["data.lint.fail_above.no_refusal=many"])


@pytest.mark.parametrize(
    "name", ["", "a/b", "/tmp/elsewhere", "..", "work", "manifest.json", "run.json"]
)
def test_a_release_stays_inside_its_stage(config_file: Callable[[str], Path], name: str) -> None:
    (fault,) = faults_of(config_file(""), [f"release.name={name}"])
    assert "release.name" in fault
