"""A finished stage whose files are damaged or added to is made again or stops the run, and is never
trusted.
"""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from present import present
from safetensors.torch import save_file
from small_training import WRONG, at_once, flip, resumed_from, train_one_epoch

from pipeline.run.config import RunConfig
from pipeline.run.declared import StageSettings
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.stage_run import run_stage
from records.errors import ArtifactError
from records.own_files import sealed_line
from records.run_files import POLICY
from records.stage_folder import StageDirectory, write_json
from records.stage_records import Manifest


@pytest.fixture(autouse=True)
def _little_to_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """What run.json says for people takes longer to find out than all that is tested here."""
    monkeypatch.setattr("pipeline.run.stage_run.run_record", lambda config: {})
    monkeypatch.setattr("pipeline.run.fingerprint.resolved", lambda config: {"seed": config.seed})


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    return dataclasses.replace(RunConfig(), run_dir=str(tmp_path / "run"))


@pytest.fixture
def training() -> Stage[Any]:
    return at_once()


@pytest.fixture
def finished(training: Stage[Any], config: RunConfig) -> StageDirectory:
    assert run_stage(dataclasses.replace(training, work=_finishing), config)
    return StageDirectory(Path(config.run_dir) / "sft")


def _finishing(config: RunConfig, inputs: Inputs, place: Place) -> dict[str, str]:
    """A little of everything that stages leave."""
    random_bytes = random.Random(0).randbytes
    train_one_epoch(place)
    write_json(place.path / "selection.json", {"epoch": 1, "optimiser_steps": 3})
    for name in ("completions", "scores"):
        (place.path / f"{name}.jsonl").write_text(
            "".join(sealed_line({"id": str(k), "text": "no " * k}) for k in range(9))
        )
    for folder in ("policy", "reward_model"):
        (place.path / folder).mkdir()
        save_file({"w": torch.arange(64.0)}, place.path / folder / "model.safetensors")
        (place.path / folder / "tokenizer.model").write_bytes(random_bytes(200))
        write_json(place.path / folder / "config.json", {"layers": 2})
    return {"from": ""}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize(
    "name", ["manifest.json", "run.json", "selection.json", "scoreboard.jsonl"]
)
def test_a_finished_stage_with_a_damaged_record_is_named_to_later_stages_and_made_again(
    finished: StageDirectory,
    training: Stage[Any],
    config: RunConfig,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes,
) -> None:
    (finished.path / name).write_bytes(content)
    later: Stage[StageSettings] = Stage(
        name="dpo", reads=(POLICY.left_by("sft"),), work=lambda *handed: {}
    )
    with pytest.raises(ArtifactError, match=r"(?s)sft/.*run `primum sft` again"):
        run_stage(later, config)
    capsys.readouterr()
    assert resumed_from(training, config) == ""
    assert f"{finished.path / name}" in capsys.readouterr().out
    assert (finished.path.parent / "previous" / "sft-1" / name).read_bytes() == content
    assert run_stage(later, config)


def test_an_added_file_stops_the_run_without_costing_the_result(
    finished: StageDirectory, training: Stage[Any], config: RunConfig
) -> None:
    (finished.path / "policy" / "adapter_config.json").write_text("{}")
    later: Stage[StageSettings] = Stage(
        name="dpo", reads=(POLICY.left_by("sft"),), work=lambda *handed: {}
    )
    for stage in (training, later):
        with pytest.raises(
            ArtifactError,
            match=r"policy/adapter_config\.json: no file of this stage .* move it away",
        ):
            run_stage(stage, config)
    assert finished.manifest_path.is_file()
    (finished.path / "policy" / "adapter_config.json").unlink()
    assert not run_stage(training, config)


def test_of_200_flipped_bits_in_a_finished_stage_each_is_noticed_or_harmless(
    finished: StageDirectory,
) -> None:
    chance = random.Random(17)
    files = sorted(path for path in finished.path.rglob("*") if path.is_file())
    assert {
        "model.safetensors",
        "completions.jsonl",
        "scores.jsonl",
        "manifest.json",
        "run.json",
    } <= {path.name for path in files}
    wanted, identity = finished.manifest(), present(finished.fingerprint())
    harmless = 0
    for number in range(200):
        path = finished.manifest_path if number % 4 == 0 else chance.choice(files)
        whole = flip(path, chance)
        if finished.damage():
            assert not finished.is_complete(identity)
            with pytest.raises(ArtifactError):
                finished.require()
        else:
            assert path == finished.manifest_path
            assert Manifest.read(path) == wanted
            harmless += 1
        path.write_bytes(whole)
    assert harmless < 20
    assert finished.is_complete(identity)
