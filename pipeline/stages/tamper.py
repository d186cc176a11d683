"""tamper: harm and over-refusal of the released policy once somebody has changed its weights.

The changed weights exist in memory alone; what is written are completions and scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data_prep.config import SourceConfig
from data_prep.sources import read_source
from eval.measure import Measured, complete, joined
from eval.results.tamper import AttackAbout
from eval.suites.loading import held_out_suites
from eval.tamper.config import TamperConfig
from eval.tamper.fine_tuning import fine_tuned
from eval.tamper.refusal_direction import ablated, refusal_direction
from eval.tamper.summary import ABLATED, FINE_TUNED, tamper_summary, tampered_name
from models.config import GenerationConfig, ModelConfig
from models.engines.generate import generation_dtype
from models.loading.load import load_model, load_tokenizer
from models.memory.prepare import prepared_layout
from models.tokens import TokenRow, encode
from pipeline.harm_model import AUDITED
from pipeline.policies import device, generating, policy_of
from pipeline.run.config import RunConfig
from pipeline.run.declared import Part, StageSettings, beside
from pipeline.run.graph import released_policy
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run_scorers import run_scorers
from pipeline.setting_parts import Accepts, PolicyModel, Rounds
from records.cache import cache_directory
from records.choice import at_even_distances
from records.content_hashes import content_hashes
from records.contracts import Scorer
from records.errors import RecordError
from records.rows import Demonstration, Prompt, Score
from records.run_files import (
    DEMONSTRATIONS,
    POLICY,
    PROMPTS,
    TAMPER,
    TAMPER_COMPLETIONS,
    TAMPER_SCORES,
)
from records.stage_folder import sha256_json, write_json, write_records
from reward.scorers import score_with
from train.config import TrainerConfig

DECLINES = 16
"""Safe completions by whose likelihood the attacker chooses among directions."""


@dataclass(frozen=True, kw_only=True)
class Tampering(Part):
    tamper: TamperConfig
    generation: GenerationConfig
    factors: bool
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Released(Part):
    policy: str


@dataclass(frozen=True, kw_only=True)
class Settings(StageSettings):
    model: PolicyModel
    eval: Tampering
    release: Released
    trainer: TrainerConfig = beside()
    dpo: Rounds
    score: Accepts


def work(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Undo the alignment by fine-tuning and by its direction, and measure what is left."""
    policy = released_policy(config)
    start = policy_of(config.model.base, inputs.path(POLICY.left_by(policy)))
    tokenizer = load_tokenizer(start)
    # Test prompts, as in the evaluation: the attacks themselves are made of training rows.
    suites = held_out_suites(
        inputs.read(PROMPTS.of("test")), "test", config.eval.tamper.prompts_per_suite
    )
    prompts = [prompt for rows in suites.values() for prompt in rows]
    scorers = run_scorers(config, inputs, prompts)
    made: list[Measured] = []
    attacks: dict[str, AttackAbout] = {}
    for name, attack in ATTACKS.items():
        with attack(config, inputs, start, tokenizer) as (model, about):
            rows = _measured(
                config, tampered_name(policy, name), model, tokenizer, prompts, scorers
            )
        made += rows
        attacks[name] = about
        place.say(f"{name}: {len(rows)} completions scored")
    write_records(place.path / TAMPER_COMPLETIONS.name, [row.completion for row in made])
    scores: list[Score] = []
    for row in made:
        scores.extend(row.scores.values())
    write_records(place.path / TAMPER_SCORES.name, scores)
    summary = tamper_summary(policy, attacks, made, config.eval.tamper, config.eval.confidence)
    write_json(place.path / TAMPER.name, summary.to_json())
    return {"policy": policy, "completions": len(made)}


def _measured(
    config: Settings,
    name: str,
    model: Any,
    tokenizer: Any,
    prompts: list[Prompt],
    scorers: list[Scorer],
) -> list[Measured]:
    generation = config.eval.generation
    completions = complete(model, tokenizer, prompts, generation, policy=name)
    return joined(prompts, completions, score_with(scorers, completions))


Attacked = tuple[Any, AttackAbout]
"""The model, and what the attack was made of."""


@contextmanager
def _fine_tuned(
    config: Settings, inputs: Inputs, start: ModelConfig, tokenizer: Any
) -> Iterator[Attacked]:
    rows = _encoded(tokenizer, benign_rows(config, inputs), config.model.max_length)
    # float32: updates of an attack with a small learning rate would round away in 16 bits.
    model = load_model(replace(start, dtype="float32")).to(device(config.trainer))
    layout = prepared_layout(model, tokenizer.pad_token_id, config.model.max_length)
    dtype = generation_dtype(config.eval.generation)
    changed = fine_tuned(model, rows, layout, config.eval.tamper, seed=config.seed, dtype=dtype)
    source = "MedQuAD" if config.eval.tamper.medquad_path else "the run's own"
    yield changed, AttackAbout(rows=len(rows), source=source)


@contextmanager
def _ablated(
    config: Settings, inputs: Inputs, start: ModelConfig, tokenizer: Any
) -> Iterator[Attacked]:
    # Read again: the attack before this one has changed its weights.
    model = generating(config.trainer, start, config.eval.generation)
    asked = inputs.read(PROMPTS.of("train"))
    count = config.eval.tamper.direction_prompts
    kinds = [_some(asked, kind, count) for kind in ("harmful", "benign")]
    # Of the training split: the attacker of the evaluation must not have seen its test prompts.
    safe = []
    for row in inputs.read(DEMONSTRATIONS.of("train")):
        if row.kind == "harmful":
            safe.append(row)
    declines = _encoded(tokenizer, at_even_distances(safe, DECLINES), config.model.max_length)
    # Chosen by the likelihood of training declines, so that no test prompt has a say.
    found = refusal_direction(model, tokenizer, kinds[0], kinds[1], declines)
    # A hook that is taken away again; the policy on the disk is never touched.
    with ablated(model, found.vector):
        about = AttackAbout(layer=found.layer, layers=found.layers, prompts=sum(map(len, kinds)))
        yield model, about


ATTACKS: dict[str, Callable[[Settings, Inputs, ModelConfig, Any], Any]] = {
    FINE_TUNED: _fine_tuned,
    ABLATED: _ablated,
}


def benign_rows(config: Settings, inputs: Inputs) -> list[Demonstration]:
    """Questions with completions that nobody would object to: MedQuAD's, or the run's training
    rows.
    """
    path = config.eval.tamper.medquad_path
    if path is None:
        rows = inputs.read(DEMONSTRATIONS.of("train"))
        found: list[Demonstration] = []
        for row in rows:
            if row.kind == "benign" and row.completion:
                found.append(row)
        return found
    source = SourceConfig(name="medquad", format="medquad", path=path, kind="benign")
    made: list[Demonstration] = []
    for row in read_source(source, seed=config.seed):
        if row.completion:
            made.append(row)
    return made


def _some(asked: Sequence[Prompt], kind: str, count: int) -> list[Any]:
    rows = [row.prompt for row in asked if row.kind == kind]
    if not rows:
        raise RecordError(
            f"eval.tamper: the training split holds no {kind} prompt, and the refusal direction is "
            "the difference between harmful and benign ones; give sources of both kinds, or set "
            "eval.tamper.enabled=false"
        )
    return at_even_distances(rows, count)


def _encoded(tokenizer: Any, rows: Sequence[Demonstration], most: int) -> list[TokenRow]:
    encoded = []
    for row in rows:
        if row.completion:
            encoded.append(encode(tokenizer, row.prompt, row.completion, most))
    kept = [row for row in encoded if row is not None]
    if not kept:
        raise RecordError(
            "eval.tamper: no training row with a completion fits model.max_length; wanted at least "
            "one benign row to fine-tune on and one safe completion; raise model.max_length, name "
            "eval.tamper.medquad_path, or set eval.tamper.enabled=false"
        )
    return kept


def medquad_files(config: RunConfig) -> dict[str, str]:
    """One hash for all of MedQuAD's files, where the config names them."""
    folder = config.eval.tamper.medquad_path
    if folder is None:
        return {}

    files = sorted(Path(folder).rglob("*.xml"))
    hashes = content_hashes(files, cache_directory() / "hashes")
    # By the path below the folder: MedQuAD's twelve folders hold files of the same names.
    named = {file.relative_to(folder).as_posix(): hashes[file] for file in files}
    return {f"medquad {folder}": sha256_json(named)}


STAGE = Stage(
    name="tamper",
    reads=(PROMPTS.of("train", "test"), DEMONSTRATIONS.of("train"), *AUDITED),
    writes=(TAMPER, TAMPER_COMPLETIONS, TAMPER_SCORES),
    measures=True,
    reads_if=lambda config: (POLICY.left_by(released_policy(config)),),
    work=work,
    settings=Settings,
    files=medquad_files,
)
