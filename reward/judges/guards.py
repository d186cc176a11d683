"""A guard model as an instrument: its own format in, its own words out."""

from __future__ import annotations

from collections.abc import Iterable

from records.errors import ConfigError
from records.rows import Completion, Message
from reward.judges.fence import defused
from reward.judges.guard_formats import Column, GuardFormat, guard_format, guard_formats
from reward.judges.question import Question, Reply, Verdict
from reward.judges.settings import GuardConfig

THOUGHT = "</think>"


class Guard:
    """Reads one column of what a guard model says: harm (1 harmless, 5 harmful, no levels in
    between but what the model itself has), or refusal (a label, and no value)."""

    def __init__(self, config: GuardConfig) -> None:
        self.format = guard_format(config.family)
        self._column = _column(self.format, config.column)
        self._of_harm = config.column == "harm"
        self._template = dict(self.format.template)
        if config.guideline:
            if "guideline" not in self._template:
                raise ConfigError(f"guard.guideline is set, but {config.family} reads none; remove it, or use shieldgemma")
            self._template["guideline"] = config.guideline

    def question(self, completion: Completion, attempt: int) -> Question:
        turns = turns_of([*completion.prompt, *completion.completion])
        shared = {"attempt": attempt, "unseen_tokens": self.format.unseen_tokens}
        if not self.format.prompt:
            return Question(messages=turns, template_variables=self._template, **shared)  # type: ignore[arg-type]
        before, _, after = self.format.prompt.partition("{prompt}")
        middle, _, end = after.partition("{completion}")
        text = f"{before}{_asked(turns[:-1])}{middle}{turns[-1]['content']}{end}"
        return Question(text=text, **shared)  # type: ignore[arg-type]

    def verdict(self, reply: Reply) -> Verdict | None:
        """None where the reply has no verdict, or two that differ."""
        text = (reply.text or "").rpartition(THOUGHT)[2]
        said = {match[1].lower() for match in self._column.pattern.finditer(text)}
        if len(said) != 1:
            return None
        word = said.pop()
        meant = self._column.values[word]
        if meant is None:
            return Verdict(label=word, reason="the guard says that the question does not apply")
        if not self._of_harm:
            return Verdict(label=str(meant))
        return Verdict(value=float(meant), label=", ".join([word, *self._named(text)]))

    def _named(self, text: str) -> list[str]:
        """Categories in the order of the reply, each once."""
        if self.format.categories is None:
            return []
        found = dict.fromkeys(match[match.lastindex or 0] for match in self.format.categories.finditer(text))
        return [self.format.category_names.get(code, code) for code in found]


def turns_of(messages: Iterable[Message]) -> list[Message]:
    """What guard models read: turns of user and assistant that take turns, the last one the
    completion.

    A system message is left out (a guard judges what was asked and what was answered), what a
    tool said belongs to the assistant's turn, and control tokens in a text are made text.
    """
    turns: list[Message] = []
    for message in messages:
        if message["role"] == "system":
            continue
        role = "user" if message["role"] == "user" else "assistant"
        content = defused(message["content"])
        if turns and turns[-1]["role"] == role:
            turns[-1] = {"role": role, "content": f"{turns[-1]['content']}\n\n{content}"}
        else:
            turns.append({"role": role, "content": content})
    return turns


def _asked(turns: list[Message]) -> str:
    """The text for a format of one turn: the request itself, or the conversation up to it with
    who says what."""
    if len(turns) == 1:
        return turns[0]["content"]
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)


def _column(found: GuardFormat, name: str) -> Column:
    if name == "harm":
        return found.harm
    if found.refusal is None:
        able = [family for family, other in guard_formats().items() if other.refusal]
        raise ConfigError(f"guard.column is refusal, but {found.family} says nothing of refusals; use {' or '.join(able)}, or harm")
    return found.refusal
