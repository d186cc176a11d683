"""Who replies: a model of this machine or one behind a server, each with its own side of the
conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from models.engines.generate import Generated, generate
from pipeline.measuring.asking import model_of
from pipeline.measuring.servers import endpoint_of, replies_to
from pipeline.measuring.subjects import Subject, subjects_of
from pipeline.policies import generating
from pipeline.run.config import RunConfig
from pipeline.run.config_loading import load_config
from pipeline.run.graph import released_policy, trained_policies
from records.contracts import BASE
from records.errors import ConfigError
from records.rows import Completion, Message, assistant, json_line, stable_id, user


class Voice(Protocol):
    def reply(self, messages: list[Message]) -> Generated: ...


@dataclass(frozen=True)
class LocalVoice:
    """Loaded at once, so that a model that cannot be is said before anybody types."""

    model: object
    tokenizer: object
    config: RunConfig

    @classmethod
    def of(cls, subject: Subject, config: RunConfig) -> LocalVoice:
        return cls(*generating(config, model_of(subject, config), config.eval.generation), config)

    def reply(self, messages: list[Message]) -> Generated:
        (made,) = generate(self.model, self.tokenizer, [messages], self.config.eval.generation)
        return made


@dataclass(frozen=True)
class ServerVoice:
    subject: Subject
    config: RunConfig
    folder: Path
    """Of replies while the conversation lasts."""
    api_key_env: str = ""

    def reply(self, messages: list[Message]) -> Generated:
        endpoint = endpoint_of(self.subject, self.config.eval.generation, self.api_key_env)
        return replies_to(endpoint, [messages], self.folder / f"{self.subject.name}.jsonl")[0]


@dataclass
class Speaker:
    """One model and what has been said to it and by it."""

    name: str
    title: str
    voice: Voice
    messages: list[Message] = field(default_factory=list)

    def answer(self, text: str) -> Completion:
        """Its reply to the next turn, as a record; the conversation goes on from there."""
        prompt = [*self.messages, *user(text)]
        made = self.voice.reply(prompt)
        self.messages = [*prompt, *assistant(made.text)]
        name = stable_id(json_line({"prompt": prompt}))
        return Completion(
            id=f"chat/{name}/{self.name}",
            prompt_id=name,
            prompt=prompt,
            completion=assistant(made.text),
            policy=self.name,
            sample=0,
            seed=0,
            num_tokens=made.num_tokens,
            finish_reason=made.finish_reason,
        )


def named_subjects(model: str, against: str | None) -> list[Subject]:
    """Who is to speak, the base first.

    Of a run they are its base and the policy that it is to release, or the last that it trained.
    """
    folder = Path(model).expanduser()
    if not ((folder / "config.yaml").is_file() and (folder / "prep").is_dir()):
        return subjects_of([against, model] if against else [model])
    config = load_config(folder / "config.yaml")
    wanted = [
        released_policy(config),
        *(policy.name for policy in reversed(trained_policies(config))),
    ]
    trained = next(
        (name for name in wanted if (folder / name / "policy" / "config.json").is_file()), None
    )
    if trained is None:
        raise ConfigError(
            f"{folder}: no stage of this run has trained a policy yet; run `primum sft`, or name a "
            "model"
        )
    base = against or config.model.base.path
    first, second = subjects_of([base, str(folder / trained)])
    return [
        first if against else replace(first, title=BASE.name, revision=config.model.base.revision),
        second,
    ]


def speakers_of(
    subjects: Sequence[Subject], config: RunConfig, folder: Path, api_key_env: str
) -> list[Speaker]:
    """Each with its model loaded."""
    files = [subject.word for subject in subjects if subject.kind == "file"]
    if files:
        raise ConfigError(
            f"{files[0]}: a file of completions, with which nobody can talk; name a model or a "
            "server"
        )
    found = []
    for subject in subjects:
        server = subject.kind == "server"
        voice: Voice = (
            ServerVoice(subject, config, folder, api_key_env)
            if server
            else LocalVoice.of(subject, config)
        )
        found.append(Speaker(subject.name, subject.title, voice))
    return found
