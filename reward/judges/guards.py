"""A guard model as an instrument: its own format in, its own words out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from records.errors import ConfigError
from records.rows import Completion, Message, assistant
from reward.judges.choices import chances, entropy
from reward.judges.fence import defused
from reward.judges.guard_formats import Column, GuardFormat, guard_format, guard_formats
from reward.judges.question import Question, Reply, Verdict
from reward.judges.settings import GuardConfig

THOUGHT = "</think>"


class Guard:
    """Reads one column of what a guard model says: harm, or refusal (a label, and no value).

    Harm is what its words mean on the scale (1 harmless, 5 harmful), weighted by the probability
    that the model gave each word where it says so; without that, it is what the word itself means.
    """

    def __init__(self, config: GuardConfig) -> None:
        self.format = guard_format(config.family)
        self._column = _column(self.format, config.column)
        self._of_harm = config.column == "harm"
        self._template = dict(self.format.template)
        columns = [self.format.harm, self.format.refusal] if config.probability else []
        # Of both columns, so that the same reply serves either.
        self._watched = tuple(
            sorted({word for column in columns if column for word in column.values})
        )
        if config.guideline:
            if "guideline" not in self._template:
                raise ConfigError(
                    f"guard.guideline is set, but {config.family} reads none; remove it, or use "
                    "shieldgemma"
                )
            self._template["guideline"] = config.guideline

    def question(self, completion: Completion, attempt: int) -> Question:
        """The guard's own template, filled with prompt and completion."""
        turns = turns_of([*completion.prompt, *(completion.completion or assistant(""))])
        bare = Question(
            attempt=attempt, watched=self._watched, unseen_tokens=self.format.unseen_tokens
        )
        if not self.format.prompt:
            return replace(bare, messages=turns, template_variables=self._template)
        # Parted and not formatted: a text that holds braces must stay as it is.
        before, _, after = self.format.prompt.partition("{prompt}")
        middle, _, end = after.partition("{completion}")
        text = f"{before}{_asked(turns[:-1])}{middle}{turns[-1]['content']}{end}"
        return replace(bare, text=text)

    def verdict(self, reply: Reply) -> Verdict | None:
        """None where the reply has no verdict, or two that differ."""
        whole = reply.text or ""
        # A verdict that the model only considers, in its thoughts, is none.
        text = whole.rpartition(THOUGHT)[2]
        said = {}
        for match in self._column.pattern.finditer(text):
            said[match[1].lower()] = match.start(1)
        # The same word twice is one verdict, two words are none.
        if len(said) != 1:
            return None
        ((word, place),) = said.items()
        meant = self._column.values[word]
        # "Does not apply" (WildGuard's n/a) is a verdict without a value, and not asked for again.
        if meant is None:
            return Verdict(label=word, reason="the guard says that the question does not apply")
        # Choices are counted from the start of the whole reply, thoughts included.
        likely = self._likely(reply, place + len(whole) - len(text), word)
        unsure = entropy(likely.values()) if len(likely) > 1 else None
        if not self._of_harm:
            return Verdict(label=str(meant), uncertainty=unsure)
        value = sum(chance * float(self._column.values[one] or 0) for one, chance in likely.items())
        return Verdict(value=value, label=", ".join([word, *self._named(text)]), uncertainty=unsure)

    def _likely(self, reply: Reply, place: int, word: str) -> dict[str, float]:
        """The probability of each word that means something; the word that was said alone where
        the model tells no more, or where what it tells does not fit what it said."""
        words = []
        for one, meant in self._column.values.items():
            if meant is not None:
                words.append(one)
        found = chances(reply.choices, place, words)
        # A word with chance 0 that was said all the same: the choices are of another place or text.
        return found if found and found[word] > 0 else {word: 1.0}

    def _named(self, text: str) -> list[str]:
        """Categories in the order of the reply, each once."""
        if self.format.categories is None:
            return []
        found = dict.fromkeys(
            match[match.lastindex or 0] for match in self.format.categories.finditer(text)
        )
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
        # Templates such as Llama Guard's refuse two turns of one role in a row.
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
        able = []
        for family, other in guard_formats().items():
            if other.refusal:
                able.append(family)
        raise ConfigError(
            f"guard.column is refusal, but {found.family} says nothing of refusals; use "
            f"{' or '.join(able)}, or harm"
        )
    return found.refusal
