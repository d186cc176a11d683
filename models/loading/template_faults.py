"""What a chat template cannot hold: of any conversation (the run must not start), or of one row
(the row is left out and counted).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from models.loading.chat_format import (
    PROBE_COMPLETION,
    PROBE_PROMPT,
    end_of_turn,
    render,
    special_texts,
)
from records.errors import ModelError
from records.rows import Message

SETTING = "model.base.chat_template"
SHOWN = 160
"""Characters shown of each of two texts that should agree."""
FIRST_WORDS = ("I", "the", "No", "a", "Sure", "It", "1.", "-", "**", "In", "to")
"""What completions begin with; one that a tokenizer joins with the end of the prompt shows that it
does so."""
_OPENED = re.compile(
    r"<(think|thinking|thought|reasoning|seed:think)>|\[THINK\]|<\|channel>|<\|begin_of_thought\|>",
    re.I,
)
_CLOSED = re.compile(
    r"</(think|thinking|thought|reasoning|seed:think)>|\[/THINK\]|<channel\|>|<\|end_of_thought\|>",
    re.I,
)


def format_faults(tokenizer: Any) -> list[str]:
    """Why no row at all could be trained, sampled and measured alike in this tokenizer's chat
    format; empty where it can.

    The rule is that a row, prompt and completion, is what the template itself writes for the
    conversation.
    """
    try:
        start = render(tokenizer, PROBE_PROMPT, add_generation_prompt=True)
        whole = render(tokenizer, [*PROBE_PROMPT, *PROBE_COMPLETION], add_generation_prompt=False)
    except ModelError as error:
        made: list[str] = []
        for fault in error.faults:
            made.append(f"{SETTING}: {fault}; wanted a template for user and assistant messages")
        return made
    faults = []
    for part, message, text in (
        ("prompt", PROBE_PROMPT[0], start),
        ("conversation", PROBE_COMPLETION[0], whole),
    ):
        if message["content"] not in text:
            faults.append(
                f"{SETTING}: the {message['role']}'s words are not in the rendered {part} "
                f"({text[-SHOWN:]!r}); wanted a template that writes every message"
            )
    if faults:
        return faults
    if not whole.startswith(start):
        return [f"{SETTING}: {parted(start, whole)}"]
    if _leaves_thinking_open(start):
        return [
            f"{SETTING}: generation starts inside a thinking block ({start[-SHOWN:]!r}), which no "
            "row of prompt and completion closes; wanted a template that leaves the block out, or "
            "closes it where thinking is off: name such a Jinja file"
        ]
    return _turn_faults(tokenizer, start, whole)


def _turn_faults(tokenizer: Any, start: str, whole: str) -> list[str]:
    """Of the assistant's turn in the probe: it is the completion and its end, and begins on a token
    of its own.
    """
    content = PROBE_COMPLETION[0]["content"]
    header, _, _ = whole[len(start) :].partition(content)
    if header.strip():
        return [
            f"{SETTING}: the template writes {header[-SHOWN:]!r} between the prompt that "
            "generation starts from and the completion, so a model would have to write it too, and "
            "it would stand in every completion that is measured; wanted a generation prompt "
            "(add_generation_prompt) that ends where the completion begins"
        ]
    try:
        end = end_of_turn(tokenizer)
    except ModelError as error:
        return [f"{SETTING}: {fault}" for fault in error.faults]
    # With several first words: whether tokens are joined depends on what the completion begins
    # with.
    first, *longer = tokenizer(
        [start, whole, *(start + header + word for word in FIRST_WORDS)], add_special_tokens=False
    )["input_ids"]
    if any(ids[: len(first)] != first for ids in longer):
        return [
            f"{SETTING}: the tokenizer joins the end of the generation prompt "
            f"({start[-SHOWN // 4 :]!r}) with the first letters of a completion, so that what is "
            "trained is not what generation starts from; wanted a generation prompt without white "
            "space at its end"
        ]
    written = longer[0][len(first) :]
    said = tokenizer.decode(written[: written.index(end)]).strip()
    if said != content:
        return [
            f"{SETTING}: the template writes {said[-SHOWN:]!r} for the completion {content!r} "
            "before it ends the turn; wanted nothing but the completion there"
        ]
    return []


def parted(start: str, whole: str) -> str:
    """One sentence for a generation prompt that the conversation does not begin with; shows both
    texts from where they part.
    """
    shared = next(
        (k for k, (a, b) in enumerate(zip(start, whole, strict=False)) if a != b),
        min(len(start), len(whole)),
    )
    begin = max(0, shared - SHOWN // 4)
    return (
        "the chat template does not go on from its own generation prompt: it writes "
        f"{start[begin : begin + SHOWN]!r} when the assistant is to write, "
        f"{whole[begin : begin + SHOWN]!r} once it has; rows would not be what is sampled; wanted "
        "a generation prompt that is the header of the assistant's turn: name a Jinja file with "
        "one (a thinking block left out, or closed)"
    )


def row_fault(tokenizer: Any, prompt: Sequence[Message], completion: Sequence[Message]) -> str:
    """Why the template does not hold this conversation as it stands; empty where it does.

    Nothing of the row's text is in it.
    """
    texts = [message["content"] for message in (*prompt, *completion)]
    for number, text in enumerate(texts):
        found = next((token for token in special_texts(tokenizer) if token in text), None)
        if found:
            return (
                f"message {number} holds the tokenizer's own {found!r}, which would end or fake a "
                "turn"
            )
    try:
        start = render(tokenizer, prompt, add_generation_prompt=True)
        if (missing := _unwritten(prompt, start)) is not None:
            return f"the template does not write message {missing} ({prompt[missing]['role']})"
        for number, message in enumerate(completion):
            before = [*prompt, *completion[:number]]
            whole = render(tokenizer, [*before, message], add_generation_prompt=False)
            if (missing := _unwritten([*before, message], whole)) is not None:
                return (
                    f"the template does not write message {missing} "
                    f"({[*before, message][missing]['role']})"
                )
            if message["role"] != "assistant":
                continue
            if not whole.startswith(
                render(tokenizer, before, add_generation_prompt=True) if number else start
            ):
                return (
                    f"the template writes what comes before message {number + len(prompt)} "
                    "otherwise once it follows"
                )
    except ModelError as error:
        return error.faults[0]
    return ""


def _unwritten(messages: Sequence[Message], text: str) -> int | None:
    """The place of the first message whose content is not in the text after the one before it."""
    place = 0
    for number, message in enumerate(messages):
        content = message["content"].strip()
        found = text.find(content, place)
        if found < 0:
            return number
        place = found + len(content)
    return None


def _leaves_thinking_open(start: str) -> bool:
    header = start.rpartition(PROBE_PROMPT[0]["content"])[2]
    # Counted, as a template that turns thinking off writes an empty block: opened and closed.
    return len(_OPENED.findall(header)) > len(_CLOSED.findall(header))
