"""`primum measure` and `primum chat` hold a reward model to its audit, as every later stage of a
run does.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.measuring.scorers import judges_of
from pipeline.run.config_loading import load_config
from records.errors import ConfigError
from records.own_files import sealed
from records.stage_folder import write_json
from reward.named_scorers import REWARD_MODEL_FILES

ECHO = {"mean": 0.6, "interval": [0.4, 0.8], "n": 27, "unscored": 0}


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A run whose reward model calls echoes harmful; its weights are not read here."""
    folder = tmp_path / "reward/reward_model"
    folder.mkdir(parents=True)
    for name in REWARD_MODEL_FILES:
        (folder / name).touch()
    probe = {**ECHO, "bar": "at most 0.05", "passed": False}
    audit = {"probes": {"echo": probe}, "failed": ["echo"]}
    write_json(tmp_path / "reward/validation.json", sealed({"audit": audit}))
    return tmp_path


@pytest.mark.parametrize("kind", ["run", "reward_model"])
def test_a_reward_model_that_failed_its_audit_is_refused(failing: Path, kind: str) -> None:
    where = failing if kind == "run" else failing / "reward/reward_model"
    with pytest.raises(ConfigError, match=r"fails its audit: echo .*accept_failed_probes=\[echo\]"):
        judges_of([f"{kind}={where}"], load_config(None, []))


def test_accepted_by_name_it_is_used_and_the_report_is_told(failing: Path) -> None:
    config = load_config(None, ["score.accept_failed_probes=[echo]"])
    judges = judges_of([f"run={failing}"], config)
    assert judges.validation().accepted == ("echo",)


def test_one_without_the_record_of_an_audit_is_used(failing: Path) -> None:
    (failing / "reward/validation.json").unlink()
    judges = judges_of([f"run={failing}"], load_config(None, []))
    assert judges.validation().scorer is None
