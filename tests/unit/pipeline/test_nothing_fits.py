"""A training stage that no row is left for says so itself, also when it is started alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_prep.splits.split_files import LEARNED_FROM, write_splits
from models.config import LanguageModelConfig, ModelConfig
from models.layout.collation import padded
from pipeline.run.config import RunConfig
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.stages import reward
from pipeline.stages.sft import Example, sft_rows
from records.errors import RecordError
from records.rows import Completion, Demonstration, assistant, user
from records.stage_folder import StageDirectory
from reward.config import RewardConfig

WORDS = "This is how it is done, step by step and without a doubt."


@pytest.fixture
def handed(tmp_path: Path, tiny_directory: Path) -> tuple[Any, Inputs, Place]:
    model = LanguageModelConfig(base=ModelConfig(path=str(tiny_directory)), max_length=8)
    config = replace(
        RunConfig(), run_dir=str(tmp_path), model=model, reward=RewardConfig(labelled_by="rule")
    )
    inputs = Inputs("reward", 1, reward.STAGE.inputs(config), config)
    return config, inputs, Place(StageDirectory(tmp_path / "stage"))


def test_sft_says_that_no_row_fits(handed: tuple[Any, Inputs, Place], tokenizer: Any) -> None:
    examples = [Example(user("How?"), assistant("Like this."), True, "safe completions")]
    with pytest.raises(RecordError, match=r"none of 1 rows can be trained on.*model\.max_length=8"):
        sft_rows(examples, tokenizer, padded(0), 8, handed[-1])


def test_reward_says_that_no_example_fits(
    handed: tuple[Any, Inputs, Place], tmp_path: Path
) -> None:
    """It divided by the number of examples, which was zero."""
    rows = [
        Demonstration(
            id=f"{n}",
            prompt=user(f"How do I do harm number {n}?"),
            kind="harmful",
            suite="harmful",
            source="made",
            licence="MIT",
            group=f"{n}",
            split="val" if n % 2 else "train",
            completion=assistant("I can't help with that."),
        )
        for n in range(8)
    ]
    answers = [
        Completion(
            id=f"{row.id}/base/0",
            prompt_id=row.id,
            prompt=row.prompt,
            completion=assistant(WORDS),
            policy="base",
            sample=0,
            seed=0,
            num_tokens=9,
            finish_reason="stop",
        )
        for row in rows
    ]
    split_of = {row.id: row.split for row in rows}
    write_splits(tmp_path / "prep", "demonstrations", rows, lambda row: row.split)
    write_splits(
        tmp_path / "sample",
        "completions",
        answers,
        lambda row: split_of[row.prompt_id],
        LEARNED_FROM,
    )
    write_splits(tmp_path / "sample", "refusals", [], lambda row: row.split, LEARNED_FROM)
    with pytest.raises(
        RecordError,
        match=(
            r"that fit model\.max_length=8 hold 0 harmful and 0 harmless.*Raise model\.max_length"
        ),
    ):
        reward.work(*handed)
