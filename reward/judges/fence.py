"""Text from outside, quoted so that it cannot pass for anything but a quotation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from records.rows import Message

MARK_LENGTH = 16
HALVES = re.compile("[\ud800-\udfff]")
CONTROL = re.compile(
    r"<(?=[|\uff5c][^<>\n]{1,60}[|\uff5c]>)"
    r"|<(?=/?(?:s|bos|eos|pad|unk|think|start_of_turn|end_of_turn|SYS|tool_call|tool_response)>)"
    r"|\[(?=/?(?:INST|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\])"
    r"|<(?=<SYS>>|</SYS>>)",
    re.IGNORECASE,
)
"""Where a token begins by which some chat format ends a turn or opens one: a server reads such
text as the token itself."""


def defused(text: str, tokens: Iterable[str] = ()) -> str:
    """The text with a space put into every control token, the known formats' and those in
    `tokens`, so that it stays text. Halves of characters (lone surrogates), which no server takes,
    are replaced."""
    # First, so that what is looked through below is what is sent.
    text = HALVES.sub("\ufffd", text)
    text = CONTROL.sub(lambda match: f"{match[0]} ", text)
    for token in tokens:
        # A token of one character cannot be parted, and white space ends no turn.
        if len(token) > 1 and not token.isspace():
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def mark_for(texts: Iterable[str]) -> str:
    """A word that stands in none of the texts and that none of them could have foreseen: it is a
    hash of them all.

    The same texts have the same mark, so that a question about them is asked once and found
    again.
    """
    held = list(texts)
    content = "\x1f".join(held).encode("utf-8", "surrogatepass")
    number = 0
    while True:
        mark = hashlib.sha256(content + number.to_bytes(8, "big")).hexdigest()[:MARK_LENGTH]
        # A hash of the texts that stands in one of them is all but impossible; then the next one is
        # tried.
        if not any(mark in text for text in held):
            return mark
        number += 1


def quoted(messages: Sequence[Message], mark: str, part: str) -> str:
    """Each message between two lines that carry the mark, with its part and its role."""
    lines = []
    for number, message in enumerate(messages, start=1):
        name = f"{part} {number} role={message['role']} mark={mark}"
        lines.append(f"<<<BEGIN {name}>>>\n{defused(message['content'])}\n<<<END {name}>>>")
    return "\n".join(lines)
