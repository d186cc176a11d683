"""sft_control: more SFT, on what DPO prefers, for as many steps; what DPO adds is its lead over
this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.policies import policy_of
from pipeline.policy_recipe import Training, TrainingSettings
from pipeline.policy_training import (
    MEASURED_ON,
    measured_by,
    train_policy,
)
from pipeline.run.declared import Part
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.stage_room import policy_gigabytes
from pipeline.setting_parts import TrainingView
from pipeline.stages.dpo import BEGUN_WITH, earlier_adapter, from_before
from pipeline.stages.sft import Example, sft_rows
from records.run_files import BEFORE, PAIRS, POLICY, TRAINED
from train.engine.optimisation import OptimiserConfig


@dataclass(frozen=True, kw_only=True)
class AsSft(Part):
    learning_rate: float
    optimiser: OptimiserConfig


@dataclass(frozen=True, kw_only=True)
class AsLongAsDpo(Part):
    epochs: int
    global_batch_size: int


@dataclass(frozen=True, kw_only=True)
class Settings(TrainingView):
    sft: AsSft
    dpo: AsLongAsDpo


def work(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Train SFT for as many steps again as DPO takes, to compare."""
    from train.sft import SftModule

    pairs = inputs.read(PAIRS.of("train"))
    examples = []
    for p in pairs:
        # What DPO prefers, so that data are equal and only the loss differs.
        examples.append(Example(p.prompt, p.chosen, p.chosen_finished, "chosen completions"))
    return train_policy(
        TrainingSettings.of(config),
        place,
        Training(
            start=policy_of(config.model.base, inputs.path(POLICY.left_by(BEFORE))),
            rows_of=lambda tokenizer, batch_rows: sft_rows(
                examples, tokenizer, batch_rows, config.model.max_length, place
            ),
            module_of=SftModule,
            learning_rate=config.sft.learning_rate,
            optimiser=config.sft.optimiser,
            # DPO's and not SFT's: as many steps, or the comparison would be of training lengths.
            epochs=config.dpo.epochs,
            global_batch_size=config.dpo.global_batch_size,
            **from_before(inputs),
            **measured_by(config, inputs),
        ),
    )


STAGE = Stage(
    name="sft_control",
    reads=(*MEASURED_ON, PAIRS.of("train"), *BEGUN_WITH),
    writes=TRAINED,
    work=work,
    settings=Settings,
    reads_if=earlier_adapter,
    gigabytes=policy_gigabytes,
    ranks=True,
)
