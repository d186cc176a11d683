"""dpo: preferences, from the SFT policy; of two completions (DPO, IPO) or of one with a thumb up or
down (KTO).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_prep.unpaired import hash_unpaired
from eval.results.scoreboard_row import ScoreboardRow
from eval.scoreboard_shape import read_scoreboard
from models.adapters.registry import adapter_of
from models.layout.collation import Collation
from models.tokens import TokenRow, encode_pair
from pipeline.kto_training import Budget, KtoTraining, thumbs
from pipeline.limited_pairs import limit_of, pair_groups
from pipeline.policies import policy_of
from pipeline.policy_recipe import Training, TrainingSettings
from pipeline.policy_training import (
    MEASURED_ON,
    measured_by,
    train_policy,
)
from pipeline.run.config import RunConfig
from pipeline.run.declared import counted
from pipeline.run.inputs import Inputs
from pipeline.run.kept_epoch import KeptEpoch
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.stage_room import policy_gigabytes
from pipeline.setting_parts import TrainingView
from records.cache import cache_directory
from records.errors import RecordError
from records.rows import Pair
from records.run_files import (
    ADAPTER,
    BEFORE,
    FIRST,
    PAIRS,
    POLICY,
    PROMPTS,
    SCOREBOARD,
    SELECTION,
    TRAINED,
    RunFile,
)
from records.stage_folder import sha256_json, write_json
from train.config import DpoConfig, TrainerConfig
from train.engine.hardware import precision, uses_gpu
from train.engine.optimisation import Optimisation
from train.over_refusal_limit import numbered

if TYPE_CHECKING:
    from train.dpo import DpoModule, DpoRows
    from train.reference import ReferencePass

BEGUN_WITH = (
    *(file.left_by(BEFORE) for file in (POLICY, SCOREBOARD, SELECTION)),
    SCOREBOARD.left_by(FIRST),
)
"""What is read of an earlier training: its policy, and what is known of it and of the base."""


@dataclass(frozen=True, kw_only=True)
class Settings(TrainingView):
    """Another round later on does not change an earlier one."""

    dpo: DpoConfig = counted(but=("rounds",))


def work(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Train on preference pairs, from the policy of SFT or of the round before."""
    from train.reference import ReferencePass

    before = from_before(inputs)
    parts = (
        _kto(config, inputs, place)
        if config.dpo.loss == "kto"
        else _dpo(config, inputs, place, before["before"])
    )

    def reference(rows: Any) -> list[ReferencePass]:
        # By the policy's contents, so that a retrained SFT policy gets log-probs of its own.
        folder = _reference_folder(inputs.before.require(POLICY.name), config.trainer)
        return [ReferencePass(rows, config.trainer, folder)]

    return train_policy(
        TrainingSettings.of(config),
        place,
        Training(
            start=policy_of(config.model.base, inputs.path(POLICY.left_by(BEFORE))),
            callbacks_of=reference,
            learning_rate=config.dpo.learning_rate,
            optimiser=config.dpo.optimiser,
            epochs=config.dpo.epochs,
            global_batch_size=config.dpo.global_batch_size,
            candidates_per_epoch=config.dpo.candidates_per_epoch,
            **parts,
            **before,
            **measured_by(config, inputs),
        ),
    )


def _kto(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    budget = Budget(config.model.max_length, config.seed)
    training = KtoTraining(thumbs(config.dpo.unpaired, inputs), config.dpo, budget, place)
    return {"rows_of": training.rows_of, "module_of": training.module_of}


def _dpo(
    config: Settings, inputs: Inputs, place: Place, before: list[ScoreboardRow]
) -> dict[str, Any]:
    from train.dpo import DpoModule, DpoRows

    settings, pairs = config.dpo, inputs.read(PAIRS.of("train"))
    # Without a limit all pairs are of one group, whose mean is the plain loss.
    followed, groups = None, [0] * len(pairs)
    if settings.over_refusal_limit is not None:
        names = pair_groups(pairs, inputs.read(PROMPTS.of("train")))
        level = config.eval.scoreboard.confidence
        followed = limit_of(names, before[0], settings, level, place.say)
        groups = numbered(names, followed.limit.names)

    def rows_of(tokenizer: Any, batch_rows: Collation) -> DpoRows:
        encoded, kept = _encode(pairs, tokenizer, config.model.max_length, place)
        return DpoRows(encoded, batch_rows, groups=[groups[i] for i in kept])

    def module_of(model: Any, optimisation: Optimisation) -> DpoModule:
        limit = followed.limit if followed else None
        return DpoModule(model, settings, optimisation, limit=limit)

    return {"rows_of": rows_of, "module_of": module_of, "follower": followed}


def _reference_folder(policy: str, trainer: TrainerConfig) -> Path:
    """Runs that start from the same policy with the same arithmetic share its log-probabilities,
    whatever beta, loss or pairs they use.
    """
    identity = {
        # Everything that log-probs depend on, and nothing else; the GPU's arithmetic rounds
        # otherwise.
        "policy": policy,
        "precision": precision(trainer),
        "gpu": uses_gpu(trainer),
    }
    return cache_directory() / "reference_logps" / sha256_json(identity)[:24]


def from_before(inputs: Inputs) -> dict[str, Any]:
    """What a training takes over from the scoreboard of the one before; the run's base policy is
    the first row of SFT's.
    """
    # The base is measured once, by the first training; its row is the zero of every curve.
    base = read_scoreboard(inputs.path(SCOREBOARD.left_by(FIRST)))[:1]
    known = []
    for row in read_scoreboard(inputs.path(SCOREBOARD.left_by(BEFORE))):
        # Epoch 0 of the stage before is the policy that it began with, which is known already.
        if row.epoch > 0:
            known.append(row)
    before = inputs.path(SELECTION.left_by(BEFORE)).parent
    return {
        "before": [*base, *known],
        "before_epoch": KeptEpoch.read(before).epoch,
        "began_with": before,
    }


def earlier_adapter(config: RunConfig) -> tuple[RunFile[Any], ...]:
    """What this training's own adapter is joined to."""
    return (ADAPTER.left_by(BEFORE),) if adapter_of(config.model.adapter).keeps_base else ()


def _reads_if(config: RunConfig) -> tuple[RunFile[Any], ...]:
    """Under a limit, the suites of the pairs' prompts too; with thumbs of people, the prompts that
    none of them may be about.
    """
    suites = (PROMPTS.of("train"),) if config.dpo.over_refusal_limit is not None else ()
    measured = (PROMPTS.of("val", "test"),) if config.dpo.unpaired else ()
    return (*earlier_adapter(config), *suites, *measured)


def _encode(
    pairs: list[Pair], tokenizer: Any, max_length: int, place: Place
) -> tuple[list[tuple[TokenRow, TokenRow]], list[int]]:
    """Token rows, and which pairs they are of."""
    rows = []
    for p in pairs:
        rows.append(
            encode_pair(
                tokenizer,
                p.prompt,
                (p.chosen, p.rejected),
                max_length,
                finished=(p.chosen_finished, p.rejected_finished),
            )
        )
    # By number, since groups and weights of pairs are lists beside them.
    places = []
    for number, row in enumerate(rows):
        if row is not None:
            places.append(number)
    kept = [row for row in rows if row is not None]
    counts = {
        "pairs": len(rows),
        "dropped_too_long_or_identical_after_cutting": len(rows) - len(kept),
        "cut": sum(a.truncated for a, _ in kept),
    }
    # All ranks encode the same pairs, and only one may write the file.
    if place.rank == 0:
        write_json(
            place.path / "tokens.json",
            {**counts, "tokens": sum(len(side.input_ids) for pair in kept for side in pair)},
        )
    if not kept:
        raise RecordError(
            f"all {len(rows)} pairs are too long for model.max_length={max_length}, or identical "
            "after cutting; raise it"
        )
    return kept, places


STAGE = Stage(
    name="dpo",
    reads=(*MEASURED_ON, PAIRS.of("train"), *BEGUN_WITH),
    writes=TRAINED,
    work=work,
    settings=Settings,
    reads_if=_reads_if,
    files=lambda config: hash_unpaired(config.dpo.unpaired),
    gigabytes=policy_gigabytes,
    ranks=True,
)
