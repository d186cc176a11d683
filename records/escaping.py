"""Text from outside (data, settings, model folders) as the place that it is written to must have
it.

One function a target. None loses anything: a character that a reader would not see (ESC, a mark
that turns the direction of writing, a zero-width space) is spelled out, as in `\\x1b` or `\\u202e`,
and whatever the target would take for markup of its own is shown as it stands.
"""

from __future__ import annotations

import json
import re
from typing import Any

_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Controls but tab and line feed, lone surrogates, separators of lines, and what Unicode calls
default ignorable: marks of direction, characters without a width, tags, selectors of variants."""
UNSEEN = re.compile(f"[{_UNSEEN}]")
_UNSEEN_OR_BREAK = re.compile(f"[{_UNSEEN}\t\n]")
_MARKDOWN = re.compile(
    r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|(?<=[a-z]):(?=//)|(?<=\bwww)\.", re.I
)
"""What makes code, emphasis, links, cells, strokes and formulas; an underscore inside a word makes
nothing."""
_BLOCK = re.compile(r"[#+=-]|\d+(?=[.)](?:\s|$))")
"""What makes a heading, a list or a rule where a line begins with it."""
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def visible(text: str) -> str:
    """For a page or a block of text: line ends and tabs stay, nothing hides."""
    return UNSEEN.sub(_spelled, text)


def one_line(text: str) -> str:
    """For a terminal, a log or a label: no line but the one that is written.

    >>> one_line("harmful\\nPASS")
    'harmful\\\\nPASS'
    """
    return _UNSEEN_OR_BREAK.sub(_spelled, text)


def markdown_text(text: str) -> str:
    """For Markdown, as a paragraph, an item or a heading: words, and nothing else."""
    escaped = markdown_cell(text)
    block = _BLOCK.match(escaped)
    if block is None:
        return escaped
    # In "1. text" only the point makes the list: a backslash before a digit would be shown as it
    # is.
    place = block.end() if block[0].isdigit() else 0
    return f"{escaped[:place]}\\{escaped[place:]}"


def markdown_cell(text: str) -> str:
    """For Markdown, inside a line or a cell of a table.

    >>> markdown_cell("a|b <img> `c`\\n# d")
    'a\\\\|b &lt;img&gt; \\\\`c\\\\` # d'
    """
    # White space is joined first: a line end inside a cell would end the row of the table.
    words = one_line(" ".join(text.split()))
    # Entities come first: Markdown renderers pass raw HTML on to the browser.
    return _MARKDOWN.sub(r"\\\g<0>", words.translate(_ENTITIES))


def yaml_text(text: str) -> str:
    """For a value in YAML, such as the front matter of a card: quoted, on one line, without tags
    for viewers that know no front matter.
    """
    # JSON's strings are a subset of YAML's double-quoted ones, so json's quoting needs no YAML
    # writer.
    quoted = UNSEEN.sub(_spelled, json.dumps(text, ensure_ascii=False))
    return quoted.replace("<", "\\x3c").replace(">", "\\x3e")


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON that reads back as the same value and holds no character that a reader would not see."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # Most rows are ASCII, of which JSON itself leaves only DEL unescaped.
    return text if text.isascii() and "\x7f" not in text else UNSEEN.sub(_json_spelled, text)


def _spelled(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]


def _json_spelled(found: re.Match[str]) -> str:
    # json.dumps writes a pair of surrogates where a character needs one, which ascii() does not; a
    # JSON reader knows only the pair.
    return json.dumps(found[0])[1:-1]
