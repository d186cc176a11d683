"""A stage's settings are typed, frozen and those of the config, and what counts is derived from
them.
"""

from __future__ import annotations

import dataclasses
from typing import get_type_hints

import pytest

from models.config import GenerationConfig
from pipeline.run.config import RunConfig
from pipeline.run.declared import (
    Part,
    StageSettings,
    UndeclaredSetting,
    beside,
    counted,
    names_that_count,
    seen,
)
from pipeline.stages import STAGES, load_stage
from train.config import ControlConfig, DpoConfig, TrainerConfig


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return RunConfig()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Length(Part):
    max_length: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Levels(Part):
    confidence: float
    generation: GenerationConfig = beside(but=("dtype",))
    prompts_per_suite: int | None = beside()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mine(StageSettings):
    model: Length
    eval: Levels
    control: ControlConfig
    dpo: DpoConfig = counted(but=("rounds", "beta"))
    trainer: TrainerConfig = beside()


def test_work_sees_its_own_settings_and_no_other(config: RunConfig) -> None:
    found = seen(Mine, config)
    assert found.dpo is config.dpo
    assert found.trainer is config.trainer
    assert found.eval.generation is config.eval.generation
    assert found.model.max_length == config.model.max_length
    assert (found.seed, found.run_dir) == (config.seed, config.run_dir)
    for read in (
        lambda: found.pairs,  # type: ignore[attr-defined]
        lambda: found.eval.suites,  # type: ignore[attr-defined]
        lambda: found.model.base,  # type: ignore[attr-defined]
    ):
        with pytest.raises(UndeclaredSetting, match=r"has no \w+, which the stage reads"):
            read()
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.seed = 3  # type: ignore[misc]


def test_what_counts_is_what_is_declared_but_for_what_is_beside() -> None:
    assert names_that_count(StageSettings) == ()
    of_dpo = [field.name for field in dataclasses.fields(DpoConfig)]
    assert names_that_count(Mine) == (
        "model.max_length",
        "eval.confidence",
        "eval.generation.dtype",
        "control",
        *(f"dpo.{name}" for name in of_dpo if name not in ("rounds", "beta")),
    )


@pytest.mark.parametrize("name", STAGES)
def test_every_setting_of_a_stage_is_one_of_the_config_and_of_its_type(
    config: RunConfig, name: str
) -> None:
    """A part is named as the block that it is of, and its fields as that block's."""
    unsaid = {"str", "int", "float", "bool"}

    def compare(part: type[Part], block: type) -> None:
        theirs, ours = get_type_hints(block), get_type_hints(part)
        for field in dataclasses.fields(part):
            kind = ours[field.name]
            if isinstance(kind, type) and issubclass(kind, Part):
                compare(kind, theirs[field.name])
            elif getattr(kind, "__name__", "") not in unsaid:
                assert kind == theirs[field.name], f"{part.__name__}.{field.name}"

    settings = load_stage(name).settings
    compare(settings, RunConfig)
    seen(settings, config)
