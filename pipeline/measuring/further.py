"""What a config asks of a measurement beside the prompts as they stand: conditions, and
log-probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from eval.completing import Journal, Policy, Write, Writer, complete_all, dual_all, written_by
from eval.conditions.asking import Asked as Wrapped
from eval.conditions.asking import under_conditions
from eval.config import SuiteConfig
from eval.measure import completion_id
from eval.suite_scorers import labels_of
from models.engines.generate import rows_at_once
from models.loading.chat_format import render
from models.loading.load import load_tokenizer
from pipeline.measuring.asking import answering, model_of
from pipeline.measuring.servers import endpoint_of, replies_to
from pipeline.measuring.subjects import Subject
from pipeline.run.config import RunConfig
from pipeline.run.console import say
from records.errors import ConfigError
from records.rows import Completion, Message, Score, SuitePrompt

WRITTEN, WEIGHED = "written", "weighed"
"""Folders of what a kill leaves, a file a subject."""


def wrapped_prompts(
    prompts: Sequence[SuitePrompt], subjects: Sequence[Subject], config: RunConfig
) -> list[Wrapped]:
    """The prompts under each condition of the config, the same for all subjects.

    Raises ConfigError for suites of eval.dual that are not measured."""
    known = list(dict.fromkeys(prompt.suite for prompt in prompts))
    if unknown := [name for name in config.eval.dual if name not in known]:
        raise ConfigError(
            f"eval.dual: no suite is called {', '.join(unknown)}; the measurement has "
            f"{', '.join(known)}"
        )
    if not config.eval.conditions or not subjects:
        return []
    wrapped, notes = under_conditions(prompts, config.eval, _render(subjects, config))
    for note in notes:
        say("measure", note)
    return wrapped


def _render(subjects: Sequence[Subject], config: RunConfig) -> Callable[[list[Message]], str]:
    """By the chat template of the first model; a server's is not known here."""
    models = []
    for subject in subjects:
        if subject.kind == "model":
            models.append(subject)
    if not models:
        # Only which prompts render alike is asked here, so roles and texts are enough.
        return lambda messages: "".join(
            f"{message['role']}: {message['content']}\n" for message in messages
        )
    tokenizer = load_tokenizer(model_of(models[0], config))
    return lambda messages: render(tokenizer, messages, add_generation_prompt=True)


@dataclass(frozen=True)
class Further:
    """What every model and server is asked besides."""

    prompts: Sequence[SuitePrompt]
    wrapped: Sequence[Wrapped]
    suites: Sequence[SuiteConfig]
    config: RunConfig
    folder: Path
    api_key_env: str = ""

    def of(
        self, subject: Subject, plain: Sequence[Completion]
    ) -> tuple[list[Completion], list[Score]]:
        """(a completion of each wrapped prompt, the log-probability scores of eval.dual): what was
        made before a kill is kept.
        """
        config = self.config.eval
        if not self.wrapped and not config.dual:
            return [], []
        block = rows_at_once(config.generation, config.engine)
        written = Journal(Completion, self._file(WRITTEN, subject))
        # The plain completions count as done: conditions build on them, and they are not asked
        # again.
        written.done |= {
            completion_id(prompt, subject.name): row
            for prompt, row in zip(self.prompts, plain, strict=True)
        }
        with ExitStack() as opened:
            policy = cache(
                lambda: opened.enter_context(
                    answering(subject, model_of(subject, self.config), self.config, self.folder)
                )
            )
            made = complete_all(
                self.wrapped, Writer(subject.name, self._write(subject, policy), block, written)
            )
            # A server gives no log-probabilities of texts that it did not write itself.
            if subject.kind != "model" or not config.dual:
                return made, []
            weighed = Journal(Score, self._file(WEIGHED, subject))
            chosen = []
            for prompt in self.prompts:
                if prompt.suite in config.dual:
                    chosen.append(Wrapped(prompt, "", prompt.prompt))
            return made, dual_all(
                chosen, policy, block, weighed, labels_of(self.suites), name=subject.name
            )

    def _write(self, subject: Subject, policy: Policy) -> Write:
        if subject.kind != "server":
            return written_by(policy, self.config.eval.generation)
        endpoint = endpoint_of(subject, self.config.eval.generation, self.api_key_env)
        replies = self.folder / "replies" / f"{subject.name}.jsonl"
        return lambda conversations, label: replies_to(endpoint, conversations, replies)

    def _file(self, what: str, subject: Subject) -> Path:
        path = self.folder / what / f"{subject.name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
