"""What is asked about one completion and what comes back, whoever writes the reply.

An *instrument* turns a completion into a question and a reply into a verdict (a rubric, a
guard's format). A *replier* turns questions into replies (an endpoint, a model on this machine).
A judge is one of each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, TypedDict

from records.rows import Completion, Message
from reward.judges.choices import Choice


class AskedOf(TypedDict, total=False):
    """The model and the sampling that a reply depends on; no address and no secret."""

    model: str
    chat_template: str | None
    max_tokens: int
    temperature: float | None
    top_p: float
    seed: int | None
    dtype: str
    extra: dict[str, Any]
    """The user's own fields of a request."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One request to a model: messages for its chat template, or the whole text where it has
    none of its own."""

    messages: list[Message] = field(default_factory=list)
    text: str = ""
    template_variables: Mapping[str, Any] = field(default_factory=dict)
    """Named values for the chat template, such as the risk that a guard model looks for."""
    attempt: int = 0
    """Counts the times that the same completion is asked about because a reply could not be
    read."""
    watched: tuple[str, ...] = ()
    """Words whose probabilities are wanted where a verdict stands; empty where the text is
    enough."""
    unseen_tokens: int = 0
    """The most that the model's own template adds, such as the policy of a guard model; a budget
    counts them before they are known."""

    def key(self, asked_of: AskedOf) -> str:
        """A name for the reply that depends on every word sent, and on `asked_of`: the model and
        how it samples."""
        asked = asdict(self)
        del asked["unseen_tokens"]  # an estimate, and not sent
        # Sorted and in ASCII: the same question has the same bytes in every process.
        content = json.dumps([asked, dict(asked_of)], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(content.encode("ascii")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model wrote; `text` None means that there is no reply, and then `reason` says why."""

    text: str | None = None
    reason: str = ""
    cut: bool = False
    """The token limit ended it, so that a verdict in it may not be the last word."""
    choices: tuple[Choice, ...] = ()
    """Where a watched word might have begun, if the question asked for it and the model says so."""
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A reply as it was read; value None is a verdict too (a guard may say that a question does
    not apply)."""

    value: float | None = None
    label: str = ""
    reason: str = ""
    uncertainty: float | None = None
    """The entropy of the model's choice of the verdict's word, in nats; None where that is not
    known."""


Keep = Callable[[int, Reply], None]
"""Is handed each reply, with the place of its question, as soon as it is there."""


class Instrument(Protocol):
    def question(self, completion: Completion, attempt: int) -> Question: ...

    def verdict(self, reply: Reply) -> Verdict | None:
        """None where the reply cannot be read."""
        ...


class Replier(Protocol):
    def asked_of(self) -> AskedOf:
        """The model and the sampling that a reply depends on; no address and no secret."""
        ...

    def reply(self, questions: Sequence[Question], keep: Keep) -> None:
        """Hands `keep` one reply to each question, in any order and perhaps from several
        threads."""
        ...
