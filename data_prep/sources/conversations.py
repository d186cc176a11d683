"""Rows with one conversation, or with two that begin alike: TRL's formats, Alpaca's, ShareGPT's,
KTO's.
"""

from __future__ import annotations

from typing import Any

from data_prep.config import SourceConfig
from data_prep.sources.cells import listed, structured
from data_prep.sources.columns import (
    COMPLETIONS,
    DIALOGUES,
    REQUESTS,
    VERDICTS,
    Row,
    is_given,
    is_good,
    number,
    only_one,
    words,
)
from data_prep.sources.messages import messages_of
from data_prep.sources.sides import Sides, at_last_request
from data_prep.sources.transcript_sides import at_difference, transcript_sides
from data_prep.sources.transcripts import is_transcript, turns
from records.excerpts import column_names, excerpt
from records.rows import Message, assistant, text_of, user

SCORED_SIDES = (
    ("score_chosen", "score_rejected"),
    ("chosen_score", "rejected_score"),
    ("chosen_rating", "rejected_rating"),
)
CONTEXTS = ("input", "context")
SYSTEMS = ("system", "system_prompt")


def conversation(row: Row, config: SourceConfig) -> list[Sides]:
    """The preferences that a row holds, in whichever of the known shapes."""
    sides = _sides(row, config)
    for better, worse in SCORED_SIDES:
        scores = number(row, better), number(row, worse)
        if (
            scores[0] is not None
            and scores[1] is not None
            # Equal scores pass: the sides are still ordered by whoever wrote the row.
            and scores[0] < scores[1]
            and sides.rejected
        ):
            raise ValueError(
                f"{better} is {scores[0]:g} and {worse} is {scores[1]:g}, so the sides are the "
                "wrong way round; which is it?"
            )
    return [_judged(sides, row)]


def request_of(row: Row, config: SourceConfig) -> list[Message] | None:
    """The prompt as messages, with the row's system message and earlier turns; None where the row
    has no column for it.
    """
    field = config.prompt_field
    # `is not None`, since an empty prompt is a fault of the row and no missing column.
    if row.get(field) is not None:
        value = structured(row[field], field)
        if isinstance(value, str) and is_transcript(value):
            said = turns(value)
            # A transcript of a prompt ends with "Assistant:", a turn that is still to come.
            asked = said[:-1] if said[-1] == {"role": "assistant", "content": ""} else said
        else:
            asked = user(value.strip()) if isinstance(value, str) else messages_of(value, field)
    elif row.get("instruction") is not None:
        context = only_one(
            row,
            CONTEXTS,
            "instruction's input",
            "leave one of them in, or name the other in the source's ignore",
        )
        parts = [
            words(row["instruction"], "instruction"),
            words(row[context], context) if context else "",
        ]
        asked = user("\n\n".join(part for part in parts if part))
    else:
        named = []
        for column in REQUESTS:
            if is_given(row.get(column)):
                named.append(column)
        if named:
            raise ValueError(
                f"no {field!r} (columns: {column_names(row)}); set the source's prompt_field to "
                f"{named[0]}, or name it in its ignore"
            )
        return None
    return with_earlier(asked, row)


def answer_of(row: Row, config: SourceConfig) -> tuple[str, Any]:
    """Column and value of the one completion; ("", None) where there is none."""
    field = config.completion_field
    if row.get(field) is not None:
        return field, row[field]
    # Whoever names the completion's column has chosen; other names may then mean anything.
    names = COMPLETIONS if field == "completion" else ()
    column = only_one(
        row,
        [name for name in names if name != config.prompt_field],
        "completion",
        "set the source's completion_field",
    )
    return (column, row[column]) if column else ("", None)


def side(value: Any, asked: list[Message], column: str) -> list[Message]:
    """A completion as messages, without the prompt where it is repeated at the head."""
    if value is None:
        return []
    value = structured(value, column)
    if isinstance(value, str) or (isinstance(value, int | float) and column in COMPLETIONS):
        said = words(value, column)
        # An empty rejected side is none; an empty completion is kept, so that the linter can count
        # it.
        return assistant(said) if said or column != "rejected" else []
    messages = messages_of(value, column)
    # Some preference sets repeat the prompt at the head of both sides.
    return messages[len(asked) :] if messages[: len(asked)] == asked else messages


def _sides(row: Row, config: SourceConfig) -> Sides:
    asked, column = (
        request_of(row, config),
        only_one(row, DIALOGUES, "conversation", "leave one of them in"),
    )
    whole = with_earlier(messages_of(row[column], column), row) if column else []
    name, answer = answer_of(row, config)
    chosen, rejected = row.get("chosen"), row.get("rejected")
    # Two completions that differ leave open which of them the row means.
    if answer is not None and is_given(chosen) and chosen != answer:
        raise ValueError(f"{name!r} and 'chosen' may each be the completion; leave one of them in")
    better, name = (chosen, "chosen") if answer is None else (answer, name)
    if asked is None and not whole:
        return _without_prompt(row, better, rejected, config)
    if whole:
        prompt, said = at_last_request(whole)
        _require_same_request(asked, prompt, column or "")
        if said and is_given(better) and side(better, prompt, name) != said:
            raise ValueError(
                f"{column!r} ends with one completion and {name!r} is another; leave one of them in"
            )
        # The conversation holds its own completion; another column is only a copy of it, checked
        # above.
        if not said or better is None:
            return Sides(prompt, said or side(better, prompt, name), _other_side(rejected, prompt))
    asked = asked or at_last_request(whole)[0]
    if isinstance(better, str) and is_transcript(better):
        worse = rejected if isinstance(rejected, str) and is_transcript(rejected) else None
        sides = transcript_sides(better, worse or better)
        _require_same_request(asked, sides.prompt, name)
        return sides if worse else sides._replace(rejected=side(rejected, sides.prompt, "rejected"))
    return Sides(asked, side(better, asked, name), side(rejected, asked, "rejected"))


def _require_same_request(asked: list[Message] | None, prompt: list[Message], column: str) -> None:
    """Sets that give the conversation often repeat its first or last request in a column of its
    own.
    """
    # Any turn of the user may be what is repeated: some sets give the first, some the last.
    if asked and asked[-1]["content"] not in [
        message["content"] for message in prompt if message["role"] == "user"
    ]:
        raise ValueError(f"the prompt and {column!r} ask different things; leave one of them in")


def _other_side(rejected: Any, prompt: list[Message]) -> list[Message]:
    """The rejected side beside a whole conversation: a completion alone, or a whole conversation
    that begins as the other does.
    """
    if not is_given(rejected):
        return []
    if isinstance(structured(rejected, "rejected"), str):
        return side(rejected, prompt, "rejected")
    other = messages_of(rejected, "rejected")
    if other[: len(prompt)] == prompt:
        return other[len(prompt) :]
    if any(message["role"] == "user" for message in other):
        raise ValueError(
            "chosen and rejected part before the last request, so they answer different prompts; "
            "remove the row"
        )
    return other


def _without_prompt(row: Row, chosen: Any, rejected: Any, config: SourceConfig) -> Sides:
    """A preference whose prompt is only in its two sides, as TRL's "implicit prompt" has it."""
    chosen, rejected = structured(chosen, "chosen"), structured(rejected, "rejected")
    if isinstance(chosen, str) and isinstance(rejected, str) and is_given(row.get("chosen")):
        return (
            transcript_sides(chosen, rejected)
            if is_transcript(chosen)
            else at_difference(chosen, rejected)
        )
    if not is_given(chosen) or isinstance(chosen, str) or not is_given(row.get("chosen")):
        columns = column_names(row)
        raise ValueError(
            f"no {config.prompt_field!r} and no 'messages' (columns: {columns}); set the source's "
            "prompt_field"
        )
    prompt, completion = at_last_request(with_earlier(messages_of(chosen, "chosen"), row))
    return Sides(prompt, completion, _other_side(rejected, prompt))


def with_earlier(messages: list[Message], row: Row) -> list[Message]:
    """Behind the row's own system message and its `history`, a list of earlier requests with their
    completions.
    """
    earlier: list[Message] = []
    history = listed(row.get("history"))
    if is_given(history):
        exchanges = history if isinstance(history, list) else []
        if not exchanges or not all(
            isinstance(pair, list | tuple) and len(pair) == 2 for pair in exchanges
        ):
            raise ValueError(
                f"'history' must be a list of [request, completion], got {excerpt(history)}"
            )
        for request, reply in exchanges:
            earlier += [*user(words(request, "history")), *assistant(words(reply, "history"))]
    column = only_one(row, SYSTEMS, "system message", "leave one of them in")
    if column is None:
        return earlier + messages
    system = words(row[column], column)
    # The text's own system message stands; a column that only repeats it adds nothing.
    if messages and messages[0]["role"] == "system":
        if messages[0]["content"] != system:
            raise ValueError(
                f"{column!r} and the first message are two system messages; leave one of them in"
            )
        return [messages[0], *earlier, *messages[1:]]
    return (
        [{"role": "system", "content": system}, *earlier, *messages]
        if system
        else earlier + messages
    )


def _judged(sides: Sides, row: Row) -> Sides:
    """A completion that a verdict calls bad is no completion to imitate: it is the rejected
    side.
    """
    present = [column for column in VERDICTS if column in row]
    if not present or not text_of(sides.completion):
        if any(is_given(row[column]) for column in present):
            raise ValueError(
                f"{present[0]!r} is given without a completion; name it in the source's ignore, or "
                "write `kind` (harmful, benign)"
            )
        return sides
    verdicts = {column: is_good(row, column) for column in present}
    # Without a verdict a bad completion could be imitated, so an empty one is a fault.
    missing = []
    for column, said in verdicts.items():
        if said is None:
            missing.append(column)
    if missing:
        raise ValueError(
            f"{missing[0]!r} is empty, so whether the completion is a good one is not said; fill "
            "it in, or remove the row"
        )
    good = set(verdicts.values())
    if len(good) > 1:
        raise ValueError(
            f"{' and '.join(map(repr, present))} contradict each other; remove the row"
        )
    if sides.rejected:
        raise ValueError(
            f"{present[0]!r} is given beside chosen and rejected, which say already which is "
            "better; leave it out"
        )
    return sides if good == {True} else Sides(sides.prompt, [], sides.completion)
