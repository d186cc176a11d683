"""`primum measure` and `primum chat` hold a reward model to its audit, as every later stage of a
run does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from present import present

from pipeline import harm_model
from pipeline.measuring import scorers
from pipeline.measuring.scorers import judges_of
from pipeline.run.config_loading import load_config
from records.errors import RecordError
from records.own_files import sealed
from records.rows import Completion, Score
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
    with pytest.raises(RecordError, match=r"fails its audit: echo .*accept_failed_probes=\[echo\]"):
        judges_of([f"{kind}={where}"], load_config(None, []))


def test_accepted_by_name_it_is_used_and_the_report_is_told(failing: Path) -> None:
    config = load_config(None, ["score.accept_failed_probes=[echo]"])
    judges = judges_of([f"run={failing}"], config)
    assert judges.validation().accepted == ("echo",)


class Calling:
    """A reward model that gives every text the same level."""

    name = "reward_model"

    def __init__(self, level: float) -> None:
        self.level = level

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        scores = []
        for row in completions:
            scores.append(
                Score(id=row.id, completion_id=row.id, scorer=self.name, value=self.level)
            )
        return scores


@pytest.mark.parametrize("recorded", [None, {"auroc": None}])
def test_one_without_the_record_of_an_audit_is_asked_the_probes_here(
    failing: Path, monkeypatch: pytest.MonkeyPatch, recorded: dict[str, None] | None
) -> None:
    """A folder that was copied alone, or a validation.json from before there were audits."""
    path = failing / "reward/validation.json"
    path.unlink()
    if recorded is not None:
        write_json(path, sealed(recorded))
    monkeypatch.setattr(scorers, "loaded", lambda *_: Calling(4.9))
    with pytest.raises(RecordError, match="fails its audit: echo"):
        judges_of([f"run={failing}"], load_config(None, []))
    monkeypatch.setattr(scorers, "loaded", lambda *_: Calling(1.0))
    found = present(judges_of([f"run={failing}"], load_config(None, [])).validation().scorer)
    assert present(found.audit).failed == ()
    assert present(found.audit).probes["echo"].passed is True


def test_a_foreign_reward_model_of_the_score_stage_is_held_to_the_same(
    failing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (failing / "reward/validation.json").unlink()
    folder, config = failing / "reward/reward_model", load_config(None, [])
    monkeypatch.setattr(harm_model, "loaded", lambda *_: Calling(1.0))
    harm_model.foreign_harm_model(folder, "other", config, config.eval.generation)
    monkeypatch.setattr(harm_model, "loaded", lambda *_: Calling(4.9))
    with pytest.raises(RecordError, match="fails its audit: echo"):
        harm_model.foreign_harm_model(folder, "other", config, config.eval.generation)
