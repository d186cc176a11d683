"""Other heads make every stage that asks them run again, and no other stage."""

from __future__ import annotations

import ast
import dataclasses
import shutil
from pathlib import Path

import pytest

from pipeline import shipped_heads
from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from pipeline.stages import STAGES, load_stage
from reward.factors.shipped import ADVICE, FACTS, FOLDER, NUMBERS

ASK = {"reward", "score", "rlhf", "eval", "tamper"}
ROOT = Path(__file__).parents[3]
LOADERS = {"FactorsAndRefusal", "FactorScorer", "RefusalCascade", "WordsTeacher", "shipped_model"}
KNOWN = {
    # Each works for stages of ASK, or for a command that keeps no result of an earlier call.
    "pipeline/reward_data.py": "reward",
    "pipeline/stages/score.py": "score",
    "pipeline/stages/rlhf.py": "rlhf",
    "pipeline/run_scorers.py": "eval and tamper",
    "pipeline/measuring/scorers.py": "primum measure",
}


@pytest.fixture
def config(tmp_path: Path, tiny_directory: Path) -> RunConfig:
    path = tmp_path / "run.yaml"
    path.write_text(
        f"run_dir: {tmp_path / 'run'}\nmodel: {{base: {{path: {tiny_directory}}}}}\n"
        "data: {sources: [{name: builtin, format: builtin}]}\n"
    )
    return load_config(path)


def with_heads(config: RunConfig) -> set[str]:
    found = set()
    for name in STAGES:
        if any(file.startswith("factor heads") for file in load_stage(name).files(config)):
            found.add(name)
    return found


def test_stages_that_ask_the_heads_count_them(config: RunConfig) -> None:
    assert with_heads(config) == ASK


def test_heads_that_are_left_out_are_not_counted(config: RunConfig) -> None:
    without = dataclasses.replace(config, eval=dataclasses.replace(config.eval, factors=False))
    assert with_heads(without) == {"reward"}
    by_rule = dataclasses.replace(config.reward, labelled_by="rule")
    assert with_heads(dataclasses.replace(without, reward=by_rule)) == set()


@pytest.mark.parametrize("name", [NUMBERS, FACTS])
def test_a_change_in_either_file_is_another_hash(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rules that turn factors into harm stand in the one that holds no numbers."""
    before = shipped_heads.head_files()
    copy = Path(shutil.copytree(FOLDER, tmp_path / "heads"))
    monkeypatch.setattr(shipped_heads, "FOLDER", copy)
    assert shipped_heads.head_files() == before
    with (copy / name).open("ab") as file:
        file.write(b" ")
    assert shipped_heads.head_files() != before


def test_other_texts_of_the_audit_are_another_hash(
    tmp_path: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is released rests on the audit as well."""
    reward = load_stage("reward")
    before = reward.files(config)
    copy = Path(shutil.copytree(FOLDER, tmp_path / "heads"))
    monkeypatch.setattr(shipped_heads, "FOLDER", copy)
    assert reward.files(config) == before
    with (copy / ADVICE).open("ab") as file:
        file.write(b"\n")
    assert reward.files(config) != before
    assert len([name for name in before if name.startswith("audit text")]) == 10


def test_nothing_else_of_the_pipeline_asks_them() -> None:
    """Whoever fails here: let the stage count shipped_heads.measuring_heads, and add the file."""
    found = set()
    for folder in ("pipeline", "eval", "train", "data_prep"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and LOADERS & {a.name for a in node.names}:
                    found.add(path.relative_to(ROOT).as_posix())
    assert found == set(KNOWN)
