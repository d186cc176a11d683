"""What a source's licence forbids follows its rows into every artefact that is made from them, and
no further.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from declared_settings import settings_of

from data_prep.config import DataConfig, SourceConfig
from pipeline.model_card import _restricted
from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from pipeline.run.declared import StageSettings
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.stage_run import run_stage
from pipeline.stages import prep, release
from records.errors import ConfigError
from records.run_files import POLICY, PROMPTS, whole
from records.stage_folder import StageDirectory, read_json, write_text


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """A commercial source, a non-commercial one, one of unknown licence, and a non-commercial one
    that is only measured on.
    """
    sources = []
    for name, licence, measured in (
        ("free", "MIT", None),
        ("nc", "CC BY-NC 4.0", None),
        ("who", "unknown", None),
        ("dna", "by-nc-sa", True),
    ):
        rows = [
            {"prompt": f"{name}{n} request{name}{n} number{name}{n}", "completion": "No."}
            for n in range(12)
        ]
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        sources.append(
            SourceConfig(
                name=name, format="jsonl", path=str(path), licence=licence, evaluation_only=measured
            )
        )
    return dataclasses.replace(
        RunConfig(), run_dir=str(tmp_path / "run"), data=DataConfig(sources=sources)
    )


def work(settings: StageSettings, inputs: Inputs, place: Place) -> dict[str, Any]:
    write_text(place.path / "out.jsonl", "{}\n")
    write_text(place.path / "policy" / "config.json", "{}")
    return {}


SFT = Stage(name="sft", reads=(PROMPTS.of("train"),), settings=settings_of("sft"), work=work)
DPO = Stage(name="dpo", reads=(POLICY.left_by("sft"),), settings=settings_of("dpo"), work=work)
EVAL = Stage(
    name="eval",
    reads=(PROMPTS.of("train"), whole("dpo")),
    settings=settings_of("eval"),
    work=work,
    measures=True,
)
RELEASE = Stage(
    name="release", reads=(whole("prep"), whole("eval")), settings=settings_of("release"), work=work
)

WEIGHTS = {"non_commercial": ["nc"], "unknown_licence": ["who"]}
ALL = {**WEIGHTS, "non_commercial_evaluation": ["dna"]}


def restrictions(config: RunConfig, stage: str) -> dict[str, list[str]]:
    return read_json(Path(config.run_dir) / stage / "manifest.json")["restrictions"]


def test_weights_inherit_what_they_were_trained_on_and_reports_what_they_quote_too(
    config: RunConfig,
) -> None:
    for stage in (prep.STAGE, SFT, DPO, EVAL, RELEASE):
        assert run_stage(stage, config)
    assert {
        name: restrictions(config, name) for name in ("prep", "sft", "dpo", "eval", "release")
    } == {
        "prep": ALL,
        "sft": WEIGHTS,
        "dpo": WEIGHTS,
        "eval": ALL,
        "release": ALL,
    }


def test_a_restricted_policy_says_so_in_its_own_folder_and_the_manifest_covers_it(
    config: RunConfig,
) -> None:
    for stage in (prep.STAGE, SFT):
        run_stage(stage, config)
    card = (Path(config.run_dir) / "sft" / "policy" / "README.md").read_text()
    assert card.startswith("---\nlicense: cc-by-nc-4.0\n")
    assert "non-commercial data (nc)" in card
    assert "policy/README.md" in read_json(Path(config.run_dir) / "sft" / "manifest.json")["files"]
    assert not StageDirectory(Path(config.run_dir) / "sft").damage()


def test_free_data_leave_no_mark(config: RunConfig, capsys: pytest.CaptureFixture[str]) -> None:
    free = dataclasses.replace(config, data=DataConfig(sources=[config.data.sources[0]]))
    for stage in (prep.STAGE, SFT):
        run_stage(stage, free)
    assert restrictions(free, "sft") == {}
    assert not (Path(free.run_dir) / "sft" / "policy" / "README.md").exists()
    assert "commercial" not in capsys.readouterr().out


def test_the_console_says_each_restriction_once(
    config: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    for stage in (prep.STAGE, SFT, DPO):
        run_stage(stage, config)
    said = capsys.readouterr().out
    for words in (
        "non-commercial data (nc): not for commercial use",
        "unknown licence (who)",
        "measured on non-commercial data (dna)",
    ):
        assert said.count(words) == 1
    assert "nc: 12 rows, 12 with a completion, 0 with a worse one too" in said


def test_a_corrected_licence_is_followed_by_every_stage(config: RunConfig) -> None:
    for stage in (prep.STAGE, SFT, DPO):
        run_stage(stage, config)
    sources = [
        dataclasses.replace(source, licence="MIT") if source.name in ("nc", "who") else source
        for source in config.data.sources
    ]
    mended = dataclasses.replace(config, data=DataConfig(sources=sources))
    for stage in (prep.STAGE, SFT, DPO):
        assert run_stage(stage, mended)
    assert restrictions(mended, "dpo") == {}


def test_the_card_names_every_restriction_or_says_that_there_is_none() -> None:
    assert "None of the rows above" in _restricted([])
    assert _restricted(["one", "two"]).endswith("- one\n- two")


@pytest.mark.parametrize(
    ("kept", "licence"),
    [(["free"], "apache-2.0"), (["free", "who"], "other"), (["free", "nc", "dna"], "cc-by-nc-4.0")],
)
def test_the_released_card_has_the_licence_that_the_data_leave(
    config: RunConfig,
    monkeypatch: pytest.MonkeyPatch,
    released: Callable[..., Path],
    kept: list[str],
    licence: str,
) -> None:
    sources = [source for source in config.data.sources if source.name in kept]
    config = dataclasses.replace(config, data=DataConfig(sources=sources))
    monkeypatch.setattr(release, "judge", lambda *_: [])
    card = (released(config) / "README.md").read_text()
    assert f"license: {licence}\n" in card
    assert ("not for commercial use" in card) == ("nc" in kept)
    assert ("nobody has said that commercial use is allowed" in card) == ("who" in kept)
    assert ("measured on non-commercial data (dna)" in card) == ("dna" in kept)


def test_a_config_that_trains_on_an_evaluation_set_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(
        "data: {sources: [{name: x, format: xstest, path: data/xstest, evaluation_only: "
        "false}, {name: y, format: hub, path: cais/mmlu}]}\ndpo: {beta: -1}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert [fault.split(",")[0] for fault in sorted(caught.value.faults)[1:]] == [
        "source 'x': evaluation_only is false",
        "source 'y': 'cais/mmlu' is MMLU by its name",
    ]
    assert len(caught.value.faults) == 3
