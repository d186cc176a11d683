"""sample: what the policy itself writes, how the base one goes on once it has declined, and how
the policy revises its completions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from data_prep.cards.dataset_readme import table, write_readme
from data_prep.near_duplicates.duplicates import prompt_rows
from data_prep.splits.split_files import write_splits
from models.engines.decoding import decoding_record
from models.engines.generate import go_on, rows_at_once, seed_of
from models.loading.load import load_tokenizer
from pipeline.model_identity import model_files
from pipeline.policies import answering, base_config, policy_of
from pipeline.revising import drafts, revise
from pipeline.run.config import SampleConfig, splits_seed
from pipeline.run.declared import StageSettings, beside
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from pipeline.run.stage import Stage
from pipeline.run.views import Samples
from pipeline.setting_parts import Splits, WritingModel
from pipeline.wanted import Wanted, completion_of
from records import run_files
from records.contracts import BASE
from records.own_files import entry, read_rows, sealed_line
from records.rows import (
    Completion,
    Prompt,
    Revision,
    text_of,
)
from records.run_files import BEFORE, DEMONSTRATIONS, LEARNED_FROM, POLICY, PROMPTS
from reward.model.examples import CONTINUED
from reward.refusal.rule import split_refusal
from train.config import TrainerConfig

# The first is called as earlier versions call it, so that what they left half done is gone on with.
SAMPLED, REFUSALS, REVISIONS = "answers", "refusals", "revisions"
"""What is written, and the names of the files that ranks append to."""
Policy = Callable[[], tuple[Any, Any]]
"""Loads the model and its tokenizer when first called."""
Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class Settings(StageSettings):
    model: WritingModel
    sample: SampleConfig
    data: Splits
    trainer: TrainerConfig = beside()


def work(config: Settings, inputs: Inputs, place: Place) -> dict[str, Any]:
    """Let the policy complete training and validation prompts."""
    completions, refusals = _own_completions(config, inputs, place), _refusals(inputs, place)
    mine = place.share.of([*completions, *refusals])
    done = set()
    for name in (SAMPLED, REFUSALS, REVISIONS):
        for row in _written(place, name, say=True):
            done.add(row["id"])
    # What any rank of any start has written counts: the number of ranks may change at a restart.
    missing = [wanted for wanted in mine if wanted.id not in done]
    place.say(
        f"{len(completions)} completions and {len(refusals)} continued declines wanted from the "
        f"{_writer(inputs, place)} policy, {len(missing)} to write here"
    )
    start = (
        base_config(config.model.base)
        if place.round == 1
        else policy_of(config.model.base, inputs.path(POLICY.left_by(BEFORE)))
    )
    tokenizer_of = cache(load_tokenizer)
    # The model is loaded at the first block; a stage that only joins files needs none.
    with ExitStack() as open_policy:
        policy = cache(
            lambda: open_policy.enter_context(
                answering(
                    config,
                    place,
                    start,
                    config.sample.generation,
                    config.sample.engine,
                    tokenizer_of,
                )
            )
        )
        if missing:
            _write_missing(config, place, missing, policy)
        if config.sample.revisions:
            # After the completions, of which the revisions are made.
            _revise(config, inputs, place, {wanted.id for wanted in mine}, done, policy)
    if not place.share.hand_in(place.work):
        return {}
    made = {
        # Sorted by id: the order of writing depends on ranks and kills.
        name: sorted((kind.from_json(row) for row in _written(place, name)), key=lambda c: c.id)
        for name, kind in ((SAMPLED, Completion), (REFUSALS, Completion), (REVISIONS, Revision))
    }
    _write_tables(config, inputs, place, made)
    rows = []
    for several in made.values():
        rows.extend(several)
    return {
        "completions": len(made[SAMPLED]),
        "refusals": len(made[REFUSALS]),
        "revisions": len(made[REVISIONS]),
        "tokens": sum(row.num_tokens for row in rows),
        "cut_by_limit": sum(row.finish_reason == "length" for row in rows),
        "decoding": decoding_record(start, tokenizer_of(start)),
    }


def _write_tables(
    config: Settings, inputs: Inputs, place: Place, made: Mapping[str, Sequence[Completion]]
) -> None:
    """One file for each split of the prompts that were answered."""
    split_of = {prompt.id: prompt.split for prompt in _prompts(inputs)}
    tables = [
        table("completions", Completion, LEARNED_FROM),
        table("refusals", Completion, LEARNED_FROM),
    ]
    if config.sample.revisions:
        tables.append(table("revisions", Revision, LEARNED_FROM))
    for each, name in zip(tables, (SAMPLED, REFUSALS, REVISIONS), strict=False):
        write_splits(
            place.path, each.name, made[name], lambda row: split_of[row.prompt_id], LEARNED_FROM
        )
    write_readme(place.path, f"Completions of the {_writer(inputs, place)} policy", tables)


def _prompts(inputs: Inputs) -> list[Prompt]:
    return inputs.read(PROMPTS.of(*LEARNED_FROM))


def _shard(place: Place, name: str, rank: int) -> Path:
    """What one rank appends to."""
    return place.work / f"{name}.{rank}.jsonl"


def _writer(inputs: Inputs, place: Place) -> str:
    return BASE.name if place.round == 1 else inputs.before.name


def _written(place: Place, name: str, *, say: bool = False) -> list[dict[str, Any]]:
    """By all ranks of this start and earlier ones, without damaged lines: those are made again."""
    own = _shard(place, name, place.rank)
    kind = Revision if name == REVISIONS else Completion
    written = []
    for path in sorted(place.work.glob(f"{name}.*.jsonl")):
        # Only its own file is cut at a half line: another rank may be writing that line now.
        rows, faults = read_rows(path, partial(_row, kind), own=path == own)
        written += rows
        for fault in faults if say else ():
            place.say(f"{fault}; made again")
    return written


def _row(kind: type[Completion], row: dict[str, Any]) -> dict[str, Any]:
    entry(row, "id", str)
    return kind.from_json(row).to_json()


def _own_completions(config: Settings, inputs: Inputs, place: Place) -> list[Wanted]:
    samples, writer = config.sample.harmful_samples, _writer(inputs, place)
    kept: list[Wanted] = []
    for p in _prompts(inputs):
        for k in range(samples if p.kind == "harmful" else 1):
            kept.append(Wanted(f"{p.id}/{writer}/{k}", p.id, p.prompt, p.suite, writer, k, ""))
    return kept


def _refusals(inputs: Inputs, place: Place) -> list[Wanted]:
    """One for every safe completion that declines.

    The reward model needs them: a base policy refuses too rarely to show how its refusals read.

    It is trained once, in the first round.
    """
    if place.round > 1:
        return []
    demonstrations = inputs.read(DEMONSTRATIONS.of(*LEARNED_FROM))
    asked = []
    for d in prompt_rows(demonstrations):
        if d.kind == "harmful":
            asked.append(d)
    found = [(d, split_refusal(text_of(d.completion))) for d in asked]
    made: list[Wanted] = []
    for d, parts in found:
        if parts:
            made.append(
                Wanted(f"{d.id}/{CONTINUED}", d.id, d.prompt, d.suite, CONTINUED, 0, parts[0])
            )
    return made


def _write_missing(config: Settings, place: Place, missing: list[Wanted], policy: Policy) -> None:
    """In blocks, each appended at once: a kill loses one block."""
    generation = config.sample.generation
    # A decline takes about half of the words that a completion has; what follows it has the other
    # half.
    shorter = replace(generation, max_new_tokens=max(1, generation.max_new_tokens // 2))
    greedy = replace(generation, temperature=0.0)
    written = 0
    for name, settings, todo in (
        (SAMPLED, greedy, [w for w in missing if not w.start and _is_greedy(w, config.sample)]),
        (
            SAMPLED,
            generation,
            [w for w in missing if not w.start and not _is_greedy(w, config.sample)],
        ),
        (REFUSALS, shorter, [w for w in missing if w.start]),
    ):
        todo.sort(key=lambda w: len(w.prompt[-1]["content"]) + len(w.start))
        with _shard(place, name, place.rank).open("a", encoding="utf-8") as file:
            for block in _blocks(todo, config.sample):
                seeds = [seed_of(_seed(config), w.prompt_id, w.sample) for w in block]
                texts = go_on(
                    *policy(),
                    [w.prompt for w in block],
                    [w.start for w in block],
                    settings,
                    seeds=seeds,
                    label=f"sample {written}/{len(missing)}",
                )
                for wanted, seed, text in zip(block, seeds, texts, strict=True):
                    file.write(sealed_line(completion_of(wanted, seed, text).to_json()))
                file.flush()
                written += len(block)


def _is_greedy(wanted: Wanted, config: SampleConfig) -> bool:
    return wanted.sample == 0 and config.harmful_samples > 1


def _revise(
    config: Settings, inputs: Inputs, place: Place, mine: set[str], done: set[str], policy: Policy
) -> None:
    """Of this rank's own completions, which are all written by now; a kill loses one block."""
    generation = config.sample.generation
    prompts = _prompts(inputs)
    rows = _written(place, SAMPLED)
    completions = [Completion.from_json(row) for row in rows if row["id"] in mine]
    wanted = drafts(
        prompts,
        completions,
        samples=config.sample.harmful_samples,
        revisions=config.sample.revisions,
        seed=_seed(config),
    )
    todo = sorted(
        (d for d in wanted if d.id not in done),
        key=lambda d: (len(text_of(d.first.prompt)), d.id),
    )
    place.say(f"{len(wanted)} revisions wanted of these completions, {len(todo)} to write here")
    written = 0
    with _shard(place, REVISIONS, place.rank).open("a", encoding="utf-8") as file:
        for block in _blocks(todo, config.sample):
            for revision in revise(
                *policy(),
                block,
                generation,
                seed=_seed(config),
                label=f"revision {written}/{len(todo)}",
            ):
                file.write(sealed_line(revision.to_json()))
            file.flush()
            written += len(block)


def _blocks(todo: list[Row], config: SampleConfig) -> Iterator[list[Row]]:
    """What the policy is given together."""
    size = rows_at_once(config.generation, config.engine)
    for begin in range(0, len(todo), size):
        yield todo[begin : begin + size]


def _seed(config: Samples) -> int:
    """Greedy completions do not depend on it, so runs of several seeds share them."""
    return splits_seed(config) if config.sample.generation.temperature == 0 else config.seed


STAGE = Stage(
    name="sample",
    reads=(PROMPTS.of(*LEARNED_FROM), DEMONSTRATIONS.of(*LEARNED_FROM)),
    reads_later=(POLICY.left_by(BEFORE),),
    writes=(run_files.COMPLETIONS, run_files.REFUSALS, run_files.REVISIONS),
    work=work,
    settings=Settings,
    files=model_files,
    shares=True,
    seed=_seed,
)
