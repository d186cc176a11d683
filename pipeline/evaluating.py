"""What an evaluation asks, and what its ranks make of it: completions and scores that outlive a
kill.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

from data_prep.lint.rows import Renders
from eval.completing import Journal, Writer, as_asked_plainly, complete_all, dual_all, written_by
from eval.conditions.asking import Asked, under_conditions
from eval.conditions.definition import condition
from eval.measure import Measured, completion_id, joined
from eval.scoring import evaluation_scores
from eval.suite_scorers import labels_of, scorers_of, suite_scores
from eval.suites.loading import held_out_suites, own_suites
from models.config import ModelConfig
from models.engines.generate import rows_at_once
from models.loading.chat_format import render
from models.loading.template_faults import row_fault
from pipeline.eval_settings import EvalSettings
from pipeline.measuring.kept_completions import kept_base
from pipeline.policies import TokenizerOf, answering, base_config, device
from pipeline.run.config import RunConfig
from pipeline.run.graph import policy_title
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from records.contracts import BASE, Scorer
from records.errors import RecordError
from records.hash_beside import hash_faults, write_hash
from records.rows import Completion, Prompt, Record, RecordT, Score, read_records
from records.run_files import PROMPTS
from records.stage_folder import sha256_file, sha256_json, write_records

COMPLETIONS, DUAL, SCORES = "completions", "dual", "scores"
"""Files of a rank once they are whole."""
WRITTEN, WEIGHED = "written", "weighed"
"""What completions and log-probability scores are appended to."""


def prompts_of(
    config: EvalSettings, inputs: Inputs, place: Place, tokenizer_of: TokenizerOf
) -> list[Prompt]:
    """All prompts that a run is measured on, suite by suite."""
    own, absent = own_suites(config.eval)
    for suite in absent:
        place.say(str(suite))
    held_out = held_out_suites(
        inputs.read(PROMPTS.of("test")), "test", config.eval.prompts_per_suite
    )
    if own:
        # By the base's template: all policies of a run are asked with the same tokens.
        renders = partial(row_fault, tokenizer_of(base_config(config.model.base)))
        own = {name: _rendered(place, renders, name, rows) for name, rows in own.items()}
    # Two suites of one name would be pooled, and their figures belong to neither.
    both = sorted(set(held_out) & set(own))
    if both:
        raise RecordError(
            f"eval.suites: {', '.join(both)} names a suite of the run's own test split too; rename "
            "it"
        )
    suites = {**held_out, **own}
    # Harm is the first figure of every report; without it nothing could be decided.
    if not any(rows[0].kind == "harmful" for rows in suites.values()):
        raise RecordError(
            "nothing to evaluate: the test split holds no harmful prompt; raise data.split.test or "
            "give more data"
        )
    place.say("measuring on " + ", ".join(f"{len(rows)} {name}" for name, rows in suites.items()))
    kept: list[Prompt] = []
    for rows in suites.values():
        kept.extend(rows)
    return kept


def condition_files(config: RunConfig) -> dict[str, str]:
    """What the conditions of a run say, and hashes of the files that they read.

    Raises RecordError with every fault.
    """
    found: dict[str, str] = {}
    faults: list[str] = []
    for each in config.eval.conditions:
        try:
            found[f"condition {each.name}"] = sha256_json(asdict(condition(each.name)))
            # Hashed, as a changed file of translations is another condition.
            if each.path and Path(each.path).is_file():
                found[each.path] = sha256_file(Path(each.path))
            elif each.path and not each.optional:
                faults.append(
                    f"eval.conditions {each.name!r}: {each.path}: no such file; give the path of "
                    "its rows (docs/conditions.md)"
                )
        except RecordError as error:
            faults += error.faults
    if faults:
        raise RecordError(faults)
    return found


def all_asked(
    config: EvalSettings, place: Place, prompts: list[Prompt], tokenizer_of: TokenizerOf
) -> list[Asked]:
    """Every prompt as it stands, then under each condition of the config."""
    # The plain prompts first: some conditions are built on the completion to them.
    plain = [Asked(prompt, "", prompt.prompt) for prompt in prompts]
    known = dict.fromkeys(prompt.suite for prompt in prompts)
    if unknown := [name for name in config.eval.dual if name not in known]:
        raise RecordError(
            f"eval.dual: no suite is called {', '.join(unknown)}; the run measures "
            f"{', '.join(known)}"
        )
    if not config.eval.conditions:
        return plain
    tokenizer = tokenizer_of(base_config(config.model.base))
    wrapped, notes = under_conditions(
        prompts,
        config.eval,
        lambda messages: render(tokenizer, messages, add_generation_prompt=True),
    )
    for note in notes:
        place.say(note)
    count = Counter(one.condition for one in wrapped)
    place.say(
        "under conditions: " + ", ".join(f"{number} {name}" for name, number in count.items())
    )
    return [*plain, *wrapped]


def _rendered(place: Place, renders: Renders, name: str, prompts: list[Prompt]) -> list[Prompt]:
    """The prompts of a suite of the user's own that the run's chat template writes as they stand;
    prep has seen to all others.
    """
    # Suites of the user's own have not been through prep, which looks at all other rows.
    faults = {prompt.id: why for prompt in prompts if (why := renders(prompt.prompt, []))}
    if len(faults) == len(prompts):
        raise RecordError(
            f"eval.suites {name!r}: none of its prompts can be rendered "
            f"({next(iter(faults.values()))}); leave the suite out"
        )
    if faults:
        place.say(
            f"suite {name}: {len(faults)} of {len(prompts)} prompts left out: "
            f"{next(iter(faults.values()))}"
        )
    return [prompt for prompt in prompts if prompt.id not in faults]


def measure_policy(
    config: EvalSettings,
    place: Place,
    name: str,
    model: ModelConfig,
    asked: list[Asked],
    scorers: list[Scorer],
    tokenizer_of: TokenizerOf,
) -> None:
    """This rank's completions of one policy and their scores; what was finished before a kill is
    not made again.
    """
    mine = of_rank(place, asked)
    completions, dual, scores = (
        shard(place, name, what, place.share.rank) for what in (COMPLETIONS, DUAL, SCORES)
    )
    settings = config.eval
    with ExitStack() as opened:
        # Cached and opened late: where all is known already, no model is loaded at all.
        policy = cache(
            lambda: opened.enter_context(
                answering(config, place, model, settings.generation, settings.engine, tokenizer_of)
            )
        )
        written = _journal(place, name, WRITTEN, Completion)
        block = rows_at_once(settings.generation, settings.engine)
        writer = Writer(name, written_by(policy, settings.generation), block, written)
        if is_wanted(place, completions):
            # The base is the same in every run, so its completions are taken from an earlier
            # measurement.
            if name == BASE.name and not written.done:
                written.add(
                    _kept_of_base(
                        config, place, model, [one.prompt for one in mine if not one.condition]
                    )
                )
            _keep(completions, complete_all(mine, writer), scores)
        if settings.dual and is_wanted(place, dual):
            plain = []
            for one in mine:
                if not one.condition and one.prompt.suite in settings.dual:
                    plain.append(one)
            weighed, labels = _journal(place, name, WEIGHED, Score), labels_of(settings.suites)
            _keep(dual, dual_all(plain, policy, block, weighed, labels, name=name), scores)
    if is_wanted(place, scores):
        found = _scored(
            config, read_records(completions, Completion), [one.prompt for one in asked], scorers
        )
        _keep(scores, [*found, *(read_records(dual, Score) if settings.dual else [])])
    of_all = f" here, of {len(asked)}" if len(mine) < len(asked) else ""
    place.say(f"{policy_title(name)}: {len(mine)} completions scored{of_all}")


def _kept_of_base(
    config: EvalSettings, place: Place, model: ModelConfig, prompts: list[Prompt]
) -> list[Completion]:
    """What `primum measure` has written of the base, to all of these prompts; none where it has
    not.
    """
    if config.eval.engine != "transformers":
        return []
    made = kept_base(
        model, prompts, config.eval.generation, device(config.trainer), policy=BASE.name
    )
    if made:
        place.say(
            f"{len(made)} completions of the base are known from `primum measure` and not written "
            "again"
        )
    return made


def _keep(file: Path, rows: Sequence[Record], made_from_it: Path | None = None) -> None:
    """A file of records that is whole; what was made from an earlier one goes."""
    write_records(file, rows)
    write_hash(file)
    if made_from_it is not None:
        # Scores of an earlier set of completions would be joined to the new ones by their ids.
        made_from_it.unlink(missing_ok=True)


def _journal(place: Place, name: str, what: str, record: type[RecordT]) -> Journal[RecordT]:
    """This rank's, with what other ranks and earlier starts have written."""
    own = shard(place, name, what, place.share.rank)
    journal = Journal(
        record, own, [file for file in sorted(own.parent.glob(f"{name}.{what}.*")) if file != own]
    )
    for fault in journal.faults:
        place.say(f"{fault}; made again")
    return journal


def _scored(
    config: EvalSettings, made: list[Completion], prompts: list[Prompt], scorers: list[Scorer]
) -> list[Score]:
    """By every scorer, beside the request itself where it was asked under a condition."""
    own = scorers_of(config.eval.suites, prompts)
    said = evaluation_scores(scorers, prompts, as_asked_plainly(made, prompts))
    return [*said, *suite_scores(made, own)]


def of_rank(place: Place, asked: list[Asked]) -> list[Asked]:
    """This rank's prompts, each with all its conditions: a turn of pressure follows the completion
    of the prompt as it stands.
    """
    # By prompt and not by entry: the ranks must not share the conditions of one prompt.
    places = {(one.prompt.suite, one.prompt.id): None for one in asked}
    mine = set(place.share.of(list(places)))
    found: list[Asked] = []
    for one in asked:
        if (one.prompt.suite, one.prompt.id) in mine:
            found.append(one)
    return found


def is_wanted(place: Place, shard: Path) -> bool:
    """Whether it must be made: it is not there, or it is damaged, which is said."""
    faults = hash_faults(shard)
    if faults and shard.exists():
        place.say(f"{faults[0]}; made again")
    return bool(faults)


def measured_by(place: Place, name: str, asked: list[Asked]) -> list[Measured]:
    """What all ranks made and said of one policy, in the prompts' order."""
    ranks = range(place.share.world)
    # By id, so that a different number of ranks after a restart still finds every row.
    made = {}
    for rank in ranks:
        for row in read_records(shard(place, name, COMPLETIONS, rank), Completion):
            made[row.id] = row
    scores = []
    for rank in ranks:
        scores.extend(read_records(shard(place, name, SCORES, rank), Score))
    completions = []
    for one in asked:
        completions.append(made[completion_id(one.prompt, name, one.condition)])
    return joined([one.prompt for one in asked], completions, scores)


def shard(place: Place, name: str, what: str, rank: int) -> Path:
    """Where a rank keeps its part until rank 0 has joined all."""
    return place.work / f"{name}.{what}.{rank}-of-{place.share.world}.jsonl"
