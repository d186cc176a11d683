"""A value that its setting does not take is named with what is wanted and how that is written,
in no library's words.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from config_faults import faults_of

from pipeline.run.config_loading import load_config
from pipeline.run.setting_facts import kind_text
from pipeline.run.wrong_values import facts, wrong_values

SAID = {
    "trainer=": "trainer: got '', wanted a block of settings; set one of them, as in trainer.accel",
    "model=tiny": "got 'tiny', wanted a block of settings; set one of them, as in model.base.path=",
    "dpo=[1]": "dpo: got [1], wanted a block of settings",
    "data.sources=x": "got 'x', wanted a list of blocks, as in data.sources=[{name: ..., format: ",
    "data.sources=[x]": "data.sources.0: got 'x', wanted a block of settings; set one of them",
    "eval.suites={}": "eval.suites: got {}, wanted a list of blocks",
    "eval={suites: x}": "eval.suites: got 'x', wanted a list of blocks",
    "pairs.expert_labels=a": "got 'a', wanted a list, each text, as in pairs.expert_labels=[one",
    "pairs.expert_labels=[[a]]": "pairs.expert_labels.0: got ['a'], wanted text",
    "wandb.mode=of": "wandb.mode: got 'of', wanted one of auto, online, offline, disabled;",
    "trainer.gradient_checkpointing=maybe": "got 'maybe', wanted true or false;",
    "model.base.path=null": "model.base.path: got nothing, wanted text;",
    "run_dir=[a]": "run_dir: got ['a'], wanted text; `primum config --explain run_dir` says more",
    "data.lint.fail_above=3": "got 3, wanted values by name, as in data.lint.fail_above.NAME=...",
    "data.sources.7.limit=3": "data.sources has no entry 7, the last is 0; wanted one that there",
    "eval.suites.0.limit=3": "eval.suites has no entry 0, it is empty; wanted one that there is",
}


@pytest.mark.parametrize("override", SAID)
def test_what_is_wanted_and_how_it_is_written_is_said(
    config_file: Callable[[str], Path], override: str
) -> None:
    (fault,) = faults_of(config_file(""), [override])
    assert fault.startswith(f"override '{override}': ")
    assert SAID[override] in fault


@pytest.mark.parametrize("key", sorted(facts()))
def test_no_setting_leaves_the_words_to_a_library(key: str) -> None:
    """Each is given what it cannot be: a block a text, a text a list, a list a text."""
    fact = facts()[key]
    wrong: Any = "no such word"
    if kind_text(fact.hint) == "text":
        wrong = ["a list"]
    if kind_text(fact.hint) in ("a number", "a whole number"):
        return  # test_numeric_settings.py
    assert len(list(wrong_values(key, wrong))) == 1


def test_what_fits_is_taken(config_file: Callable[[str], Path]) -> None:
    config = load_config(
        config_file("seed: 3\nwandb: {mode: offline}"),
        ["pairs.expert_labels=[a, b]", "eval.suites=[{name: x, path: x}]", "dpo={}"],
    )
    assert config.pairs.expert_labels == ["a", "b"]
    assert config.eval.suites[0].name == "x"
