"""A run's configuration: every fault at once, with what was probably meant; and nothing lost on the
way round.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from data_prep.config import SourceConfig
from pipeline.run.config import RunConfig, resolved, to_yaml
from pipeline.run.config_loading import load_config
from records.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[4] / "configs"


@pytest.fixture
def config_file(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "run.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def faults_of(path, overrides=None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return caught.value.faults


def test_an_empty_file_is_the_default_run(config_file):
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
def test_an_unknown_key_names_the_one_that_was_meant(config_file, text, meant):
    (fault,) = faults_of(config_file(text))
    assert "unknown key" in fault
    assert meant in fault.split("did you mean")[1]


def test_an_unknown_key_like_no_other_says_where_to_look(config_file):
    (fault,) = faults_of(config_file("zzzzzzzz: 1"))
    assert "primum config" in fault


def test_an_unknown_key_inside_a_source_is_named(config_file):
    (fault,) = faults_of(config_file("data: {sources: [{name: a, formatt: builtin}]}"))
    assert "unknown key 'data.sources.0.formatt'; did you mean 'data.sources.format'?" in fault


def test_every_unknown_key_of_a_list_is_named_with_the_one_that_was_meant(config_file):
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


def test_faults_of_file_and_overrides_come_all_at_once(config_file):
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


def test_a_fault_says_whether_file_or_command_line_has_it(config_file):
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
def test_a_value_of_the_wrong_type_is_a_fault(config_file, text):
    (fault,) = faults_of(config_file(text))
    assert yaml.safe_load(text).popitem()[0] in fault


@pytest.mark.parametrize("text", ["dpo: {beta: 0}", "dpo: {beta: -0.1}"])
def test_a_value_out_of_range_says_what_it_got(config_file, text):
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
def test_a_number_that_would_leave_nothing_is_a_fault(config_file, setting):
    """A negative limit would cut from the end, and some zeros would mean all."""
    (fault,) = faults_of(config_file(""), [setting])
    assert setting.split("=")[0].split(".")[-1] in fault
    assert "got" in fault


@pytest.mark.parametrize(
    "key",
    ["dpo.beta", "sft.learning_rate", "release.gate.max_harmfulness", "data.lint.fail_above.roles"],
)
def test_what_is_no_number_is_a_fault(config_file, key):
    (fault,) = faults_of(config_file(""), [f"{key}=.nan"])
    assert f"{key}: got nan, wanted a number " in fault


def test_an_empty_block_is_a_fault_or_the_default_but_no_crash(config_file):
    assert load_config(config_file("dpo: {}")) == RunConfig()
    assert faults_of(config_file("dpo:"))
    assert faults_of(config_file("dpo: 3"))


@pytest.mark.parametrize("text", ["- a\n- b", "just words"])
def test_a_file_that_holds_no_settings_is_named(config_file, text):
    path = config_file(text)
    assert faults_of(path)[0].startswith(f"{path}: wanted settings by name")


@pytest.mark.parametrize("text", ["dpo: {beta: 0.1", "a: b: c", "\tdpo: 1"])
def test_malformed_yaml_is_one_fault_with_the_place(config_file, text):
    (fault,) = faults_of(config_file(text))
    assert "not a YAML file" in fault
    assert "line" in fault


def test_a_missing_file_names_the_nearest(config_file):
    path = config_file("")
    (fault,) = faults_of(path.with_name("runn.yaml"))
    assert "no such file; did you mean" in fault
    assert "run.yaml" in fault


@pytest.mark.parametrize("missing", ["folder/run.yaml", "run.yaml/x.yaml"])
def test_a_path_that_cannot_be_read_is_one_fault(config_file, missing):
    path = config_file("")
    assert len(faults_of(path.parent / missing)) == 1


def test_a_folder_instead_of_a_file_is_one_fault(tmp_path):
    assert len(faults_of(tmp_path)) == 1


@pytest.mark.parametrize("override", ["dpo.beta=[1", "dpo.beta={a", "dpo.beta=: : :"])
def test_an_override_that_is_no_yaml_is_a_fault(config_file, override):
    (fault,) = faults_of(config_file(""), [override])
    assert override in fault


def test_a_day_may_stand_with_or_without_quotes(config_file):
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
def test_a_day_that_is_none_is_a_fault(config_file, where):
    text, overrides = (
        ("data: {publication: {date: 2026-13-01}}", [])
        if where == "file"
        else ("", ["data.publication.date=2026-13-01"])
    )
    with pytest.raises(ConfigError, match="month must be in"):
        load_config(config_file(text), overrides)


def test_a_limit_that_is_no_number_is_told_as_that_and_not_as_an_unknown_key(config_file):
    with pytest.raises(
        ConfigError, match=r"fail_above.no_refusal: got 'many', wanted a number from 0 to 100;"
    ):
        load_config(config_file(""), ["data.lint.fail_above.no_refusal=many"])


@pytest.mark.parametrize("override", ["dpo.beta", "=3", "--dpo.beta"])
def test_an_override_without_key_or_value_shows_how(config_file, override):
    (fault,) = faults_of(config_file(""), [override])
    assert "wanted key=value" in fault


def test_overrides_replace_what_the_file_says(config_file):
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


def test_an_override_reaches_into_a_list(config_file):
    path = config_file(
        "data: {sources: [{name: a, format: jsonl, path: x.jsonl}, {name: b, format: jsonl, "
        "path: y.jsonl}]}"
    )
    config = load_config(path, ["data.sources.0.path=z.jsonl"])
    assert [source.path for source in config.data.sources] == ["z.jsonl", "y.jsonl"]


def test_an_override_beyond_the_end_of_a_list_is_a_fault(config_file):
    assert faults_of(config_file(""), ["data.sources.7.path=z.jsonl"])


def test_an_override_of_an_unknown_key_in_a_list_names_the_one_that_was_meant(config_file):
    (fault,) = faults_of(config_file(""), ["data.sources.0.pathh=z.jsonl"])
    assert "data.sources.path" in fault.split("did you mean")[1]


@pytest.mark.parametrize(
    "name", ["", "a/b", "/tmp/elsewhere", "..", "work", "manifest.json", "run.json"]
)
def test_a_release_stays_inside_its_stage(config_file, name):
    (fault,) = faults_of(config_file(""), [f"release.name={name}"])
    assert "release.name" in fault


def test_the_result_is_frozen(config_file):
    config = load_config(config_file(""))
    for block in (config, config.dpo, config.model.base, config.data.sources[0]):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(block, dataclasses.fields(block)[0].name, None)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_of_the_house_loads(path):
    load_config(path, ["run_dir=elsewhere"])


@pytest.mark.parametrize(
    "path",
    [None, *sorted(CONFIGS.glob("*.yaml"))],
    ids=lambda path: path.stem if path else "defaults",
)
def test_what_config_prints_is_the_same_run(config_file, tmp_path, path):
    config = load_config(path or config_file(""), ["seed=3"])
    printed = tmp_path / "printed.yaml"
    printed.write_text(to_yaml(config), encoding="utf-8")
    again = load_config(printed)
    assert again == config
    assert resolved(again) == resolved(config)
    assert to_yaml(again) == to_yaml(config)


def blocks(cls: type = RunConfig) -> list[type]:
    found = [cls]
    for entry in dataclasses.fields(cls):
        default = entry.default_factory() if callable(entry.default_factory) else entry.default
        item = default[0] if isinstance(default, list) and default else default
        if dataclasses.is_dataclass(item):
            found += blocks(type(item))
    return found


def keys(values: dict, prefix: str = "") -> list[str]:
    found = []
    for key, value in values.items():
        found.append(f"{prefix}{key}")
        nested = (
            value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value
        )
        if isinstance(nested, dict):
            found += keys(nested, f"{prefix}{key}." + ("0." if isinstance(value, list) else ""))
    return found


def test_every_setting_can_be_set_from_the_command_line(config_file):
    """Setting all keys to the values they have gives the same run."""
    overrides = []
    for key in keys(resolved(RunConfig())):
        value = resolved(RunConfig())
        for part in key.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
        if value is None or isinstance(value, (dict, list)):
            continue
        written = yaml.safe_dump(value, default_flow_style=True).splitlines()[0]
        overrides.append(f"{key}={written}")
    assert len(overrides) >= 200
    assert load_config(config_file(""), overrides) == RunConfig()


@pytest.mark.parametrize(
    "block", sorted(set(blocks()), key=lambda c: c.__name__), ids=lambda c: c.__name__
)
def test_config_blocks_are_frozen_keyword_only_and_short(block):
    parameters = block.__dataclass_params__
    assert parameters.frozen
    assert all(entry.kw_only for entry in dataclasses.fields(block))
    # One holds the blocks of all rooms, one is a flat row of YAML.
    assert len(dataclasses.fields(block)) <= (16 if block in (RunConfig, SourceConfig) else 15)
