"""Who replies: a model of this machine or one behind a server, each with its own side of the
conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from models.engines.generate import Generated, generate
from models.loading.load import load_tokenizer
from pipeline.measuring.asking import model_of
from pipeline.measuring.servers import endpoint_of, replies_to
from pipeline.measuring.subjects import Subject
from pipeline.policies import generating
from pipeline.run.config import RunConfig
from records.errors import ConfigError
from records.rows import Completion, Message, assistant, json_line, stable_id, user
from reward.judges.settings import EndpointConfig


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
        """The voice of a model on this machine."""
        at = model_of(subject, config)
        # The settings of an evaluation, so that a conversation shows what its figures are about.
        model = generating(config.trainer, at, config.eval.generation)
        return cls(model, load_tokenizer(at), config)

    def reply(self, messages: list[Message]) -> Generated:
        """A completion of the conversation so far."""
        settings = self.config.eval.generation
        (made,) = generate(self.model, self.tokenizer, [messages], settings, label="")
        return made


@dataclass(frozen=True)
class ServerVoice:
    """Found at once, as a model is loaded at once."""

    endpoint: EndpointConfig
    replies: Path
    """Of this conversation, while it lasts."""

    @classmethod
    def of(
        cls, subject: Subject, config: RunConfig, folder: Path, api_key_env: str = ""
    ) -> ServerVoice:
        """The voice of a model behind an endpoint."""
        endpoint = endpoint_of(subject, config.eval.generation, api_key_env)
        return cls(endpoint, folder / f"{subject.name}.jsonl")

    def reply(self, messages: list[Message]) -> Generated:
        """A completion of the conversation so far."""
        return replies_to(self.endpoint, [messages], self.replies)[0]


@dataclass
class Speaker:
    """One model and what has been said to it and by it."""

    name: str
    title: str
    voice: Voice
    messages: list[Message] = field(default_factory=list)

    def reply_to(self, text: str) -> Completion:
        """Its reply to the next turn, as a record; the conversation goes on from there."""
        prompt = [*self.messages, *user(text)]
        made = self.voice.reply(prompt)
        # Only after the reply: a turn that failed leaves no request without a reply in the
        # history.
        self.messages = [*prompt, *assistant(made.text)]
        # By the whole conversation: the same words later in it are another prompt.
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


def speakers_of(
    subjects: Sequence[Subject], config: RunConfig, folder: Path, api_key_env: str
) -> list[Speaker]:
    """Each with its model loaded."""
    # Before anything is loaded, which takes minutes for a large model.
    files = []
    for subject in subjects:
        if subject.kind == "file":
            files.append(subject.word)
    if files:
        raise ConfigError(
            f"{files[0]}: a file of completions, with which nobody can talk; name a model or a "
            "server"
        )
    found = []
    for subject in subjects:
        voice: Voice = (
            ServerVoice.of(subject, config, folder, api_key_env)
            if subject.kind == "server"
            else LocalVoice.of(subject, config)
        )
        found.append(Speaker(subject.name, subject.title, voice))
    return found
