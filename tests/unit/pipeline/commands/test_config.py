"""Settings explained, their schema, a starter, and a dry run: all from the config classes
themselves.
"""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from pipeline import cli
from pipeline.commands.config import explain
from pipeline.run.config_loading import load_config
from pipeline.run.setting_facts import setting_facts
from pipeline.run.setting_names import known_keys
from pipeline.run.settings_schema import config_schema
from records.errors import ConfigError

ROOT = Path(__file__).resolve().parents[4]
SCHEMA = jsonschema.Draft202012Validator(config_schema())


def test_every_setting_has_a_type_an_owner_and_a_meaning() -> None:
    facts = [fact for fact in setting_facts() if fact.kind != "a block"]
    assert not [fact.key for fact in facts if not fact.meaning], "say below the field what it means"
    assert not [fact.key for fact in facts if not (ROOT / fact.owner).is_file()]


def test_no_setting_is_missing() -> None:
    from pipeline.run.config import RunConfig

    assert {fact.key.replace(".*", "") for fact in setting_facts()} == set(known_keys(RunConfig))


def test_one_setting_is_explained_with_range_and_owner() -> None:
    told = "\n".join(explain("eval.capability.margin"))
    for part in (
        "By how much accuracy may fall",
        "a number",
        "0.02",
        "above 0 and at most 1",
        "eval/capability/config.py",
    ):
        assert part in told, part


def test_a_block_lists_what_is_in_it_and_an_entry_of_a_list_is_found_with_its_number() -> None:
    assert any(line.startswith("  eval.tamper.steps = 50") for line in explain("eval.tamper"))
    assert next(explain("data.sources.0.path")) == "data.sources.*.path"


def test_an_unknown_key_gets_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'dpo\.beta'"):
        list(explain("dpo.beto"))


def test_the_schema_is_one_and_every_shipped_config_fits_it() -> None:
    jsonschema.Draft202012Validator.check_schema(config_schema())
    for path in (ROOT / "configs").glob("*.yaml"):
        faults = list(SCHEMA.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8"))))
        assert not faults, f"{path.name}: {faults[0].message}"


@pytest.mark.parametrize(
    "wrong",
    [
        "{dpo: {beto: 1}}",
        "{dpo: {beta: 0}}",
        "{seed: one}",
        "{model: {adapter: {kind: qora}}}",
        "{eval: {suites: [{limit: 0}]}}",
        "{dpo: {beta: '${sft.learning_rate}'}}",
        "{trainer: {accelerator: '${x}'}}",
    ],
)
def test_the_schema_refuses_what_a_run_refuses(wrong: str) -> None:
    assert list(SCHEMA.iter_errors(yaml.safe_load(wrong)))


@pytest.mark.parametrize(
    "right",
    [
        "{eval: {prompts_per_suite: null}}",
        "{sample: {generation: {temperature: 0}}}",
    ],
)
def test_the_schema_takes_null_and_a_zero_apart(right: str) -> None:
    assert not list(SCHEMA.iter_errors(yaml.safe_load(right)))


def test_init_asks_nothing_on_a_pipe_and_what_it_writes_is_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt: pytest.fail("asked on a pipe"))
    file = tmp_path / "mine.yaml"
    assert cli.main(["init", str(file), "--data", "rows.jsonl"]) == 0
    config = load_config(file)
    assert (config.run_dir, config.release.name) == ("runs/mine", "mine")
    assert [source.name for source in config.data.sources] == [
        "builtin",
        "builtin_evaluation",
        "mine",
    ]
    assert json.loads((tmp_path / "mine.schema.json").read_text()) == config_schema()
    assert "primum check" in capsys.readouterr().out
    assert cli.main(["init", str(file)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_init_prints_the_starter_for_a_dash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in `primum init - > run.yaml`: nothing but the config, no file, and no question."""
    monkeypatch.setattr("builtins.input", lambda prompt: pytest.fail("asked"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init", "-", "--model", "org/base"]) == 0
    printed = capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    assert "schema.json" not in printed, "an editor would look for a file that is not there"
    (tmp_path / "run.yaml").write_text(printed)
    config = load_config(tmp_path / "run.yaml")
    assert (config.run_dir, config.model.base.path) == ("runs/run", "org/base")


def test_init_prints_nothing_where_the_starter_is_no_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["init", "-", "--data", "$NOT_SET_ANYWHERE/rows.jsonl"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "NOT_SET_ANYWHERE" in told.err


def test_on_a_terminal_the_model_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.commands.init import init

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    init(tmp_path / "a.yaml", model=None, data=None, ask=lambda prompt: "org/base")
    assert load_config(tmp_path / "a.yaml").model.base.path == "org/base"


def test_a_place_that_takes_no_file_is_a_line_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "run.yaml", "/proc/run.yaml"):
        assert cli.main(["init", str(place)]) == 2
        assert f"{place}: cannot be written (" in capsys.readouterr().err


def test_a_dry_run_prints_the_plan_and_starts_nothing(
    tmp_path: Path, tiny_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(
        f"run_dir: {tmp_path / 'run'}\nmodel: {{base: {{path: {tiny_directory}}}, max_length: "
        "256}\ntrainer: {accelerator: cpu}\n"
    )
    cli.main(["run", str(path), "--dry-run"])
    out = capsys.readouterr().out
    assert out.index("prep") < out.index("release")
    assert not (tmp_path / "run").exists()


def test_config_alone_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config"]) == 2
    assert "--explain KEY" in capsys.readouterr().err
    assert cli.main(["config", "--explain", "seed"]) == 0
