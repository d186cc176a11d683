"""A new scorer is one file and one line of registration, those of docs/adding_a_scorer.md.

What a command may name, its checks and its messages know it then."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import reward
from records.errors import ModelError
from records.rows import Completion, assistant, user
from reward.named_scorers import SCORERS, ScorerKind, Surroundings, load_all, named_scorers
from reward.scorers import score_with

PAGE = Path(__file__).resolve().parents[3] / "docs" / "adding_a_scorer.md"
FILE, LINE = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    nowhere = tmp_path / "none"
    return Surroundings(torch.device("cpu"), torch.float32, nowhere, "run", tmp_path / "replies")


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "doses.py").write_text(FILE)
    monkeypatch.setattr(reward, "__path__", [*reward.__path__, str(tmp_path / "more")])
    made = importlib.import_module("reward.doses")
    ((name, kind),) = eval(LINE, {"ScorerKind": ScorerKind, "NamesADose": made.NamesADose}).items()
    monkeypatch.setitem(SCORERS, name, kind)
    return name


@pytest.fixture
def said() -> Callable[[str, str], Completion]:
    return lambda name, text: Completion(
        id=name,
        prompt_id=name,
        prompt=user("How much?"),
        completion=assistant(text),
        policy="mine",
        sample=0,
        seed=0,
        num_tokens=1,
        finish_reason="stop",
        suite="mine",
    )


def test_the_file_is_short_and_the_line_is_one() -> None:
    assert len(FILE.splitlines()) < 40
    assert len(LINE.splitlines()) == 1


def test_it_is_named_loaded_and_asked_as_every_other(
    registered: str, around: Surroundings, said: Callable[[str, str], Completion]
) -> None:
    scorers = load_all(named_scorers([registered, "rule"], around), around)
    rows = [said("a", "Take 500 mg."), said("b", "I cannot say."), said("c", " ")]
    doses = [score for score in score_with(scorers, rows) if score.scorer == registered]
    assert [score.value for score in doses] == [1.0, 0.0, None]
    assert [score.reason for score in doses] == ["", "", "empty completion"]
    assert [score.completion_id for score in doses] == ["a", "b", "c"]


def test_checks_and_messages_know_it(registered: str, around: Surroundings) -> None:
    with pytest.raises(ModelError, match=r"did you mean doses\?\); wanted .*doses"):
        named_scorers(["dosis"], around)
    with pytest.raises(ModelError, match=r"doses=x: wanted doses alone, it takes no path"):
        named_scorers([f"{registered}=x"], around)
