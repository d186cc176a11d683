"""Several seeds of one recipe: what they share, where they lie, and what a gate of one of them
does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from stored_run import rows, store

from pipeline import cli
from pipeline.run.config import RunConfig, splits_seed
from pipeline.run.config_loading import load_config
from pipeline.run.fingerprint import fingerprint
from pipeline.run.seeds import run_seeds, seed_overrides, share_stages, write_seeds_report
from pipeline.stages import prep, sample, sft
from records.errors import ArtifactError, GateError
from records.stage_folder import StageDirectory, read_json, write_json


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(f"run_dir: {tmp_path / 'run'}\nseed: 4\n")
    return path


def config(recipe: Path, seed: int) -> RunConfig:
    return load_config(recipe, seed_overrides(load_config(recipe), seed))


def test_seeds_have_folders_of_their_own_and_one_split(recipe: Path, tmp_path: Path) -> None:
    one = config(recipe, 5)
    assert (one.run_dir, one.seed, one.data.split.seed) == (str(tmp_path / "run" / "seed-5"), 5, 4)
    assert splits_seed(load_config(recipe)) == 4


def test_only_what_training_does_not_touch_depends_on_the_shared_seed(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [prep.STAGE.seed(config(recipe, k)) for k in (4, 5)] == [4, 4]
    assert [sample.STAGE.seed(config(recipe, k)) for k in (4, 5)] == [4, 4]
    drawn = [
        load_config(
            recipe, [*seed_overrides(load_config(recipe), k), "sample.generation.temperature=1"]
        )
        for k in (4, 5)
    ]
    assert [sample.STAGE.seed(one) for one in drawn] == [4, 5]
    assert [sft.STAGE.seed(config(recipe, k)) for k in (4, 5)] == [4, 5]


def test_a_run_without_the_setting_is_as_it_was(recipe: Path) -> None:
    with_none, named = load_config(recipe), load_config(recipe, ["seed=9", "data.split.seed=4"])
    assert prep.STAGE.seed(with_none) == prep.STAGE.seed(named) == 4


def finish_prep(one: RunConfig) -> None:
    folder = Path(one.run_dir) / "prep"
    write_json(folder / "prompts.test.jsonl", {})
    directory = StageDirectory(folder)
    write_json(folder / "run.json", {"fingerprint": fingerprint(prep.STAGE, one)[0]})
    directory.finish({})


def test_a_stage_that_the_seed_does_not_enter_is_taken_over_once(recipe: Path) -> None:
    first, second = config(recipe, 4), config(recipe, 5)
    assert share_stages(second, first) == []
    finish_prep(first)
    assert share_stages(first, first) == []
    assert share_stages(second, first) == ["prep"]
    taken = StageDirectory(Path(second.run_dir) / "prep")
    assert taken.is_complete(fingerprint(prep.STAGE, second)[0])
    assert share_stages(second, first) == []
    other = load_config(recipe, [*seed_overrides(load_config(recipe), 6), "data.split.val=0.3"])
    assert share_stages(other, first) == []


def test_a_gate_that_one_seed_does_not_meet_stops_no_other(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def run(one: RunConfig, words: Sequence[str]) -> None:
        seen.append(one.seed)
        store(
            Path(one.run_dir),
            {
                "base": rows("base", harmful=4.0, n=(4, 4)),
                "dpo": rows("dpo", harmful=1.0, n=(4, 4)),
            },
            tables=False,
        )
        if one.seed == 5:
            raise GateError(["gate not met: harm"])

    with pytest.raises(GateError, match="seed 5: gate not met: harm"):
        run_seeds(recipe, [], 3, run)
    assert seen == [4, 5, 6]
    report = read_json(tmp_path / "run" / "seeds.json")
    assert (report["seeds"], report["missing"]) == ([4, 5, 6], {})
    assert (tmp_path / "run" / "seeds.html").is_file()
    (tmp_path / "run" / "seed-7").mkdir()
    assert cli.main(["seeds", str(tmp_path / "run")]) == 0
    assert read_json(tmp_path / "run" / "seeds.json")["missing"] == {
        "7": "its evaluation is not done"
    }


def test_a_folder_without_seeds_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["seeds", str(tmp_path)]) == 2
    assert "no seed has results" in capsys.readouterr().err
    with pytest.raises(ArtifactError, match="nowhere: no seed has results"):
        write_seeds_report(tmp_path / "nowhere")


def test_the_plan_names_the_array(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", str(recipe), "dpo.beta=0.2", "--slurm", "--seeds", "3"]) == 0
    assert (
        capsys.readouterr().out.strip()
        == f"sbatch --array=4-6 slurm/seeds.sh {recipe} dpo.beta=0.2"
    )
