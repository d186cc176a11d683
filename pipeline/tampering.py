"""Both attacks on a policy's weights, and what it completes prompts with once each is done.

The changed weights exist in memory alone; what is written are completions and scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from data_prep.config import SourceConfig
from data_prep.sources import read_source
from eval.measure import Measured, complete, joined
from eval.results.tamper import AttackAbout, Tamper
from eval.scoring import evaluation_scores
from eval.tamper.config import TamperConfig
from eval.tamper.fine_tuning import fine_tuned
from eval.tamper.refusal_direction import ablated, refusal_direction
from eval.tamper.summary import ABLATED, FINE_TUNED, tamper_summary, tampered_name
from models.config import GenerationConfig, ModelConfig
from models.engines.generate import generation_dtype
from models.loading.load import load_model, load_tokenizer
from models.memory.prepare import prepared_layout
from models.tokens import TokenRow, encode
from pipeline.policies import device, generating
from pipeline.run.views import OnHardware
from records.choice import at_even_distances
from records.contracts import Scorer
from records.errors import RecordError
from records.rows import Demonstration, Prompt, Score
from records.run_files import TAMPER_COMPLETIONS, TAMPER_SCORES
from records.stage_folder import write_records

DECLINES = 16
"""Safe completions by whose likelihood the attacker chooses among directions."""


class Limited(Protocol):
    """How many tokens of a row an attack trains on."""

    @property
    def max_length(self) -> int: ...


class Attacking(Protocol):
    """What of the block eval an attack is made by."""

    @property
    def tamper(self) -> TamperConfig: ...

    @property
    def generation(self) -> GenerationConfig: ...

    @property
    def confidence(self) -> float: ...


class Tampers(OnHardware, Protocol):
    """Settings of whoever attacks: a run's stage, or a measurement without a run."""

    @property
    def seed(self) -> int: ...

    @property
    def model(self) -> Limited: ...

    @property
    def eval(self) -> Attacking: ...


@dataclass(frozen=True)
class Material:
    """What attacks are made of; none of it is measured on."""

    asked: Sequence[Prompt]
    """Harmful and benign prompts, between which the refusal direction lies."""
    rows: Sequence[Demonstration]
    """Safe completions of harmful prompts, and completions of benign ones."""
    source: str
    """Of the rows, in words."""


@dataclass(frozen=True)
class Victim:
    """The policy that is attacked."""

    name: str
    model: ModelConfig


def tampered(
    config: Tampers,
    victim: Victim,
    material: Material,
    prompts: Sequence[Prompt],
    scorers: Sequence[Scorer],
    folder: Path,
    say: Callable[[str], None],
) -> Tamper:
    """Every attack in turn; the prompts' completions and scores go into the folder."""
    tokenizer = load_tokenizer(victim.model)
    made: list[Measured] = []
    attacks: dict[str, AttackAbout] = {}
    for name, attack in ATTACKS.items():
        called = tampered_name(victim.name, name)
        # The model goes with the context, before the next attack loads its own.
        with attack(config, material, victim.model, tokenizer) as (model, attacks[name]):
            generation = config.eval.generation
            completions = complete(model, tokenizer, prompts, generation, policy=called)
            del model
        rows = joined(prompts, completions, evaluation_scores(scorers, prompts, completions))
        made += rows
        say(f"{name}: {len(rows)} completions scored")
    write_records(folder / TAMPER_COMPLETIONS.name, [row.completion for row in made])
    scores: list[Score] = []
    for row in made:
        scores.extend(row.scores.values())
    write_records(folder / TAMPER_SCORES.name, scores)
    return tamper_summary(victim.name, attacks, made, config.eval.tamper, config.eval.confidence)


Attacked = tuple[Any, AttackAbout]
"""The model, and what the attack was made of."""


@contextmanager
def _fine_tuned(
    config: Tampers, material: Material, start: ModelConfig, tokenizer: Any
) -> Iterator[Attacked]:
    medquad = config.eval.tamper.medquad_path
    benign = medquad_rows(medquad, config.seed) if medquad else _of_kind(material.rows, "benign")
    rows = _encoded(tokenizer, benign, config.model.max_length)
    # float32: updates of an attack with a small learning rate would round away in 16 bits.
    model = load_model(replace(start, dtype="float32")).to(device(config.trainer))
    layout = prepared_layout(model, tokenizer.pad_token_id, config.model.max_length)
    dtype = generation_dtype(config.eval.generation)
    changed = fine_tuned(model, rows, layout, config.eval.tamper, seed=config.seed, dtype=dtype)
    yield changed, AttackAbout(rows=len(rows), source="MedQuAD" if medquad else material.source)


@contextmanager
def _ablated(
    config: Tampers, material: Material, start: ModelConfig, tokenizer: Any
) -> Iterator[Attacked]:
    # Read again: the attack before this one has changed its weights.
    model = generating(config.trainer, start, config.eval.generation)
    count = config.eval.tamper.direction_prompts
    kinds = [_some(material.asked, kind, count) for kind in ("harmful", "benign")]
    # Of the training split: the attacker of the evaluation must not have seen its test prompts.
    safe = _of_kind(material.rows, "harmful")
    declines = _encoded(tokenizer, at_even_distances(safe, DECLINES), config.model.max_length)
    # Chosen by the likelihood of training declines, so that no test prompt has a say.
    found = refusal_direction(model, tokenizer, kinds[0], kinds[1], declines)
    # A hook that is taken away again; the policy on the disk is never touched.
    with ablated(model, found.vector):
        about = AttackAbout(layer=found.layer, layers=found.layers, prompts=sum(map(len, kinds)))
        yield model, about


ATTACKS: dict[str, Callable[[Tampers, Material, ModelConfig, Any], Any]] = {
    FINE_TUNED: _fine_tuned,
    ABLATED: _ablated,
}


def medquad_rows(path: str, seed: int) -> list[Demonstration]:
    """Questions with completions that nobody would object to."""
    source = SourceConfig(name="medquad", format="medquad", path=path, kind="benign")
    made: list[Demonstration] = []
    for row in read_source(source, seed=seed):
        if row.completion:
            made.append(row)
    return made


def _of_kind(rows: Sequence[Demonstration], kind: str) -> list[Demonstration]:
    return [row for row in rows if row.kind == kind]


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
