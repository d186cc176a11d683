"""What a release holds beside the weights: the run's records, without this machine's paths, without
texts that may not be passed on, and with a word on personal data."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from data_prep.lint.personal_patterns import Search, best_search
from eval.gate_result import GateResult
from eval.measured import Sample
from eval.report.examples import QuoteRule
from eval.report.page import render_html
from eval.results.results import Results
from pipeline.run.config import yaml_of
from pipeline.run.config_paths import named_paths
from pipeline.run.inputs import Inputs
from pipeline.run.place import Place
from records.licences import may_be_passed_on
from records.local_paths import LocalPaths
from records.rows import Completion, Demonstration, Message, SuitePrompt, text_of
from records.run_files import (
    DATA_CARD,
    DEMONSTRATIONS,
    MEASURED_COMPLETIONS,
    MEASURED_PROMPTS,
    MEASURED_SCORES,
    PAIRS,
    PAIRS_CARD,
    PAIRS_REPORT,
    VALIDATION,
)
from records.stage_folder import read_json, write_json, write_text

Json = dict[str, Any]
Texts = tuple[list[Message], ...]
Key = tuple[str, str]
"""(suite, id) of a test prompt."""
COPIES = tuple((file, file.name) for file in (VALIDATION, DATA_CARD))
OF_PAIRS = (PAIRS_CARD, PAIRS_REPORT)
PROVENANCE = ("commit", "dirty", "versions", "seed", "machine", "inputs")
SMALL = 2**20
"""Bytes up to which a policy's text files are searched for paths: settings, not vocabularies."""


@dataclass(frozen=True)
class Searched:
    """Rows in which personal data were looked for."""

    rows: int
    found: int
    """Of them, how many hold any."""
    kinds: dict[str, int]
    """Of them, how many hold each kind."""

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        return f"hold what looks like them{': ' if kinds else ''}{kinds}"

    def to_json(self) -> Json:
        """As personal_data.json has it."""
        return {"rows": self.rows, "with_findings": self.found, "kinds": self.kinds}


@dataclass(frozen=True)
class PersonalData:
    """What was looked for before the release, where, and how much was found."""

    by: str
    missing: str
    trained: Searched
    """Demonstrations that the policy was trained on."""
    pairs: Searched
    """Preference pairs that it was trained on, whose sides may be sampled completions."""
    quotable: frozenset[Key]
    measured: int
    """Test prompts."""
    not_passed_on: int
    """Of them, those whose licence does not say that they may be."""
    personal: int
    """Of the others, those that hold personal data, or whose completions do."""

    def rule(self) -> QuoteRule:
        """Which prompts a report may quote."""
        note = (
            f"Of {self.measured} test prompts {len(self.quotable)} may be quoted: "
            f"{self.not_passed_on} come from data of which it is not said that they may be passed "
            f"on, and {self.personal} hold, or were answered with, what looks like personal data."
        )
        return QuoteRule(self.quotable, note)

    def sentences(self) -> list[str]:
        """What was looked for and found, for the card."""
        missing = f" ({self.missing})" if self.missing else ""
        pairs = (
            f"; {self.pairs.found} of {self.pairs.rows} preference pairs {self.pairs}"
            if self.pairs.rows
            else ""
        )
        return [
            f"personal data were looked for by {self.by}{missing}: {self.trained.found} of "
            f"{self.trained.rows} training rows {self.trained}{pairs}"
        ]

    def to_json(self) -> Json:
        """As personal_data.json has it."""
        return {
            "looked_for_by": self.by,
            "not_looked_for": self.missing,
            "training_rows": self.trained.to_json(),
            "preference_pairs": self.pairs.to_json(),
            "test_prompts": {
                "prompts": self.measured,
                "may_be_quoted": len(self.quotable),
                "licence_does_not_say_so": self.not_passed_on,
                "with_findings": self.personal,
            },
        }


def trained_on(inputs: Inputs) -> list[Demonstration]:
    """The demonstrations of the training split."""
    return inputs.read(DEMONSTRATIONS.of("train"))


def local_paths(place: Place) -> LocalPaths:
    """The run's own folder, every file and folder that its settings name, and the home that they
    may lie in.
    """
    # The settings of this very stage, as its run.json was written first.
    settings = read_json(place.path / "run.json")["config"]
    # Homes apart: the last part of a home, which is kept of other paths, is a person's name.
    return LocalPaths([str(place.run), *named_paths(settings)], homes=[str(Path.home())])


def look_for_personal_data(
    inputs: Inputs, measured: Sequence[Sample], pairs: Sequence[str]
) -> PersonalData:
    """In what the policy was trained on, and in what a release might quote of the rows that were
    measured.

    `pairs` are the stages that left the pairs which it was trained on.
    """
    search = best_search()
    # All texts of a row: what is trained against is learned from too.
    demonstrations = [(row.prompt, row.completion, row.rejected) for row in trained_on(inputs)]
    preferred: list[Texts] = []
    for stage in pairs:
        for pair in inputs.read(PAIRS.of("train").left_by(stage)):
            preferred.append((pair.prompt, pair.chosen, pair.rejected))
    texts = _test_texts(measured)
    # The licence first: what may not be passed on need not be searched.
    open_ones = _passed_on(inputs) & texts.keys()
    quotable = frozenset(key for key in open_ones if not _kinds(search, texts[key]))
    return PersonalData(
        by=search.by,
        missing=search.missing,
        trained=_searched(search, demonstrations),
        pairs=_searched(search, preferred),
        quotable=quotable,
        measured=len(texts),
        not_passed_on=len(texts) - len(open_ones),
        personal=len(open_ones) - len(quotable),
    )


def _searched(search: Search, rows: Sequence[Texts]) -> Searched:
    found = [_kinds(search, map(text_of, texts)) for texts in rows]
    kinds = Counter(kind for kinds in found for kind in kinds)
    return Searched(len(rows), sum(map(bool, found)), dict(kinds))


def measured_rows(inputs: Inputs) -> list[Sample]:
    """What every policy wrote to every test prompt, as the report reads it."""
    from eval.measure import joined  # noqa: PLC0415  a release that is found done needs no torch

    prompts, scores = _asked(inputs), inputs.read(MEASURED_SCORES)
    by_policy: dict[str, list[Completion]] = {}
    for completion in inputs.read(MEASURED_COMPLETIONS):
        if completion.condition:
            continue
        by_policy.setdefault(completion.policy, []).append(completion)
    made: list[Sample] = []
    for completions in by_policy.values():
        for row in joined(prompts, completions, scores):
            made.append(row.to_row())
    return made


def _asked(inputs: Inputs) -> list[SuitePrompt]:
    return inputs.read(MEASURED_PROMPTS)


def _kinds(search: Search, texts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for text in texts:
        for one in search.find(text):
            found.add(one.kind)
    return found


def _test_texts(measured: Sequence[Sample]) -> dict[Key, list[str]]:
    """Of every prompt that was measured: its words and all completions."""
    texts: dict[Key, list[str]] = {}
    for row in measured:
        texts.setdefault((row.suite, row.prompt_id), [row.prompt]).append(row.completion)
    return texts


def _passed_on(inputs: Inputs) -> set[Key]:
    """Prompts whose licence lets them be passed on; of a suite of the user's own none is known."""
    found: set[Key] = set()
    for prompt in _asked(inputs):
        if may_be_passed_on(prompt.licence):
            found.add((prompt.suite, prompt.id))
    return found


def copy_policy(policy: Path, target: Path, paths: LocalPaths) -> None:
    """The policy's files; settings in them that name a path of this machine name it no more."""
    shutil.copytree(policy, target, dirs_exist_ok=True)
    # Small text files alone: vocabularies hold single words that look like parts of paths.
    for file in sorted(target.rglob("*")):
        if (
            file.is_file()
            # The types that hold settings and words; weights and binary vocabularies hold no paths.
            and file.suffix in (".json", ".jinja", ".md", ".txt", ".py")
            and file.stat().st_size < SMALL
        ):
            text = file.read_text(encoding="utf-8")
            if (hidden := paths.hidden(text)) != text:
                write_text(file, hidden)


class Evidence(NamedTuple):
    """What is written beside the card."""

    gates: Sequence[GateResult]
    results: Results
    measured: Sequence[Sample]
    personal: PersonalData
    pairs: Sequence[str]
    """Stages whose pairs the policy was trained on."""


def write_evidence(
    inputs: Inputs, place: Place, folder: Path, evidence: Evidence, paths: LocalPaths
) -> None:
    """Put what a release is judged by into its folder."""
    # Ids first, then paths: hiding reads the results as JSON.
    results = hidden_results(_without_ids(evidence.results), paths)
    write_json(folder / "results.json", results.to_json())
    write_text(
        folder / "report.html",
        render_html(results, evidence.measured, results.scoreboard, evidence.personal.rule()),
    )
    of_pairs = []
    # Every round's pairs: the policy was trained on all of them.
    for stage in evidence.pairs:
        for file in OF_PAIRS:
            of_pairs.append((file.left_by(stage), f"{stage}.{file.name.removeprefix('pairs.')}"))
    for file, copy in (*COPIES, *of_pairs):
        write_text(folder / copy, paths.hidden(inputs.path(file).read_text(encoding="utf-8")))
    run = paths.hidden_in(read_json(place.path / "run.json"))
    write_text(folder / "config.yaml", yaml_of(run["config"]))
    test_set = evidence.results.test_set
    opened = test_set and test_set.to_json()
    write_json(
        folder / "provenance.json",
        {**{key: run[key] for key in PROVENANCE}, "test_set": opened},
    )
    write_json(folder / "gates.json", paths.hidden_in([gate.to_json() for gate in evidence.gates]))
    write_json(folder / "personal_data.json", evidence.personal.to_json())


def hidden_results(results: Results, paths: LocalPaths) -> Results:
    """The results without this machine's paths."""
    return Results.from_json(paths.hidden_in(results.to_json()))


def _without_ids(results: Results) -> Results:
    """Ids of rows may be numbers of records; which prompts were refused is for the run's
    readers.
    """
    kept = tuple(replace(row, over_refused=None) for row in results.scoreboard)
    return replace(results, scoreboard=kept)
