"""What `primum measure` asks: the project's own test prompts, or those of a run or a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from data_prep.config import DataConfig, SourceConfig, SplitConfig
from data_prep.sources import read_source
from eval.config import SuiteConfig
from eval.suites import registry
from eval.suites.loading import held_out_suites
from pipeline.checks.dealing import Dealt, deal
from pipeline.measuring.prompt_rows import read_prompts
from records.errors import ConfigError, RecordError
from records.rows import Demonstration, Kind, Prompt, Split, SuitePrompt, text_of
from records.run_files import LEARNED_FROM, MEASURED_PROMPTS, PROMPTS
from records.stage_folder import StageDirectory

OWN_SUITES = ("harmful", "twins", "patient_questions")
OWN_SPLIT = SplitConfig(val=0.14, test=0.25, val_of={"builtin_evaluation": 0.2})
"""As configs/demo.yaml deals the project's prompts, so that no model that the demo has trained is
measured on prompts of its training."""
OWN_SOURCES = (SourceConfig(), SourceConfig(name="builtin_evaluation", format="builtin_evaluation"))


def suites_of(
    words: Sequence[str], limit: int | None = None, kind: Kind | None = None
) -> dict[str, list[SuitePrompt]]:
    """The prompts by suite. Raises ConfigError for words that name none.

    Without words the project's own suites; a word names one of these, a run, or a file of prompts
    as runs write them or as rows of the user's. `limit`: at most so many prompts a suite, at even
    distances. `kind`: of a file's prompts about which nothing else says it.
    """
    own = [word for word in words if word in OWN_SUITES]
    read = []
    for word in words:
        if word not in OWN_SUITES:
            read.extend(_named_prompts(word, kind))
    if own or not words:
        for prompt in own_prompts():
            if prompt.suite in (own or OWN_SUITES):
                read.append(prompt)
    # A suite that is named twice, by its name and by a run, is asked once.
    twice = {(prompt.suite, prompt.id): prompt for prompt in read}
    suites = held_out_suites(list(twice.values()), "test", limit)
    if not suites:
        raise RecordError(
            f"{', '.join(words)}: hold no prompt of the split test; name a file or run with "
            "prompts to measure on"
        )
    found: dict[str, list[SuitePrompt]] = {}
    for name, rows in suites.items():
        # Only SuitePrompts were put in; the test tells the type checker so.
        found[name] = [prompt for prompt in rows if isinstance(prompt, SuitePrompt)]
    return found


@cache
def own_prompts() -> tuple[SuitePrompt, ...]:
    """The project's own test prompts."""
    return tuple(suite_prompt(row) for row in own_demonstrations("test"))


def own_demonstrations(split: Split) -> tuple[Demonstration, ...]:
    """The project's own prompts of a split, with their reference completions."""
    return tuple(_own_dealt().of(split))


@cache
def _own_dealt() -> Dealt:
    config = DataConfig(sources=list(OWN_SOURCES), split=OWN_SPLIT)
    rows = []
    for source in OWN_SOURCES:
        rows.extend(read_source(source, seed=0))
    return deal(rows, config, seed=0)


@cache
def own_by_text() -> dict[str, SuitePrompt]:
    """Every prompt of the project, of any split, by its text: what a file of completions may have
    answered.
    """
    rows = []
    for source in OWN_SOURCES:
        rows.extend(read_source(source, seed=0))
    return {text_of(row.prompt): suite_prompt(row) for row in rows}


def suite_prompt(row: Prompt) -> SuitePrompt:
    """Any row of a prompt as one of an evaluation."""
    names = SuitePrompt.__dataclass_fields__
    return SuitePrompt(**{name: value for name, value in vars(row).items() if name in names})


def is_suite(word: str) -> bool:
    """Whether the word names a suite of eval/suites, with the path of its files or without: NAME or
    NAME=PATH.
    """
    return word.partition("=")[0] in registry.names()


def described_suites(words: Sequence[str]) -> list[SuiteConfig]:
    """Those of the words that name suites of eval/suites."""
    named = [word.partition("=") for word in words if is_suite(word)]
    return [SuiteConfig(suite=name, path=path) for name, _, path in named]


def _named_prompts(word: str, kind: Kind | None) -> list[SuitePrompt]:
    path = Path(word).expanduser()
    if is_suite(word):
        name, _, where = word.partition("=")
        # A suite's rows have no split of their own; all of them are for measuring.
        return [replace(row, split="test") for row in registry.load(name, where)]
    if path.is_dir():
        return _prompts_of_run(path)
    if path.is_file():
        return read_prompts(path, kind, own_by_text)
    raise ConfigError(
        f"suite {word!r}: there is none of this name; wanted {', '.join(OWN_SUITES)}, one of "
        f"{', '.join(registry.names())} (NAME=PATH where its files are yours), a run's directory, "
        "or a file of prompts, as RUN/eval/prompts.jsonl or rows with a prompt and its kind"
    )


def _prompts_of_run(folder: Path) -> list[SuitePrompt]:
    """What its evaluation has asked; before that, its test split."""
    if (folder / "eval" / "prompts.jsonl").is_file():
        # What was asked stands before what prep would deal out: the run may have had suites of its
        # own.
        return MEASURED_PROMPTS.read(folder / "eval")
    if (folder / "prep" / "prompts.test.jsonl").is_file():
        return [suite_prompt(row) for row in PROMPTS.of("test").read(folder / "prep")]
    raise ConfigError(
        f"suite {folder}: holds neither eval/prompts.jsonl nor prep/prompts.test.jsonl; wanted a "
        "run that has done prep"
    )


def learned_texts(folder: Path) -> set[str]:
    """Of the run that left a model in `folder`, the texts of the prompts that it trained and chose
    by; empty for all other models.
    """
    # A policy lies two folders below its run, and may lie one deeper.
    for stage in folder.absolute().parents[:2]:
        prep = StageDirectory(stage.parent / "prep").path
        if (prep / "prompts.train.jsonl").is_file():
            rows = PROMPTS.of(*LEARNED_FROM).read(prep)
            return {text_of(row.prompt) for row in rows}
    return set()
