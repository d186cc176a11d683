"""Nothing that a stage's work reads can be forgotten: it sees what its stage declares, and what is
declared counts.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from declared_settings import settings_of

from pipeline.run.config import RunConfig, resolved
from pipeline.run.config_loading import load_config
from pipeline.run.declared import StageSettings, UndeclaredSetting
from pipeline.run.fingerprint import fingerprint
from pipeline.run.inputs import UndeclaredFile
from pipeline.run.stage import Stage
from pipeline.run.stage_run import run_stage
from pipeline.stages import STAGES, load_stage, prep
from records.run_files import PROMPTS, SCORES
from records.stage_folder import StageDirectory
from reward.model.harmfulness_model import CALIBRATION
from reward.model.network import HEAD

NAMES = [*STAGES, "sample_2", "score_2", "pairs_2", "dpo_2"]


@pytest.fixture
def config(tmp_path: Path, tiny_directory: Path) -> RunConfig:
    """A run with one of each file that a setting may name."""
    for name in ("rows.jsonl", "suite.jsonl", "labels.jsonl"):
        (tmp_path / name).write_text(
            json.dumps({"prompt": "What is asthma?", "other": "What is gout?"}) + "\n"
        )
    for name in ("config.json", HEAD, CALIBRATION):
        (tmp_path / "second").mkdir(exist_ok=True)
        (tmp_path / "second" / name).write_text("{}")
    path = tmp_path / "run.yaml"
    path.write_text(
        f"run_dir: {tmp_path / 'run'}\nmodel: {{base: {{path: {tiny_directory}}}}}\ndpo: {{rounds: "
        "2}\ndata: {sources: [{name: mine, format: jsonl, path: "
        f"{tmp_path / 'rows.jsonl'}}}]}}\neval: {{suites: [{{name: own, path: "
        f"{tmp_path / 'suite.jsonl'}}}]}}\nscore: {{reward_models: [{tmp_path / 'second'}]}}\n"
        f"pairs: {{expert_labels: [{tmp_path / 'labels.jsonl'}]}}\n"
    )
    return load_config(path)


@pytest.fixture(autouse=True)
def complete_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every earlier stage is there, and holds what its name says."""
    monkeypatch.setattr(StageDirectory, "require", lambda self, part="": f"{self.name}/{part}")


def test_other_rows_of_an_evaluation_suite_make_prep_decontaminate_again(config: RunConfig) -> None:
    """Its text is what training rows are kept apart from."""
    stage = load_stage("prep")
    (suite,) = config.eval.suites
    before = fingerprint(stage, config)[0]
    for other in (dataclasses.replace(suite, field="other"), dataclasses.replace(suite, limit=1)):
        assert (
            fingerprint(
                stage,
                dataclasses.replace(config, eval=dataclasses.replace(config.eval, suites=[other])),
            )[0]
            != before
        )


def poisoned(block: Any, name: str) -> Any:
    """The block with one setting changed, unchecked."""
    first, _, rest = name.partition(".")
    if isinstance(block, dict):
        return {**block, first: "poison"}
    value = getattr(block, first)
    copy = object.__new__(type(block))
    copy.__dict__.update(block.__dict__)
    copy.__dict__[first] = (
        poisoned(value, rest) if rest else ["poison"] if isinstance(value, list) else "poison"
    )
    return copy


def leaves(values: Any, prefix: str = "") -> list[str]:
    if not isinstance(values, dict):
        return [prefix[:-1]]
    return [leaf for key, value in values.items() for leaf in leaves(value, f"{prefix}{key}.")]


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_that_a_stage_declares_makes_it_run_again(
    config: RunConfig, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = load_stage(name)
    # OmegaConf would refuse the poison.
    monkeypatch.setattr("pipeline.run.fingerprint.resolved", dataclasses.asdict)
    bare = dataclasses.replace(stage, files=lambda config: {}, reads_if=lambda config: ())
    before = fingerprint(bare, config)[0]
    declared = [
        leaf
        for leaf in leaves(resolved(config))
        if any(f"{leaf}.".startswith(f"{section}.") for section in stage.counted)
    ]
    assert declared
    for leaf in ("seed", *declared):
        assert fingerprint(bare, poisoned(config, leaf))[0] != before, leaf


@pytest.mark.parametrize(
    ("setting", "stages"),
    [
        ("sft.optimiser.warmup", {"sft", "sft_control"}),
        ("dpo.optimiser.weight_decay", {"dpo", "dpo_2"}),
        ("reward.optimiser.gradient_clip_norm", {"reward"}),
        ("rlhf.optimiser.warmup", {"rlhf"}),
        ("trainer.micro_batch_tokens", set()),
    ],
)
def test_how_one_method_optimises_is_no_other_methods_matter(
    config: RunConfig, setting: str, stages: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.run.fingerprint.resolved", dataclasses.asdict)
    again = set()
    for name in NAMES:
        stage = dataclasses.replace(
            load_stage(name), files=lambda config: {}, reads_if=lambda config: ()
        )
        if fingerprint(stage, poisoned(config, setting))[0] != fingerprint(stage, config)[0]:
            again.add(name)
    assert again == stages


def stating(files: dict[str, str]) -> Callable[[RunConfig], dict[str, str]]:
    return lambda config: files


@pytest.mark.parametrize("name", NAMES)
def test_every_input_and_every_outside_file_of_a_stage_makes_it_run_again(
    config: RunConfig, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One at a time, by another hash in its place."""
    stage = load_stage(name)
    files = {"mine": "hash", **stage.files(config)}
    stage = dataclasses.replace(stage, files=stating(files))
    before = fingerprint(stage, config)[0]
    for outside in list(files):
        changed = dataclasses.replace(stage, files=stating({**files, outside: "poison"}))
        assert fingerprint(changed, config)[0] != before, outside
    for part in stage.inputs(config):
        with monkeypatch.context() as patch:
            patch.setattr(
                StageDirectory,
                "require",
                lambda self, own="", part=part: (
                    "poison" if f"{self.name}/{own}".rstrip("/") == part else f"{self.name}/{own}"
                ),
            )
            assert fingerprint(stage, config)[0] != before, part


@pytest.mark.parametrize(
    ("name", "file"), [("prep", "rows.jsonl"), ("prep", "suite.jsonl"), ("eval", "suite.jsonl")]
)
@pytest.mark.parametrize("change", ["{}\n", None], ids=["changed", "gone"])
def test_every_file_that_a_setting_names_makes_its_stages_run_again(
    config: RunConfig, tmp_path: Path, name: str, file: str, change: str | None
) -> None:
    _require_another(load_stage(name), config, tmp_path / file, change)


@pytest.mark.parametrize(
    ("name", "file"),
    [("score", "second/config.json"), ("score_2", f"second/{HEAD}"), ("pairs", "labels.jsonl")],
)
def test_files_that_score_and_pairs_read_make_them_run_again(
    config: RunConfig, tmp_path: Path, name: str, file: str
) -> None:
    _require_another(load_stage(name), config, tmp_path / file, "{} ")


def _require_another(stage: Stage[Any], config: RunConfig, file: Path, change: str | None) -> None:
    before = stage.files(config)
    if change is not None:
        file.write_text(change)
        assert stage.files(config) != before
        return
    file.unlink()
    with pytest.raises(Exception, match="no such file"):
        stage.files(config)


@pytest.mark.parametrize("package", ["data_prep", "eval"])
def test_other_rows_that_ship_with_primum_make_prep_and_eval_run_again(
    tmp_path: Path, tiny_directory: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the project's own source, and of a suite that needs no path."""
    path = tmp_path / "own.yaml"
    path.write_text(
        f"run_dir: {tmp_path / 'run'}\nmodel: {{base: {{path: {tiny_directory}}}}}\n"
        "data: {sources: [{name: builtin, format: builtin}]}\n"
        "eval: {suites: [{suite: red_flags}]}\n"
    )
    config, root = load_config(path), Path(__file__).parents[4]
    for name in ("data_prep", "eval"):
        shutil.copytree(root / name / "package_data", tmp_path / name / "package_data")
    monkeypatch.setattr(prep, "_package", tmp_path.joinpath)
    stages = [load_stage(name) for name in ("prep", "eval")]
    before = [stage.files(config) for stage in stages]
    assert before == [stage.files(config) for stage in stages]
    changed = sorted((tmp_path / package / "package_data").iterdir())[0]
    changed.write_text(changed.read_text() + "\n")
    after = [stage.files(config) for stage in stages]
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_a_stage_whose_work_reads_more_than_it_declares_stops(config: RunConfig) -> None:
    stage = Stage(
        name="forgetful",
        reads=(),
        settings=settings_of("dpo"),
        work=lambda config, inputs, place: {"n": config.sft.epochs},  # type: ignore[attr-defined]
    )
    with pytest.raises(UndeclaredSetting, match=r"Settings .* has no sft, which the stage reads"):
        run_stage(stage, config)


def test_a_stage_whose_work_reads_a_file_that_it_does_not_declare_stops(config: RunConfig) -> None:
    stage: Stage[StageSettings] = Stage(
        name="forgetful",
        reads=(PROMPTS.of("train"),),
        work=lambda config, inputs, place: {"rows": inputs.read(PROMPTS)},
    )
    with pytest.raises(
        UndeclaredFile, match=r"forgetful reads prep/prompts\.val\.jsonl, which it does not declare"
    ):
        run_stage(stage, config)


def test_a_stage_that_does_not_write_what_it_declares_stops(config: RunConfig) -> None:
    stage: Stage[StageSettings] = Stage(
        name="idle", reads=(), writes=(SCORES,), work=lambda *handed: {}
    )
    with pytest.raises(AssertionError, match=r"idle has not written scores\.jsonl"):
        run_stage(stage, config)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_a_stage_reads_is_one_that_an_earlier_stage_declares_to_write(
    config: RunConfig, name: str
) -> None:
    """Or all of a stage; so no name is spelled in two ways."""
    stage = load_stage(name)
    for part in stage.inputs(config):
        writer, _, file = part.partition("/")
        written = [own for each in load_stage(writer).writes for own in each.parts]
        assert written
        assert not file or file in written, part


def test_a_later_round_reads_the_policy_and_the_data_of_its_own_round(config: RunConfig) -> None:
    assert "sft/policy" in load_stage("dpo").inputs(config)
    second = load_stage("dpo_2").inputs(config)
    assert {
        "dpo/policy",
        "dpo/selection.json",
        "pairs_2/pairs.train.jsonl",
        "sft/scoreboard.jsonl",
    } <= set(second)
    assert "sft/policy" not in second
    assert "dpo/policy" in load_stage("sample_2").inputs(config)
    assert not [part for part in load_stage("sample").inputs(config) if part.endswith("policy")]
