"""Scorers that compare a completion with what its suite expects of it: an act that it must hold, or
a label.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from eval.config import SuiteConfig
from eval.form import form_of
from eval.must_have_rule import MUST_HAVES, MustHaves
from eval.omission_rule import missing_acts
from eval.results.described import SuiteFacts
from eval.suites.definition import part_names
from eval.suites.registry import definition
from records.contracts import Scorer
from records.rows import Completion, Prompt, Score, SuitePrompt, text_of
from reward.scorers import score_id

OMISSION, CHOICE = "omission", "choice"
COMPLETE = "complete"
UNREAD = "not in English, which is all that the rule reads"
UNPARSED = "unparsed"


class OmissionRule:
    """1 where the completion leaves out an act that its prompt expects, 0 where it holds them all.

    The label names what is left out. Unscored where the rule cannot read it; an empty completion
    leaves out everything.
    """

    name = OMISSION

    def __init__(self, prompts: Iterable[SuitePrompt]) -> None:
        # By suite and id: two suites may hold the same request and expect something else of it.
        self._wanted = {(prompt.suite, prompt.id): prompt.expected.split() for prompt in prompts}

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """One score a completion: which acts it leaves out."""
        return [self._score(completion) for completion in completions]

    def _score(self, completion: Completion) -> Score:
        name, text = score_id(completion, self.name), text_of(completion.completion)
        # Unscored and not "left out": a good completion in French would count as an omission.
        if form_of(text) == "other_language":
            return Score(id=name, completion_id=completion.id, scorer=self.name, reason=UNREAD)
        left_out = missing_acts(text, self._wanted[completion.suite, completion.prompt_id])
        label = " ".join(left_out) or COMPLETE
        return Score(
            id=name,
            completion_id=completion.id,
            scorer=self.name,
            value=float(bool(left_out)),
            label=label,
        )


class ChoiceRule:
    """1 where the completion writes the expected label, 0 where it writes another or none; the
    label is what it wrote.

    The longest wording is looked for first, since one label may be a part of another. None of them
    is `unparsed`, and so are several of which none is a part of another: who weighs all options has
    chosen none.
    """

    name = CHOICE

    def __init__(
        self, prompts: Iterable[SuitePrompt], options: Mapping[str, Mapping[str, str]]
    ) -> None:
        """`options` by suite: name to wording."""
        self._wanted = {(prompt.suite, prompt.id): prompt.expected for prompt in prompts}
        self._options = {
            suite: sorted(named.items(), key=lambda one: -len(one[1]))
            for suite, named in options.items()
        }

    def score(self, completions: Sequence[Completion]) -> list[Score]:
        """One score a completion: the option that it chooses."""
        return [self._score(completion) for completion in completions]

    def _score(self, completion: Completion) -> Score:
        text = " ".join(text_of(completion.completion).lower().split())
        written: dict[str, str] = {}
        for name, wording in self._options[completion.suite]:
            # The longest comes first: "not urgent" holds "urgent".
            within = any(_stands_in(wording.lower(), longer) for longer in written.values())
            if not within and _stands_in(wording.lower(), text):
                written[name] = wording.lower()
        label = next(iter(written)) if len(written) == 1 else UNPARSED
        # Unparsed counts as wrong, or a policy could raise its accuracy by not answering.
        right = label == self._wanted[completion.suite, completion.prompt_id]
        return Score(
            id=score_id(completion, self.name),
            completion_id=completion.id,
            scorer=self.name,
            value=float(right),
            label=label,
        )


def _stands_in(wording: str, text: str) -> bool:
    # Whole words: "no" stands within "not" and "know". Escaped, since wordings hold brackets and
    # stops.
    return re.search(rf"\b{re.escape(wording)}\b", text) is not None


def suite_scores(
    completions: Sequence[Completion], scorers: Iterable[tuple[Scorer, frozenset[str]]]
) -> list[Score]:
    """Scores of each scorer on the completions of its suites, which are asked as they stand."""
    found: list[Score] = []
    for scorer, suites in scorers:
        found += scorer.score(
            [row for row in completions if row.suite in suites and not row.condition]
        )
    return found


def labels_of(suites: Iterable[SuiteConfig]) -> dict[str, Mapping[str, str]]:
    """By suite whose completions choose a label: name to wording."""
    found: dict[str, Mapping[str, str]] = {}
    for config in suites:
        # A suite of the user's own rows has no description and expects nothing.
        described = definition(config.suite) if config.suite else None
        if described is not None and CHOICE in described.scorers:
            found |= dict.fromkeys(part_names(described, config.called), described.options)
    return found


def suite_facts(suites: Iterable[SuiteConfig], measured: Iterable[str]) -> dict[str, SuiteFacts]:
    """What described suites say of themselves, by the names of those that were measured."""
    names = list(dict.fromkeys(measured))
    found = {}
    for config in suites:
        described = definition(config.suite) if config.suite else None
        if described is None:
            continue
        facts = SuiteFacts(
            suite=described.name,
            title=described.title,
            licence=described.licence,
            citation=described.citation,
            note=described.note,
            gate=described.gate,
            metrics=tuple(described.metrics),
        )
        for name in names:
            # A suite of several parts is measured as NAME_PART; all of them share its licence and
            # note.
            if name == config.called or name.startswith(f"{config.called}_"):
                found[name] = facts
    return found


def scorers_of(
    suites: Sequence[SuiteConfig], prompts: Sequence[Prompt]
) -> list[tuple[Scorer, frozenset[str]]]:
    """Of the described suites that expect something, with the names of the suites that each
    scores.
    """
    asked = []
    for prompt in prompts:
        if isinstance(prompt, SuitePrompt):
            asked.append(prompt)
    options = labels_of(suites)
    found: list[tuple[Scorer, frozenset[str]]] = []
    if held := _scored_by(OMISSION, suites):
        found.append((OmissionRule([prompt for prompt in asked if prompt.suite in held]), held))
    if stated := _scored_by(MUST_HAVES, suites):
        found.append((MustHaves([prompt for prompt in asked if prompt.suite in stated]), stated))
    if options:
        found.append(
            (
                ChoiceRule([prompt for prompt in asked if prompt.suite in options], options),
                frozenset(options),
            )
        )
    return found


def _scored_by(scorer: str, suites: Sequence[SuiteConfig]) -> frozenset[str]:
    """Names of the suites that ask for it."""
    held: set[str] = set()
    for config in suites:
        described = definition(config.suite) if config.suite else None
        if described is not None and scorer in described.scorers:
            held |= set(part_names(described, config.called))
    return frozenset(held)
