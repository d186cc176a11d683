"""rlhf: online, from the base, SFT or DPO policy: it draws completions, is rewarded for less harm,
and held to a limit on over-refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from eval.results.scoreboard_row import ScoreboardRow
from eval.scoreboard_shape import read_scoreboard
from models.engines.generate import rows_at_once
from models.layout.collation import Collation
from models.tokens import prompt_ids
from pipeline.harm_model import AUDITED, harm_model
from pipeline.model_identity import model_files
from pipeline.online_prompts import KINDS, kinds_of, measured_suites
from pipeline.policies import base_config, policy_of, starting_policy
from pipeline.policy_recipe import Training, TrainingSettings, Watch
from pipeline.policy_training import train_policy
from pipeline.run.config import RunConfig
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.stage_room import trained_gigabytes
from pipeline.setting_parts import MeasuredBy, Rounds, TrainingView
from pipeline.shipped_heads import measuring_heads
from pipeline.stages.dpo import BEGUN_WITH, earlier_adapter, from_before
from records.contracts import BASE
from records.errors import ModelError
from records.run_files import BEFORE, POLICY, PROMPTS, REWARD_MODEL, TRAINED
from reward.model.harmfulness_model import HarmfulnessScorer
from reward.scorers import FACTORS, RefusalRule
from train.config import loads_sharded
from train.engine.optimisation import Optimisation
from train.rlhf.config import RlhfConfig

if TYPE_CHECKING:
    from eval.measure import Measured
    from train.rlhf.module import RlhfModule
    from train.rlhf.plan import RolloutPlan, RolloutRows


@dataclass(frozen=True, kw_only=True)
class WatchedBy(MeasuredBy):
    factors: bool


@dataclass(frozen=True, kw_only=True)
class Settings(TrainingView):
    eval: WatchedBy
    rlhf: RlhfConfig
    dpo: Rounds


def work(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Train online, under the limit on over-refusal."""
    online = _Online(config, inputs, place)
    return train_policy(TrainingSettings.of(config), place, online.training())


class _Online:
    """One online training of the stage: what its parts share."""

    def __init__(self, config: Settings, inputs: Inputs, place: Place) -> None:
        self.run, self.config, self.inputs, self.place = config, config.rlhf, inputs, place
        from_base = config.rlhf.starts_from == BASE.name
        # From the base there is no earlier scoreboard: the first row is measured here.
        self.began: dict[str, Any] = {} if from_base else from_before(inputs)
        self.start = (
            base_config(config.model.base)
            if from_base
            else policy_of(config.model.base, inputs.path(POLICY.left_by(BEFORE)))
        )
        self.scoreboard = place.path / "scoreboard.jsonl"
        # Rollouts and scoreboard share one copy in memory.
        self.harm_model = cache(self._harm_model)
        self.validation = inputs.read(PROMPTS.of("val"))
        self._module: RlhfModule | None = None

    def training(self) -> Training:
        from eval.scorer_watch import StopWhenScorersPart

        stop = (
            [StopWhenScorersPart(self.scoreboard, self.place.say)]
            if self.config.stop_when_scorers_part
            else []
        )
        return Training(
            start=self.start,
            rows_of=self._rows,
            plan_of=self._plan,
            module_of=self._module_of,
            learning_rate=self.config.learning_rate,
            optimiser=self.config.optimiser,
            epochs=self.config.epochs,
            global_batch_size=self.config.prompts_per_step,
            watch=Watch(self._independent, self._also, stop, self._candidates),
            validation=self.validation,
            harm_model=self.harm_model,
            reads=self.inputs.stages,
            **self.began,
        )

    def _rows(self, tokenizer: Any, batch_rows: Collation) -> RolloutRows:
        from train.rlhf.plan import Asked, RolloutRows

        self.tokenizer = tokenizer
        # A whole completion must fit behind the prompt in training.
        room = self.run.model.max_length - self.config.generation.max_new_tokens
        prompts = self.inputs.read(PROMPTS.of("train"))
        asked = []
        for prompt in measured_suites(
            prompts, self.validation, self.run.eval.scoreboard, self.place.say
        ):
            asked.append(Asked(prompt, prompt_ids(tokenizer, prompt.prompt)))
        kept = [row for row in asked if len(row.ids) <= room]
        if len(kept) < len(asked):
            self.place.say(
                f"{len(asked) - len(kept)} prompts left out: no room for a completion in "
                "model.max_length"
            )
        self.kinds = kinds_of(kept)
        self.place.say(
            ", ".join(f"{len(places)} {kind}" for kind, places in self.kinds.items())
            + " prompts to ask"
        )
        generations, new = self.config.num_generations, self.config.generation.max_new_tokens
        self.rows = RolloutRows(kept, batch_rows, num_generations=generations, max_new_tokens=new)
        return self.rows

    def _plan(self, rows: RolloutRows) -> RolloutPlan:
        from train.engine.trainer import world
        from train.rlhf.plan import RolloutPlan, shares

        config, mix = self.run, self.config.mix
        parts = {kind: getattr(mix, kind) for kind in KINDS}
        self.plan = RolloutPlan(
            lengths=rows.lengths,
            weights=rows.weights,
            padded=rows.batch_rows.why_padded is not None,
            global_batch_size=self.config.prompts_per_step,
            micro_batch_tokens=config.trainer.micro_batch_tokens,
            # As the trainer has them at run time, which a launcher may have set.
            world_size=world(config.trainer)[1],
            epochs=self.config.epochs,
            seed=config.seed,
            kinds=self.kinds,
            shares=shares(
                parts,
                {kind: len(places) for kind, places in self.kinds.items()},
                self.config.prompts_per_step,
            ),
            steps_in_epoch=self.config.measure_every,
        )
        mixed = ", ".join(f"{count} {kind}" for kind, count in self.plan.shares.items())
        self.place.say(f"a step asks {mixed}, {self.config.num_generations} completions each")
        return self.plan

    def _module_of(self, model: Any, optimisation: Optimisation) -> RlhfModule:
        from train.rlhf.module import Online, RlhfModule
        from train.rlhf.rollout import Rollout, Scorers, Store

        rollout = Rollout(
            writer=self._writer(model),
            scorers=Scorers(self.harm_model(), RefusalRule()),
            store=Store(self.place.work / "rollouts"),
            num_generations=self.config.num_generations,
            # As many together as the engine takes: drawing is most of the time of a step.
            rows_at_once=rows_at_once(self.config.generation, self.config.engine),
            seed=self.run.seed,
        )
        online = Online(self.rows, self.plan, rollout, self._limits_at, self.run.trainer)
        self._module = RlhfModule(model, self.config, online, optimisation)
        return self._module

    def _writer(self, model: Any) -> Any:
        from train.rlhf.writer import PolicyCopy, ShardedPolicy

        config, generation = self.run, self.config.generation
        # Sharded weights are nowhere whole, so all ranks draw together.
        if loads_sharded(config.trainer):
            return ShardedPolicy(self.tokenizer, generation)
        start = self.start
        return PolicyCopy(
            lambda: starting_policy(config.trainer, start, generation, model),
            self.tokenizer,
            generation,
        )

    def _harm_model(self) -> HarmfulnessScorer:
        return harm_model(self.run, self.inputs, self.config.generation)

    def _independent(self) -> list[Any]:
        if not self.run.eval.factors:
            return []
        from reward.factors.one_pass import FactorsAndRefusal

        known = {}
        for prompt in self.validation:
            known[prompt.id] = prompt.kind == "harmful"
        return [FactorsAndRefusal(FACTORS, known=known)]

    def _limits_at(self, step: int, drawn_first: Mapping[str, float]) -> Mapping[str, float]:
        from train.rlhf.limits import drawn_limits

        rows = []
        # Rows of a later step are of a run that was cut off behind the checkpoint.
        for row in read_scoreboard(self.scoreboard):
            if row.step <= step:
                rows.append(row)
        base, last = (self.began.get("before") or rows)[0], rows[-1]
        # The first row was measured before anything was drawn.
        drawn = last.drawn_over_refusal or drawn_first
        return drawn_limits(
            _rates(base), rise=self.config.limit.over_refusal, greedy=_rates(last), drawn=drawn
        )

    def _also(self, row: ScoreboardRow, samples: Sequence[Measured]) -> ScoreboardRow:
        from eval.over_optimisation import with_signs

        assert self._module is not None
        multipliers = self._module.multipliers
        row = replace(
            row,
            kl=self._module.kl,
            multipliers=dict(multipliers.values),
            drawn_over_refusal=dict(multipliers.averages),
        )
        return with_signs(row, samples, self.run.eval.confidence)

    def _candidates(self, rows: list[ScoreboardRow]) -> list[ScoreboardRow]:
        from eval.over_optimisation import before_parting, parting

        if not self.config.stop_when_scorers_part:
            return rows
        kept = before_parting(rows)
        # Epoch 0 is the starting policy; to keep it would call no training a result.
        if not any(row.epoch > 0 for row in kept):
            raise ModelError(
                f"rlhf: {parting(rows)}, before any policy could be kept; look at what the reward "
                f"model ({self.inputs.path(REWARD_MODEL)}) scores low there, train it on such "
                "completions, or lower rlhf.learning_rate or rlhf.measure_every"
            )
        return kept


def _rates(row: ScoreboardRow) -> dict[str, float]:
    made: dict[str, float] = {}
    for suite, rate in row.over_refusal_by_suite.items():
        if rate.mean is not None:
            made[suite] = rate.mean
    return made


def _reads(config: RunConfig) -> tuple[Any, ...]:
    return () if config.rlhf.starts_from == BASE.name else (*BEGUN_WITH, *earlier_adapter(config))


def _files(config: RunConfig) -> dict[str, str]:
    base = model_files(config) if config.rlhf.starts_from == BASE.name else {}
    return {**base, **measuring_heads(config)}


def _gigabytes(config: RunConfig) -> float:
    return trained_gigabytes(config, config.rlhf.epochs)


STAGE = Stage(
    name="rlhf",
    reads=(PROMPTS.of("train", "val"), *AUDITED),
    writes=TRAINED,
    work=work,
    settings=Settings,
    files=_files,
    reads_if=_reads,
    gigabytes=_gigabytes,
    ranks=True,
)
